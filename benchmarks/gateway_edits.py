"""One edit of a gateway with 1,000 VirtualServices, 1,000 DestinationRules and 1,000
ServiceEntries: what it costs to compute, what is sent, and when a real Envoy serves it.

The VirtualServices are told apart by host (a route table of 1,000 virtual hosts) or by path (one
virtual host of 1,000 routes). Each edit changes which of two upstreams answers.
"""

import gc
import http.client
import re
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import mesh
from edit_cost import GATEWAY
from edit_latency import free_port, served
from figures import show

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig

SIZE = 1_000
RUNS = 40
EDITED = 50
NAMES = ("a", "b")

VIRTUAL_SERVICE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: route-{n}, namespace: default}}
spec:
  hosts: [{host}]
  gateways: [istio-system/gateway]
  http:
  - match: [{{uri: {{prefix: /{n}/}}}}]
    route: [{{destination: {{host: backend-{n}.example.org, subset: {subset}}}}}]
"""
DESTINATION_RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: backend-{n}, namespace: default}}
spec:
  host: backend-{n}.example.org
  subsets:
  - {{name: a, labels: {{version: {a}}}}}
  - {{name: b, labels: {{version: {b}}}}}
"""
SERVICE_ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: backend-{n}, namespace: default}}
spec:
  hosts: [backend-{n}.example.org]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints:
  - {{address: 127.0.0.1, ports: {{http: {a}}}, labels: {{version: a}}}}
  - {{address: 127.0.0.1, ports: {{http: {b}}}, labels: {{version: b}}}}
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the VirtualServices share the gateway, and where the upstreams are."""

    host: Callable[[int], str]
    ports: tuple[int, int]

    def route(self, n: int, other: bool) -> tuple[str, str]:
        subset = NAMES[other]
        text = VIRTUAL_SERVICE.format(n=n, host=self.host(n), subset=subset)
        return f"{n // 100}/route-{n}.yaml", text

    def rule(self, n: int, other: bool) -> tuple[str, str]:
        a, b = reversed(NAMES) if other else NAMES
        return f"{n // 100}/rule-{n}.yaml", DESTINATION_RULE.format(n=n, a=a, b=b)

    def entry(self, n: int, other: bool) -> tuple[str, str]:
        a, b = reversed(self.ports) if other else self.ports
        return f"{n // 100}/entry-{n}.yaml", SERVICE_ENTRY.format(n=n, a=a, b=b)

    def files(self, port: int) -> Iterator[tuple[str, str]]:
        yield "gateway.yaml", mesh.gateway(port)
        for n in range(SIZE):
            yield from (self.route(n, False), self.rule(n, False), self.entry(n, False))


def by_host(ports: tuple[int, int] = (9001, 9002)) -> Layout:
    return Layout(lambda n: f"host-{n}.example.com", ports)


def by_path(ports: tuple[int, int] = (9001, 9002)) -> Layout:
    return Layout(lambda _: "one.example.com", ports)


Edit = Callable[[int, bool], tuple[str, str]]


def edits(layout: Layout) -> dict[str, Edit]:
    return {
        "VirtualService": layout.route,
        "DestinationRule": layout.rule,
        "ServiceEntry": layout.entry,
    }


def computed(layout: Layout) -> dict[str, float]:
    """Median milliseconds from a changed text to all resources, and to the end of the analysis."""
    engine = Engine(MeshConfig(), now=datetime.now(UTC))
    engine.apply((Path(name), text.encode()) for name, text in layout.files(8080))
    view = engine.view(GATEWAY)
    engine.connected.hold(view)
    engine.resources(view)
    engine.analyse()
    gc.collect()
    gc.freeze()
    figures = {}
    for kind, edit in edits(layout).items():
        to_resources, to_analysed = [], []
        for i in range(RUNS):
            name, text = edit(EDITED, i % 2 == 0)
            started = time.perf_counter()
            engine.apply([(Path(name), text.encode())])
            engine.resources(view)
            to_resources.append(time.perf_counter() - started)
            engine.analyse()
            to_analysed.append(time.perf_counter() - started)
        figures[f"{kind}: compute, ms"] = statistics.median(to_resources) * 1e3
        figures[f"{kind}: compute and analyse, ms"] = statistics.median(to_analysed) * 1e3
    gc.unfreeze()
    return figures


def upstream(name: str) -> int:
    """A server on a thread that answers every request with ``name``; gives its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    answer = f"HTTP/1.1 200 -\r\ncontent-length: {len(name)}\r\n\r\n{name}".encode()

    def talk(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, suppress(OSError):
            while connection.recv(65536):
                connection.sendall(answer)

    def accept() -> None:
        while True:
            threading.Thread(target=talk, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    port: int = listening.getsockname()[1]
    return port


@dataclass(frozen=True, slots=True)
class Client:
    """One kept connection to the gateway, for what is edited."""

    connection: http.client.HTTPConnection
    host: str

    def asked(self) -> str:
        self.connection.request("GET", f"/{EDITED}/", headers={"Host": self.host})
        return self.connection.getresponse().read().decode()

    def until(self, name: str) -> float:
        """Seconds until ``name`` answers."""
        started = time.perf_counter()
        while self.asked() != name:
            if time.perf_counter() - started > 30:
                raise SystemExit(f"{self.host} is not answered by {name} within 30 s")
        return time.perf_counter() - started


def bytes_sent(admin: int) -> float:
    """What the control plane has sent so far."""
    with closing(http.client.HTTPConnection("127.0.0.1", admin, timeout=5)) as connection:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    sums = re.findall(r"^pilot_xds_config_size_bytes_sum\S* (\S+)$", text, re.M)
    return sum(map(float, sums))


def seen(layout: Layout) -> dict[str, float]:
    """Median milliseconds from a rename to a real Envoy's new answer, and kilobytes sent."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        config, port = Path(folder) / "config", free_port()
        config.mkdir()
        for name, text in layout.files(port):
            (config / name).parent.mkdir(exist_ok=True)
            (config / name).write_text(text)
        with served(Path(folder)) as admin:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            client = Client(connection, layout.host(EDITED))
            until_there(client)
            started = time.perf_counter()
            for _ in range(200):
                client.asked()
            floor = (time.perf_counter() - started) / 200
            for kind, edit in edits(layout).items():
                took, before = [], bytes_sent(admin)
                for i in range(RUNS):
                    name, text = edit(EDITED, i % 2 == 0)
                    time.sleep(0.1)
                    mesh.rename_into(config / name, text)
                    took.append(client.until(NAMES[i % 2 == 0]) - floor)
                sent = (bytes_sent(admin) - before) / RUNS
                figures[f"{kind}: rename to new answer, ms"] = statistics.median(took) * 1e3
                figures[f"{kind}: sent, kB"] = sent / 1e3
    return figures


def until_there(client: Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            if client.asked() == "a":
                return
        client.connection.close()
        time.sleep(0.05)
    raise SystemExit("the gateway serves nothing within 60 s")


def measured() -> dict[str, float]:
    ports = (upstream("a"), upstream("b"))
    figures = {}
    for name, layout in (("by host", by_host(ports)), ("by path", by_path(ports))):
        found = computed(layout) | seen(layout)
        figures |= {f"{name}, {figure}": value for figure, value in sorted(found.items())}
    return figures


if __name__ == "__main__":
    show(measured())
