"""Steady requests through a real Envoy while its mesh is edited and its control plane is killed."""

import bisect
import http.client
import itertools
import re
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.churn import PORTS, Churn
from tests.support.mesh import ControlPlane, Workload
from tests.support.pki import Authority
from tests.support.process import Running
from tests.support.upstream import running_upstreams

EDITS: Final = 20  # a second
REQUESTS: Final = 200  # a second
CLIENTS: Final = 4  # of the requests by HTTP, each with a connection that stays open
TLS_REQUESTS: Final = 20  # a second of them, by TLS on new connections
SLOW: Final = 0.25  # seconds of an edit whose files are not one change any more: 0.02 are meant
SECURE: Final = "secure.example"
MESH_CONFIG: Final = (
    "accessLogFile: LOG\n"
    'accessLogFormat: "soak %REQ(X-SOAK)% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\\n"\n'
)
_LOGGED: Final = re.compile(r"^soak (\S+) (\S+) (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Failure:
    number: int
    moment: float
    host: str
    what: str


@dataclass(slots=True)
class Soaked:
    """What happened. ``edits`` are pairs of the moment when an edit began and what it was."""

    requests: int = 0
    kills: int = 0
    edits: list[tuple[float, str]] = field(default_factory=list)
    slow: list[tuple[float, float]] = field(default_factory=list)
    """When an edit took so long that its files were not one change any more."""
    failed: list[Failure] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    """What Envoy rejected, by the names of its counters."""
    flags: dict[str, str] = field(default_factory=dict)
    """Envoy's response flags and details of each request that failed, by its number."""

    @property
    def is_telling(self) -> bool:
        """Whether the machine made nearly all edits as they are meant: little is excused."""
        return len(self.slow) <= len(self.edits) / 20

    @property
    def failures(self) -> list[Failure]:
        """What failed, but for requests during edits that the machine was too busy to make."""
        return [f for f in self.failed if not any(a <= f.moment <= b for a, b in self.slow)]

    def report(self) -> str:
        lines = [
            f"{self.requests} requests, {len(self.failures)} failed; {len(self.edits)} edits, "
            f"{self.kills} kills; rejected: {self.rejected or 'nothing'}; {len(self.slow)} edits "
            f"took more than {SLOW:g} s, in which {len(self.failed) - len(self.failures)} failed"
        ]
        moments = [moment for moment, _ in self.edits]
        for failure in self.failures[:20]:
            before = bisect.bisect(moments, failure.moment)
            lines.append(
                f"{failure.moment:.3f} {failure.host}: {failure.what}, "
                f"{self.flags.get(str(failure.number), 'not in the access log')}"
            )
            lines += [f"    {moment:.3f} {what}" for moment, what in self.edits[:before][-3:]]
        return "\n".join(lines)


def soak(folder: Path, seconds: float, *, kill_every: float | None, seed: int) -> Soaked:
    """Run for so many seconds; the control plane is killed every ``kill_every`` of them."""
    root = Authority("root")
    soaked, stop = Soaked(), threading.Event()
    log = folder / "access.log"
    (folder / "mesh-config.yaml").write_text(MESH_CONFIG.replace("LOG", str(log)))
    plane = ControlPlane(
        folder, "--mesh-config", str(folder / "mesh-config.yaml"), guards_removals=True
    )
    churn = Churn(plane.config, [root.leaf(SECURE) for _ in range(20)], seed)
    churn.begin()
    workload = Workload()
    with ExitStack() as stack:
        upstreams = stack.enter_context(running_upstreams())
        for port in PORTS:
            upstreams.add(f"u{port}", "127.0.0.1", port)
        serving = stack.enter_context(_Serving(plane).open())
        envoy = stack.enter_context(plane.proxy(folder / "gateway", workload))
        asked = _Load(soaked, workload.address, churn.hosts, root.pem, stop)
        asked.wait_until_served()
        threads = [
            *asked.threads(),
            threading.Thread(target=_edit, args=(churn, soaked, stop)),
            threading.Thread(target=_kill, args=(serving, soaked, kill_every, stop)),
        ]
        for thread in threads:
            thread.start()
        stop.wait(seconds)
        stop.set()
        for thread in threads:
            thread.join()
        soaked.rejected = envoy.rejected()
        soaked.flags = _flags(log, soaked)
    return soaked


class _Serving:
    """A control plane that can be killed and is started again."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._child: Running | None = None
        self._stack = ExitStack()

    @contextmanager
    def open(self) -> Iterator["_Serving"]:
        self._start()
        try:
            yield self
        finally:
            self._stack.close()

    def kill(self) -> None:
        assert self._child is not None, "it was started"
        self._child.terminate(signal.SIGKILL)
        self._stack.close()
        self._start()

    def _start(self) -> None:
        self._child = self._stack.enter_context(self._plane.running())


def _edit(churn: Churn, soaked: Soaked, stop: threading.Event) -> None:
    due = time.monotonic()
    began = due
    for what in churn.edits():
        ended = time.monotonic()
        soaked.edits.append((began, f"{what} ({(ended - began) * 1e3:.0f} ms)"))
        if ended - began > SLOW:
            soaked.slow.append((began, ended + SLOW))
        due = max(due + 1 / EDITS, time.monotonic() - 1)
        if stop.wait(max(due - time.monotonic(), 0)):
            return
        began = time.monotonic()


def _kill(
    serving: _Serving, soaked: Soaked, kill_every: float | None, stop: threading.Event
) -> None:
    while kill_every is not None and not stop.wait(kill_every):
        soaked.edits.append((time.monotonic(), "the control plane is killed"))
        serving.kill()
        soaked.edits.append((time.monotonic(), "the control plane is there again"))
        soaked.kills += 1


class _Load:
    """Clients, each on a thread of its own."""

    def __init__(
        self,
        soaked: Soaked,
        address: str,
        hosts: tuple[str, ...],
        root: str,
        stop: threading.Event,
    ) -> None:
        self._soaked = soaked
        self._address = address
        self._hosts = hosts
        self._tls = ssl.create_default_context(cadata=root)
        self._stop = stop
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def threads(self) -> list[threading.Thread]:
        pause = CLIENTS / (REQUESTS - TLS_REQUESTS)
        asking = [
            threading.Thread(target=self._ask, args=(self._hosts[i:] + self._hosts[:i], pause))
            for i in range(CLIENTS)
        ]
        return [*asking, threading.Thread(target=self._repeat, args=(self._handshake,))]

    def wait_until_served(self) -> None:
        deadline = time.monotonic() + 20
        for host in (*self._hosts, SECURE):
            while not self._is_served(host):
                assert time.monotonic() < deadline, f"{host} is not served"
                time.sleep(0.05)

    def _is_served(self, host: str) -> bool:
        try:
            if host == SECURE:
                return self._over_tls(0) == 200
            connection = http.client.HTTPConnection(self._address, 8080, timeout=10)
            connection.request("GET", "/", headers={"host": host})
            return connection.getresponse().status == 200
        except OSError:
            return False

    def _ask(self, hosts: tuple[str, ...], pause: float) -> None:
        connection = http.client.HTTPConnection(self._address, 8080, timeout=10)
        due = time.monotonic()
        for host in itertools.cycle(hosts):
            due += pause
            if self._stop.wait(max(due - time.monotonic(), 0)):
                break
            self._count(host, lambda number, host=host: _got(connection, host, number))  # type: ignore[misc]
        connection.close()

    def _repeat(self, ask: Callable[[int], int]) -> None:
        while not self._stop.wait(1 / TLS_REQUESTS):
            self._count(SECURE, ask)

    def _count(self, host: str, ask: Callable[[int], int]) -> None:
        number = next(self._numbers)
        try:
            status: object = ask(number)
        except Exception as error:  # whatever it is, the request was not answered
            status = repr(error)
        with self._lock:
            self._soaked.requests += 1
            if status != 200:
                failure = Failure(number, time.monotonic(), host, str(status))
                self._soaked.failed.append(failure)

    def _handshake(self, number: int) -> int:
        return self._over_tls(number)

    def _over_tls(self, number: int) -> int:
        with (
            socket.create_connection((self._address, 8443), timeout=10) as raw,
            self._tls.wrap_socket(raw, server_hostname=SECURE) as connection,
        ):
            connection.sendall(
                f"GET / HTTP/1.1\r\nhost: {SECURE}\r\nx-soak: {number}\r\n\r\n".encode()
            )
            return int(connection.recv(4096).split()[1])


def _got(connection: http.client.HTTPConnection, host: str, number: int) -> int:
    """The status; a connection that Envoy closed between two requests is opened again."""
    for _ in range(2):
        try:
            connection.request("GET", "/", headers={"host": host, "x-soak": str(number)})
            answer = connection.getresponse()
            answer.read()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()
        else:
            if answer.headers.get("connection") == "close":
                connection.close()
            return answer.status
    raise ConnectionError("closed twice without an answer")


def _flags(log: Path, soaked: Soaked) -> dict[str, str]:
    failed = {str(failure.number) for failure in soaked.failed}
    found = _LOGGED.finditer(log.read_text(errors="replace"))
    return {m[1]: f"{m[2]} {m[3]}" for m in found if m[1] in failed}
