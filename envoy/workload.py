#!/usr/bin/env python3
"""A workload and its sidecar in one container: interception, Envoy and the application.

    workload.py --bootstrap FILE [OPTIONS] -- COMMAND…

1. The rules of intercept.sh are set; where they cannot be, it ends and nothing has started. The
   interceptionMode NONE of its ProxyConfig means that there are none.
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

    workload.py --gateway --bootstrap FILE [OPTIONS]

A gateway is Envoy alone: no rules, no COMMAND, and root is not needed. It too says that it leaves,
and then serves for --grace seconds what its clients have begun.

Needs nothing but Python, setpriv (util-linux), iptables and Envoy. In a container: root with
NET_ADMIN, SETUID, SETGID and KILL, and an init process (docker: init: true).
"""

import argparse
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import leave
from processes import (
    Address,
    Envoy,
    as_user,
    end,
    exit_status,
    is_done_as,
    removed,
    say,
    started,
    stopped,
    written,
)

HERE: Final = Path(__file__).resolve().parent
PROXY_UID: Final = 1337  # Istio's
APPLICATION_UID: Final = 10002
EXCLUSIONS: Final = ("inbound-ports", "outbound-ports", "outbound-ranges")
AWAITED: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
STOPS: Final = {signal.SIGTERM, signal.SIGINT}
LOOK_EVERY: Final = 0.1  # seconds between two questions whether Envoy is ready
SAY_EVERY: Final = 10.0  # seconds between two lines about what is awaited
COMMAND_GRACE: Final = 20.0  # seconds
GATEWAY_GRACE: Final = 5.0  # seconds; Istio's terminationDrainDuration
SPREAD_WITHIN: Final = 1.0  # seconds until every client knows that the workload leaves
ENVOY_FLAGS: Final = ("--ignore-unknown-dynamic-fields", "--disable-hot-restart")
ENVOY_OPTIONS: Final = {
    "--concurrency": "2",
    "--drain-time-s": "45",
    "--drain-strategy": "immediate",
    "--file-flush-interval-msec": "500",
    "--log-level": "warning",
}
SUPERVISION: Final = "SUPERVISION"  # metadata: what the proxy's ProxyConfig has for this program
NO_INTERCEPTION: Final = "NONE"


class Bootstrap:
    """A proxy's bootstrap, read; ends the program where the file is none."""

    def __init__(self, file: Path) -> None:
        try:
            self._json: dict[str, Any] = json.loads(file.read_bytes())
            self._node: dict[str, Any] = self._json["node"]
            metadata = self._node["metadata"]
            self._namespace = str(metadata["NAMESPACE"])
            supervision = metadata.get(SUPERVISION, {})
            self.grace = float(supervision["grace"]) if "grace" in supervision else None
            words = [str(word) for word in supervision.get("options", ())]
            self.options = dict(zip(words[::2], words[1::2], strict=True))
            if supervision.get("uses_all_cores"):
                self.options["--concurrency"] = str(os.cpu_count())
            self.environment = dict(supervision.get("environment", {}))
            self.is_intercepted = metadata.get("INTERCEPTION_MODE") != NO_INTERCEPTION
            self.admin = _address(self._json["admin"]["address"])
        except OSError as fault:
            end(f"{file}: {fault.strerror}")
        except (ValueError, LookupError, TypeError, AttributeError) as fault:
            end(f"{file} is no bootstrap of a proxy: {fault!r}")

    def xds(self) -> tuple[str, int] | None:
        """Host and port of the control plane; ``None`` where there is none, or none by TCP."""
        for cluster in self._json.get("static_resources", {}).get("clusters", ()):
            if cluster["name"] == "xds-grpc":
                (group,) = cluster["load_assignment"]["endpoints"]
                found = _address(group["lb_endpoints"][0]["endpoint"]["address"])
                return found if isinstance(found, tuple) else None
        return None

    def announce_leave(self, address: str) -> bool:
        return leave.announce(self._json, address)

    def replica(self, host: str) -> str:
        """The name of the replica on a host, made of both names as that of a Pod is."""
        workload = self._node["metadata"].get("WORKLOAD_NAME", "")
        return host if host.startswith(workload) else f"{workload}-{host}"

    def of(self, kind: str, name: str, address: str) -> str:
        """The bootstrap of the replica that has this name and address."""
        domain = f"{self._namespace}.svc.cluster.local"
        metadata = {**self._node["metadata"], "NAME": name, "INSTANCE_IPS": address}
        proxy = f"{kind}~{address}~{name}.{self._namespace}~{domain}"
        return json.dumps({**self._json, "node": {**self._node, "id": proxy, "metadata": metadata}})


def _address(address: Mapping[str, Any]) -> Address:
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


def set_rules(options: argparse.Namespace) -> None:
    command = ["sh", str(HERE / "intercept.sh"), "--uid", str(options.uid)]
    for name in EXCLUSIONS:
        command += [f"--exclude-{name}", getattr(options, f"exclude_{name.replace('-', '_')}")]
    if subprocess.run(command, check=False).returncode:
        end("the traffic is not intercepted, so nothing is started")


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


