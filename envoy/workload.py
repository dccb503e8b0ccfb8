#!/usr/bin/env python3
"""A workload and its sidecar in one container: interception, Envoy and the application.

    workload.py --bootstrap FILE [OPTIONS] -- COMMAND…

1. The rules of intercept.sh are set; where they cannot be, it ends and nothing has started.
2. Envoy runs as user 1337. One bootstrap serves all replicas: each gets a copy with its own name
   and address, which only that user may read.
3. When Envoy is ready, COMMAND runs as another user without capabilities, which cannot pass for the
   sidecar.
4. When COMMAND ends, this ends with its status (128 + N after signal N), so that a restart policy
   starts both again, the rules first. When Envoy ends it is started again; until then the rules
   lead to nobody, so nothing arrives and nothing leaves.
5. After SIGTERM or SIGINT the workload leaves the mesh before it ends: the control plane is told,
   Envoy tells its clients to go elsewhere, COMMAND gets SIGTERM and time to finish, Envoy ends
   last.

Needs nothing but Python, setpriv (util-linux), iptables and Envoy. In a container: root with
NET_ADMIN, SETUID, SETGID and KILL, and an init process (docker: init: true).
"""

import argparse
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import leave

HERE: Final = Path(__file__).resolve().parent
PROXY_UID: Final = 1337  # Istio's
APPLICATION_UID: Final = 10002
AWAITED: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
STOPS: Final = {signal.SIGTERM, signal.SIGINT}
LOOK_EVERY: Final = 0.1  # seconds between two questions whether Envoy is ready
SAY_EVERY: Final = 10.0  # seconds between two lines about what is awaited
SPREAD_WITHIN: Final = 1.0  # seconds until every client knows that the workload leaves
ENVOY_ENDS_WITHIN: Final = 5.0  # seconds
BACK_OFF: Final = (0.05, 5.0)  # seconds before Envoy is started again: first, longest
STEADY_AFTER: Final = 10.0  # seconds of life after which the back-off begins anew
ENVOY_FLAGS: Final = (
    *("--ignore-unknown-dynamic-fields", "--disable-hot-restart"),
    *("--drain-time-s", "45", "--drain-strategy", "immediate"),
    *("--file-flush-interval-msec", "500", "-l", "warning"),
)
CAP_SETPCAP: Final = 8  # linux/capability.h


def say(text: str) -> None:
    print(f"workload: {text}", file=sys.stderr, flush=True)


def end(text: str) -> NoReturn:
    say(text)
    sys.exit(1)


class Bootstrap:
    """A proxy's bootstrap, read; ends the program where the file is none."""

    def __init__(self, file: Path) -> None:
        try:
            self._json: dict[str, Any] = json.loads(file.read_bytes())
            self._node: dict[str, Any] = self._json["node"]
            self._namespace = str(self._node["metadata"]["NAMESPACE"])
            self.admin = self._address(self._json["admin"]["address"])
        except OSError as fault:
            end(f"{file}: {fault.strerror}")
        except (ValueError, LookupError, TypeError) as fault:
            end(f"{file} is no bootstrap of a proxy: {fault!r}")

    def control_plane(self) -> leave.ControlPlane | None:
        """With the token that its file has by now."""
        return leave.control_plane(self._json)

    def xds(self) -> tuple[str, int] | None:
        return leave.xds_address(self._json)

    def of(self, name: str, address: str) -> str:
        """The bootstrap of the replica that has this name and address."""
        domain = f"{self._namespace}.svc.cluster.local"
        metadata = {**self._node["metadata"], "NAME": name, "INSTANCE_IPS": address}
        proxy = f"sidecar~{address}~{name}.{self._namespace}~{domain}"
        return json.dumps({**self._json, "node": {**self._node, "id": proxy, "metadata": metadata}})

    @staticmethod
    def _address(address: Mapping[str, Any]) -> tuple[str, int] | str:
        """Host and port, or the path of a socket."""
        if "pipe" in address:
            return str(address["pipe"]["path"])
        found = address["socket_address"]
        return str(found["address"]), int(found["port_value"])


