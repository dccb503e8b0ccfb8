"""What Istio's metrics cost a gateway Envoy: requests a second of its CPU, and memory.

Gateways of one control plane serve the same 100 services: one without metrics, one that counts
requests alone, one with all of Istio's metrics, and one whose Telemetry adds a label by an
expression of CEL to each. The same client asks
them in turns, so that a busy machine slows all of them down; the floor of a figure is the gateway
without metrics in the same turns.
"""

import json
import socket
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from figures import Figure, show
from processes import (
    CONTROLPLANE,
    ENVOY,
    ENVOY_FLAGS,
    Serving,
    cpu,
    folder,
    free_port,
    resident,
    running,
    serving,
    until_answered,
)

SERVICES: Final = 100
PORT: Final = 18080
BODY: Final = 1000  # bytes
PIPELINED: Final = 32
QUIET_OPTIONS: Final = ("--use-dynamic-base-id", "--concurrency", "1", "-l", "error")
GATEWAYS: Final = {
    "none": "127.0.0.2",
    "requests": "127.0.0.3",
    "standard": "127.0.0.4",
    "expression": "127.0.0.5",
}
"""What each counts, and where it listens."""
SAID: Final = {
    "requests": "istio_requests_total alone",
    "standard": "Istio's metrics",
    "expression": "with a label by CEL",
}
_TYPE: Final = "type.googleapis.com/envoy.extensions.filters"
_GATEWAY: Final = f"""\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{{port: {{number: {PORT}, name: http, protocol: HTTP}}, hosts: ["*"]}}]
"""
_SERVICE: Final = """\
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: s{n}, namespace: shop}}
spec:
  hosts: [s{n}.shop.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  endpoints:
  - {{address: 127.0.0.1, ports: {{http: {upstream}}}, labels: {{app: s{n}, version: v1}}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: s{n}, namespace: shop}}
spec:
  hosts: [s{n}.shop.example]
  gateways: [istio-system/gw]
  http: [{{route: [{{destination: {{host: s{n}.shop.example}}}}]}}]
"""
_TELEMETRY: Final = """\
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: {name}, namespace: istio-system}}
spec:
  selector: {{matchLabels: {{counts: {name}}}}}
  metrics: [{{providers: [{{name: prometheus}}], overrides: {overrides}}}]
"""
_DISABLED: Final = ", ".join(
    f"{{match: {{metric: {name}}}, disabled: true}}"
    for name in ("REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE")
)
_OVERRIDES: Final = {
    "requests": f"[{_DISABLED}]",
    "standard": "[]",
    "expression": "[{tagOverrides: {request_host: {value: request.host}}}]",
}


def write(config: Path, upstream: int) -> None:
    config.mkdir()
    (config / "mesh.yaml").write_text(
        _GATEWAY
        + "".join(_SERVICE.format(n=n, upstream=upstream) for n in range(SERVICES))
        + "".join(_TELEMETRY.format(name=name, overrides=said) for name, said in _OVERRIDES.items())
    )


def measured(*, quick: bool = False) -> list[Figure]:
    turns, requests = (6, 2000) if quick else (20, 4000)
    with folder() as here, ExitStack() as stack:
        upstream = free_port()
        stack.enter_context(running(ENVOY, "--config-yaml", _upstream(upstream), *QUIET_OPTIONS))
        write(here / "config", upstream)
        plane = stack.enter_context(serving(here / "config"))
        pids = {name: stack.enter_context(_gateway(here, plane, name)) for name in GATEWAYS}
        for name in GATEWAYS:
            _ask(GATEWAYS[name], 0, 200)
        before = {name: resident(pid) for name, pid in pids.items()}
        spent = [
            {name: _spent(pid, GATEWAYS[name], requests) for name, pid in pids.items()}
            for _ in range(turns)
        ]
        for name in GATEWAYS:
            for service in range(SERVICES):
                _ask(GATEWAYS[name], service, PIPELINED)
        grown = {name: resident(pid) - before[name] for name, pid in pids.items()}
    return [*_of_cpu(spent), *_of_memory(before, grown)]


def _of_cpu(spent: list[dict[str, float]]) -> Iterator[Figure]:
    floor = statistics.median(turn["none"] for turn in spent)
    for name, said in SAID.items():
        ratio = statistics.median(turn[name] / turn["none"] for turn in spent)
        yield Figure(
            name=f"{said}: µs of CPU for a request", value=floor * ratio, floor=floor, goal=1.05
        )
        yield Figure(name=f"{said}: requests a second of CPU", value=1e6 / (floor * ratio))
    yield Figure(name="without metrics: requests a second of CPU", value=1e6 / floor)


def _of_memory(before: dict[str, float], grown: dict[str, float]) -> Iterator[Figure]:
    for name, said in SAID.items():
        yield Figure(
            name=f"{said}: memory after a call of one service, MB",
            value=before[name],
            floor=before["none"],
        )
        yield Figure(
            name=f"{said}: memory that 100 called services add, MB",
            value=grown[name] - grown["none"],
        )


def _spent(pid: int, address: str, requests: int) -> float:
    """Microseconds of CPU that a request takes the Envoy."""
    before = cpu(pid)
    _ask(address, 0, requests)
    return (cpu(pid) - before) / requests * 1e6


def _ask(address: str, service: int, requests: int) -> None:
    """Send requests for a service on one connection, as fast as they are answered."""
    request = f"GET / HTTP/1.1\r\nhost: s{service}.shop.example\r\n\r\n".encode() * PIPELINED
    with socket.create_connection((address, PORT), timeout=60) as connection:
        for _ in range(max(1, requests // PIPELINED)):
            connection.sendall(request)
            answered, last = 0, b""
            while answered < PIPELINED:
                received = connection.recv(1 << 18)
                assert received, "the gateway answers all that it is asked"
                answered += (last + received).count(b"HTTP/1.1 200") - last.count(b"HTTP/1.1 200")
                last = received[-11:]


@contextmanager
def _gateway(folder: Path, plane: Serving, name: str) -> Iterator[int]:
    """The process of a gateway that counts as ``name`` says, once it answers."""
    file, address = folder / f"{name}.json", GATEWAYS[name]
    command = [*CONTROLPLANE, "bootstrap", "gateway", name, "--namespace", "istio-system"]
    command += ["--label", "istio=ingressgateway", "--label", f"counts={name}", "--ip", address]
    command += ["--metadata", f"BIND_ADDRESS={address}", "--insecure-xds"]
    command += ["--xds", f"127.0.0.1:{plane.xds}", "--admin", f"127.0.0.1:{free_port()}"]
    command += ["--ready", f"{address}:15021", "--metrics", f"{address}:15090"]
    file.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    with running(ENVOY, "-c", str(file), *ENVOY_FLAGS, *QUIET_OPTIONS) as envoy:
        until_answered(PORT, "/", 200, "s0.shop.example", address=address)
        yield envoy.pid


def _upstream(port: int) -> str:
    """An Envoy that answers every request by itself."""
    router = {"name": "router", "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"}}
    answer = {"status": 200, "body": {"inline_string": "x" * BODY}}
    route = {"match": {"prefix": "/"}, "direct_response": answer}
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "upstream",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [router],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    listener = {"name": "upstream", "address": address, "filter_chains": [chain]}
    return json.dumps({"static_resources": {"listeners": [listener]}})


if __name__ == "__main__":
    show(measured())