def announced(bootstrap: Bootstrap, address: str, uid: int) -> None:
    """Tell the control plane that this workload ends; it finds out by itself, but later."""
    if bootstrap.xds() and not is_done_as(uid, lambda: bootstrap.announce_leave(address)):
        say("the control plane knows of no such workload, or does not answer")


def awaited_stop(envoy: Envoy, application: subprocess.Popen[bytes] | None) -> bool:
    """Whether it is a signal that ends the wait, not the application; Envoy runs all the while."""
    while True:
        pause = envoy.keep_running()
        came = (
            signal.sigwait(AWAITED)
            if pause is None
            else getattr(signal.sigtimedwait(AWAITED, pause), "si_signo", None)
        )
        if application is not None and application.poll() is not None:
            return False
        if came in STOPS:
            return True


def run_workload(
    envoy: Envoy, application: subprocess.Popen[bytes], announce: Callable[[], None], grace: float
) -> int:
    """The application's status when it has ended, by itself or because this is to end."""
    if awaited_stop(envoy, application):
        announce()
        time.sleep(SPREAD_WITHIN)
        envoy.drain(inbound_only=True)
    else:
        say(f"the application ended with status {exit_status(application.returncode)}")
        announce()
    status = stopped("the application", application, grace)
    envoy.stop()
    return status


def run_gateway(envoy: Envoy, announce: Callable[[], None], grace: float) -> int:
    awaited_stop(envoy, None)
    announce()
    time.sleep(SPREAD_WITHIN)
    envoy.drain(inbound_only=False)
    time.sleep(grace)
    envoy.stop()
    return 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bootstrap", type=Path, required=True, metavar="FILE")
    parser.add_argument("--envoy", default="envoy", help="the program; from PATH if unset")
    parser.add_argument("--name", help="the replica's; from the workload and the host if unset")
    parser.add_argument("--address", help="its address; the one towards xDS if unset")
    parser.add_argument("--uid", type=int, default=PROXY_UID, help="Envoy's user; 1337 if unset")
    parser.add_argument(
        "--app-uid", type=int, default=APPLICATION_UID, help="COMMAND's user; 10002 if unset"
    )
    parser.add_argument(
        "--grace",
        type=float,
        help="seconds for COMMAND, or what clients began, to end; as the proxy's ProxyConfig says "
        "(terminationDrainDuration), or 20 for COMMAND and 5 for clients, if unset",
    )
    parser.add_argument(
        "--concurrency", type=int, help="Envoy's threads; as its ProxyConfig says, or 2, if unset"
    )
    for name in EXCLUSIONS:
        parser.add_argument(f"--exclude-{name}", default="", help="see intercept.sh")
    parser.add_argument("--gateway", action="store_true", help="Envoy alone, as a gateway")
    parser.add_argument("command", nargs="*", metavar="COMMAND")
    options = parser.parse_args(arguments)
    if options.gateway == bool(options.command):
        parser.error("give either a COMMAND or --gateway")
    if options.gateway and os.geteuid() != 0:
        options.uid = os.geteuid()
    if options.app_uid in (0, options.uid):
        parser.error("--app-uid is neither root's nor Envoy's, whose traffic is not intercepted")
    return options


def envoy_command(options: argparse.Namespace, bootstrap: Bootstrap, file: Path) -> list[str]:
    """Options of this program win over those of the ProxyConfig."""
    valued = {**ENVOY_OPTIONS, **bootstrap.options}
    if options.concurrency is not None:
        valued["--concurrency"] = str(options.concurrency)
    words = [word for pair in valued.items() for word in pair]
    return [options.envoy, "-c", str(file), *ENVOY_FLAGS, *words]


def check_surroundings(envoy: str) -> None:
    for needed in ("setpriv", envoy):
        if shutil.which(needed) is None:
            end(f"there is no program {needed}")
    for stream in (sys.stdout, sys.stderr):
        if stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode) and os.geteuid() == 0:
            os.fchmod(stream.fileno(), 0o666)  # Envoy opens /dev/stdout for its access log


def main() -> int:
    options = parsed(sys.argv[1:])
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    bootstrap = Bootstrap(options.bootstrap)
    if not options.gateway and bootstrap.is_intercepted:
        set_rules(options)
    check_surroundings(options.envoy)
    grace = options.grace if options.grace is not None else bootstrap.grace
    if grace is None:
        grace = GATEWAY_GRACE if options.gateway else COMMAND_GRACE
    name = options.name or bootstrap.replica(socket.gethostname())
    address = options.address or own_address(bootstrap)
    kind = "router" if options.gateway else "sidecar"
    file = written(bootstrap.of(kind, name, address), options.uid)
    try:
        command = envoy_command(options, bootstrap, file)
        envoy = Envoy(command, options.uid, bootstrap.admin, bootstrap.environment)
        envoy.start()
        wait_until_ready(envoy)
        announce = partial(announced, bootstrap, address, options.uid)
        if options.gateway:
            say("ready")
            return run_gateway(envoy, announce, grace)
        say(f"intercepted and ready; starting {options.command[0]}")
        application = started(as_user(options.app_uid, options.command), os.environ)
        return run_workload(envoy, application, announce, grace)
    finally:
        removed(file, options.uid)


if __name__ == "__main__":
    sys.exit(main())