def own_address(bootstrap: Bootstrap) -> str:
    """The address that the control plane sees, so it must have a way there; nothing is sent."""
    said = 0.0
    host, port = bootstrap.xds() or ("192.0.2.1", 9)
    while True:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.connect(address)
                return str(probe.getsockname()[0])
        except OSError as fault:
            if time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                say(f"there is no way to {host}: {fault.strerror}")
        if signal.sigtimedwait(STOPS, 0.2):
            sys.exit(0)


def has_capability(number: int) -> bool:
    with Path("/proc/self/status").open() as lines:
        effective = next(line.split()[1] for line in lines if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> number & 1)


def as_user(uid: int, command: Sequence[str]) -> list[str]:
    """``command`` without privileges, that ends when this process is killed."""
    options = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all"]
    if has_capability(CAP_SETPCAP):
        options.append("--bounding-set=-all")
    user = [f"--reuid={uid}", f"--regid={uid}"]
    return ["setpriv", *user, *options, "--pdeathsig", "KILL", "--", *command]


def started(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """In a session of its own: a Ctrl-C is for this program, which ends the others in order."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, ()),
    )


def is_done_as(uid: int, action: Callable[[], bool]) -> bool:
    """Whether ``action`` succeeds for a user, whose traffic and sockets are the sidecar's."""
    child = os.fork()
    if child == 0:
        is_done = False
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            is_done = action()
        finally:
            os._exit(0 if is_done else 1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


class _Connection(http.client.HTTPConnection):
    """To an admin interface, which may be a socket in the file system."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        host, port = address if isinstance(address, tuple) else ("localhost", None)
        super().__init__(host, port, timeout=2)
        self._path = address if isinstance(address, str) else None

    def connect(self) -> None:
        if self._path is None:
            return super().connect()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        return self.sock.connect(self._path)


class Envoy:
    """The sidecar: started, and started again whenever it ends by itself."""

    def __init__(self, command: Sequence[str], uid: int, admin: tuple[str, int] | str) -> None:
        self._command = as_user(uid, command)
        self._uid, self._admin = uid, admin
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._next = 0.0
        self._back_off = BACK_OFF[0]

    def start(self) -> None:
        self._process = started(self._command, os.environ)
        self._began = time.monotonic()

    def ended(self) -> int | None:
        return self._process.poll() if self._process else None

    def keep_running(self) -> float | None:
        """Start it again if it is time; the seconds until then, ``None`` while it runs."""
        now = time.monotonic()
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return None
            self._process = None
            is_steady = now - self._began > STEADY_AFTER
            self._back_off = BACK_OFF[0] if is_steady else min(self._back_off * 2, BACK_OFF[1])
            self._next = now + self._back_off
            say(
                f"envoy ended with status {status}; it is started again in {self._back_off:g} s, "
                "and nothing arrives or leaves before"
            )
        if now >= self._next:
            self.start()
            return None
        return self._next - now

    def is_ready(self) -> bool:
        return is_done_as(self._uid, lambda: self._answers("GET", "/ready"))

    def drain(self) -> None:
        """Have its clients go elsewhere with their next request; it serves on meanwhile."""
        path = "/drain_listeners?inboundonly&graceful&skip_exit"
        is_done_as(self._uid, lambda: self._answers("POST", path))

    def _answers(self, method: str, path: str) -> bool:
        connection = _Connection(self._admin)
        try:
            connection.request(method, path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> None:
        if self._process is not None:
            stopped("envoy", self._process, ENVOY_ENDS_WITHIN)


def stopped(name: str, process: subprocess.Popen[bytes], within: float) -> int:
    """Its status after SIGTERM, or SIGKILL to it and its children when ``within`` is over."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            say(f"{name} has not ended within {within:g} s after SIGTERM")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return exit_status(process.returncode)


def exit_status(returned: int) -> int:
    """As shells say it: 128 + N after signal N."""
    return returned if returned >= 0 else 128 - returned


def set_rules(script: Path, options: Sequence[str]) -> None:
    done = subprocess.run(["sh", str(script), *options], check=False)
    if done.returncode:
        end("the traffic is not intercepted, so nothing is started")


def written(text: str, uid: int) -> Path:
    """A new file that only this user may read."""
    file = Path(tempfile.gettempdir(), f"bootstrap-{secrets.token_hex(8)}.json")

    def write() -> bool:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            out.write(text)
        return True

    if not is_done_as(uid, write):
        end(f"{file} cannot be written")
    return file


def removed(file: Path, uid: int) -> None:
    def remove() -> bool:
        file.unlink()
        return True

    is_done_as(uid, remove)


def wait_until_ready(envoy: Envoy) -> None:
    said = time.monotonic()
    while not envoy.is_ready():
        if signal.sigtimedwait(STOPS, LOOK_EVERY):
            envoy.stop()
            sys.exit(0)
        if (status := envoy.ended()) is not None:
            end(f"envoy ended with status {status} before it was ready; nothing else is started")
        if time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            say("envoy waits for its configuration")


def announced(bootstrap: Bootstrap, uid: int) -> None:
    """Tell the control plane that this workload ends; it finds out by itself, but later."""

    def announce() -> bool:
        try:
            to = bootstrap.control_plane()
            return to is None or leave.announce_leave(to)
        except (OSError, ValueError) as fault:
            say(f"the control plane does not answer: {fault}")
            return False

    is_done_as(uid, announce)


def supervise(
    envoy: Envoy, application: subprocess.Popen[bytes], announce: Callable[[], None], grace: float
) -> int:
    """The application's status when it has ended, by itself or because this is to end."""
    while True:
        pause = envoy.keep_running()
        came = (
            signal.sigwait(AWAITED)
            if pause is None
            else getattr(signal.sigtimedwait(AWAITED, pause), "si_signo", None)
        )
        if application.poll() is not None:
            say(f"the application ended with status {exit_status(application.returncode)}")
            announce()
            break
        if came in STOPS:
            announce()
            time.sleep(SPREAD_WITHIN)
            envoy.drain()
            break
    status = stopped("the application", application, grace)
    envoy.stop()
    return status


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bootstrap", type=Path, required=True, metavar="FILE")
    parser.add_argument("--envoy", default="envoy", help="the program; from PATH if unset")
    parser.add_argument("--name", help="the replica's name; the host's if unset")
    parser.add_argument("--address", help="its address; the one towards xDS if unset")
    parser.add_argument("--uid", type=int, default=PROXY_UID, help="Envoy's user; 1337 if unset")
    parser.add_argument(
        "--app-uid", type=int, default=APPLICATION_UID, help="COMMAND's user; 10002 if unset"
    )
    parser.add_argument(
        "--grace", type=float, default=20.0, help="seconds for COMMAND to end; 20 if unset"
    )
    parser.add_argument("--concurrency", type=int, default=2, help="Envoy's threads; 2 if unset")
    for what in ("inbound-ports", "outbound-ports", "outbound-ranges"):
        parser.add_argument(f"--exclude-{what}", default="", help="see intercept.sh")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args(arguments)
    if options.app_uid in (0, options.uid):
        parser.error("--app-uid is neither root's nor Envoy's, whose traffic is not intercepted")
    return options


def main() -> int:
    options = parsed(sys.argv[1:])
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    set_rules(
        HERE / "intercept.sh",
        [
            *("--uid", str(options.uid), "--exclude-inbound-ports", options.exclude_inbound_ports),
            *("--exclude-outbound-ports", options.exclude_outbound_ports),
            *("--exclude-outbound-ranges", options.exclude_outbound_ranges),
        ],
    )
    for needed in ("setpriv", options.envoy):
        if shutil.which(needed) is None:
            end(f"there is no program {needed}")
    for stream in (sys.stdout, sys.stderr):
        if stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode):
            os.fchmod(stream.fileno(), 0o666)  # Envoy opens /dev/stdout for its access log
    bootstrap = Bootstrap(options.bootstrap)
    address = options.address or own_address(bootstrap)
    file = written(bootstrap.of(options.name or socket.gethostname(), address), options.uid)
    try:
        envoy_command = [options.envoy, "-c", str(file), *ENVOY_FLAGS]
        envoy_command += ["--concurrency", str(options.concurrency)]
        envoy = Envoy(envoy_command, options.uid, bootstrap.admin)
        envoy.start()
        wait_until_ready(envoy)
        say(f"intercepted and ready; starting {options.command[0]}")
        command = as_user(options.app_uid, options.command)
        application = started(command, os.environ)
        announce = partial(announced, bootstrap, options.uid)
        return supervise(envoy, application, announce, options.grace)
    finally:
        removed(file, options.uid)


if __name__ == "__main__":
    sys.exit(main())
