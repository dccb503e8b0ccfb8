"""Workloads that register by connecting, as real Envoys do, while a gateway sends them requests."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.support.envoy import Envoy
from tests.support.mesh import ControlPlane, Workload, running_mesh
from tests.support.process import eventually
from tests.support.scripts import script
from tests.support.traffic import steady_traffic

pytestmark = pytest.mark.envoy
leave = script("envoy/leave.py")

MESH = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: ["*"]
  gateways: [istio-system/edge]
  http: [{route: [{destination: {host: reviews}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata:
  name: reviews-v1
  namespace: default
  annotations: {controlplane/any-address: "true"}
spec:
  metadata: {labels: {app: reviews, version: v1, security.istio.io/tlsMode: disabled}}
  template: {serviceAccount: bookinfo-reviews}
"""
PROBED = (
    MESH
    + """\
  probe: {httpGet: {path: /health, port: 9081}, periodSeconds: 1, failureThreshold: 2}
"""
)


class Application(ThreadingHTTPServer):
    """Answers 200 to everything, and to ``/health`` its ``status``."""

    daemon_threads = True

    def __init__(self, address: str, port: int) -> None:
        self.status = 200
        super().__init__((address, port), _Handler)

    @contextmanager
    def serving(self) -> Iterator["Application"]:
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Application

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/health" else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def sidecar(address: str) -> Workload:
    return Workload(
        role="sidecar",
        name=f"reviews-{address.rpartition('.')[2]}",
        namespace="default",
        address=address,
        labels={"app": "something-else"},
        account="bookinfo-reviews",
        group="reviews-v1",
    )


def endpoints(gateway: Envoy) -> dict[str, str]:
    """What the gateway's Envoy has: address to health."""
    found = {}
    for config in gateway.config_dump():
        for entry in config.get("dynamic_endpoint_configs", ()):
            assignment = entry["endpoint_config"]
            if assignment["cluster_name"] != "outbound|9080||reviews.default.svc.cluster.local":
                continue
            for locality in assignment.get("endpoints", ()):
                for one in locality.get("lb_endpoints", ()):
                    address = one["endpoint"]["address"]["socket_address"]["address"]
                    found[address] = one.get("health_status", "HEALTHY")
    return found


def until(gateway: Envoy, expected: dict[str, str]) -> None:
    try:
        eventually("the gateway's endpoints", lambda: endpoints(gateway) == expected)
    except AssertionError as late:
        raise AssertionError(f"{late}: it has {endpoints(gateway)}") from late


def test_replicas_come_and_go_under_load_and_no_request_fails(
    network: None, tmp_path: Path
) -> None:
    first, second, third = "127.0.0.11", "127.0.0.12", "127.0.0.13"
    with running_mesh(tmp_path, files={"mesh.yaml": MESH}) as mesh, ExitStack() as stack:
        plane = mesh.control_plane
        ends: dict[str, ExitStack] = {}

        def start(address: str) -> None:
            ends[address] = stack.enter_context(ExitStack())
            ends[address].enter_context(Application(address, 9080).serving())
            ends[address].enter_context(plane.proxy(tmp_path / address, sidecar(address)))

        def stop(address: str) -> None:
            bootstrap = json.loads((tmp_path / address / "bootstrap.json").read_text())
            assert leave.announce(bootstrap, address), "it was registered"

        start(first)
        until(mesh.gateway, {first: "HEALTHY"})
        mesh.until(lambda answer: answer.status == 200, "http://shop.example:8080/")
        with steady_traffic("127.0.0.2", 8080, "shop.example") as traffic:
            start(second)
            start(third)
            until(mesh.gateway, {first: "HEALTHY", second: "HEALTHY", third: "HEALTHY"})
            stop(first)
            until(mesh.gateway, {second: "HEALTHY", third: "HEALTHY"})
            ends.pop(first).close()
            stop(second)
            until(mesh.gateway, {third: "HEALTHY"})
            ends.pop(second).close()

        assert traffic.failed == {}
        assert traffic.answers["200"] > 100


def test_an_envoy_that_ends_is_not_chosen_and_one_that_comes_back_is(
    network: None, tmp_path: Path
) -> None:
    first, second = "127.0.0.11", "127.0.0.12"
    with running_mesh(tmp_path, files={"mesh.yaml": MESH}) as mesh, ExitStack() as stack:
        plane = mesh.control_plane
        stack.enter_context(plane.proxy(tmp_path / "first", sidecar(first)))
        with plane.proxy(tmp_path / "second", sidecar(second)):
            until(mesh.gateway, {first: "HEALTHY", second: "HEALTHY"})

        until(mesh.gateway, {first: "HEALTHY", second: "UNHEALTHY"})
        with plane.proxy(tmp_path / "second-again", sidecar(second)):
            until(mesh.gateway, {first: "HEALTHY", second: "HEALTHY"})


def test_a_workload_is_chosen_while_its_envoy_finds_it_healthy(
    network: None, tmp_path: Path
) -> None:
    address = "127.0.0.11"
    with (
        running_mesh(tmp_path, files={"mesh.yaml": PROBED}) as mesh,
        mesh.control_plane.proxy(tmp_path / "sidecar", sidecar(address)),
    ):
        until(mesh.gateway, {address: "UNHEALTHY"})
        with Application("127.0.0.1", 9081).serving() as application:
            until(mesh.gateway, {address: "HEALTHY"})
            application.status = 500
            until(mesh.gateway, {address: "UNHEALTHY"})
            application.status = 302
            until(mesh.gateway, {address: "HEALTHY"})


def test_no_request_fails_while_the_control_plane_restarts(network: None, tmp_path: Path) -> None:
    first, second = "127.0.0.11", "127.0.0.12"
    plane, gateway = ControlPlane(tmp_path), Workload()
    (plane.config / "mesh.yaml").write_text(MESH)
    with ExitStack() as stack:
        process = stack.enter_context(ExitStack())
        process.enter_context(plane.running())
        for address in (first, second):
            stack.enter_context(Application(address, 9080).serving())
            stack.enter_context(plane.proxy(tmp_path / address, sidecar(address)))
        envoy = stack.enter_context(plane.proxy(tmp_path / "gateway", gateway))
        until(envoy, {first: "HEALTHY", second: "HEALTHY"})
        with steady_traffic("127.0.0.2", 8080, "shop.example") as traffic:
            process.close()
            process.enter_context(plane.running())
            before = plane.status()
            eventually("all are back", lambda: len(plane.status().proxies) == 3)
            eventually("all is answered", lambda: plane.status().answered(before.revision - 1))

        assert endpoints(envoy) == {first: "HEALTHY", second: "HEALTHY"}
        assert traffic.failed == {}
        assert "(connected " in plane.command("status", "--admin", f"127.0.0.1:{plane.admin_port}")
