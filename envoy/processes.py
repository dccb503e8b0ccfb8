"""Processes of a container: an Envoy that is kept running, and users without rights.

Nothing here has threads, so a fork may do what it likes.
"""

import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NoReturn

ENVOY_ENDS_WITHIN: Final = 5.0  # seconds
BACK_OFF: Final = (0.05, 5.0)  # seconds before Envoy is started again: first, longest
STEADY_AFTER: Final = 10.0  # seconds of life after which the back-off begins anew
CAP_SETPCAP: Final = 8  # linux/capability.h
Address = tuple[str, int] | str
"""Host and port, or the path of a socket."""


def say(text: str) -> None:
    print(f"workload: {text}", file=sys.stderr, flush=True)


def end(text: str) -> NoReturn:
    say(text)
    sys.exit(1)


def has_capability(number: int) -> bool:
    with Path("/proc/self/status").open() as lines:
        effective = next(line.split()[1] for line in lines if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> number & 1)


def as_user(uid: int, command: Sequence[str]) -> list[str]:
    """``command`` without privileges, that ends when this process is killed."""
    options = ["--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--pdeathsig", "KILL"]
    if os.geteuid() != uid:
        options += [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    if has_capability(CAP_SETPCAP):
        options.append("--bounding-set=-all")
    return ["setpriv", *options, "--", *command]


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
            if os.geteuid() != uid:
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

    def __init__(self, address: Address) -> None:
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

    def __init__(
        self,
        command: Sequence[str],
        uid: int,
        admin: Address,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._command = as_user(uid, command)
        self._environment = environment
        self._uid, self._admin = uid, admin
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._next = 0.0
        self._back_off = BACK_OFF[0]

    def start(self) -> None:
        self._process = started(self._command, {**os.environ, **self._environment})
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

    def drain(self, *, inbound_only: bool) -> None:
        """Have its clients go elsewhere with their next request; it serves on meanwhile."""
        path = f"/drain_listeners?graceful&skip_exit{'&inboundonly' if inbound_only else ''}"
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
