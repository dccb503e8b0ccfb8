"""A ProxyConfig of a proxy's own, as a real Envoy has it."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.envoy.test_up import running_up
from tests.support.client import Answer, send
from tests.support.log_services import running_log_services
from tests.support.mesh import Mesh
from tests.support.network import own_network
from tests.support.process import eventually

pytestmark = pytest.mark.envoy

MESH = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: istio-system}
spec:
  hosts: [shop.example.com]
  gateways: [gw]
  http: [{directResponse: {status: 200}}]
"""
WORKLOAD = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingressgateway, namespace: istio-system}
spec:
  template:
    metadata:
      labels: {istio: ingressgateway}
      annotations:
        proxy.istio.io/config: |
          proxyHeaders: {server: {value: NAME}}
"""
THREADS = """
---
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: threads, namespace: istio-system}
spec: {concurrency: 3}
"""
URL = "http://shop.example.com:8080/"


def named(server: str) -> Callable[[Answer], bool]:
    return lambda answer: answer.headers["server"] == server


def test_an_edit_of_the_annotation_reaches_a_running_gateway(mesh: Mesh) -> None:
    mesh.apply(MESH + WORKLOAD.replace("NAME", "theirs"))
    mesh.until(named("theirs"), URL)

    mesh.apply(MESH + WORKLOAD.replace("NAME", "other"))
    mesh.until(named("other"), URL)

    mesh.apply(MESH + WORKLOAD.replace("{value: NAME}", "["))
    mesh.until(named("istio-envoy"), URL)


def test_up_starts_a_gateway_with_the_threads_and_the_drain_of_its_config(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    started = WORKLOAD.replace("proxyHeaders: {server: {value: NAME}}", "drainDuration: 7s")
    (tmp_path / "mesh" / "mesh.yaml").write_text(MESH + started + THREADS)
    with own_network(), running_up(tmp_path) as up:
        up.prints(r"^  curl .*$")
        answer = send("http://127.0.0.1:15000/server_info", address="127.0.0.1")
        options = json.loads(answer.body)["command_line_options"]

    assert (options["concurrency"], options["drain_time"]) == (3, "7s")


STARTED = """proxyAdminPort: 15900
          statusPort: 15920
          fileFlushInterval: 50ms
          runtimeValues: {upstream.healthy_panic_threshold: "7"}
          proxyStatsMatcher: {inclusionPrefixes: [runtime]}
          statsdUdpAddress: 127.0.0.1:15925
          proxyMetadata: {ISTIO_META_ZONE: eu-1, REGION: eu}"""


def test_up_starts_a_gateway_as_its_config_says(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    started = WORKLOAD.replace("proxyHeaders: {server: {value: NAME}}", STARTED)
    (tmp_path / "mesh" / "mesh.yaml").write_text(MESH + started)

    with own_network(), running_up(tmp_path) as up, socket.socket(type=socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 15925))
        statsd.settimeout(20)
        up.prints(r"^  curl .*$")
        received = statsd.recv(65536).decode()
        info = asked(15900, "/server_info")
        runtime = asked(15900, "/runtime")
        names = send("http://127.0.0.1:15900/stats", address="127.0.0.1").body.decode()
        ready = send("http://127.0.0.1:15920/healthz/ready", address="127.0.0.1")
        scraped = send("http://127.0.0.1:15920/stats/prometheus", address="127.0.0.1")
        (pid,) = up.envoys()
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")

    assert info["command_line_options"]["file_flush_interval"] == "0.050s"
    assert info["node"]["metadata"]["ZONE"] == "eu-1"
    assert runtime["entries"]["upstream.healthy_panic_threshold"]["final_value"] == "7"
    assert "runtime.num_keys" in names
    assert "filesystem." not in names
    assert (ready.status, scraped.status) == (200, 200)
    assert ":" in received
    assert b"REGION=eu" in environment


GATEWAY_API = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  gatewayClassName: istio
  infrastructure:
    annotations:
      proxy.istio.io/config: |
        concurrency: 3
        proxyAdminPort: 15900
        proxyHeaders: {server: {value: theirs}}
  listeners: [{name: http, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: front}]
  rules:
  - filters: [{type: RequestRedirect, requestRedirect: {hostname: other.example}}]
"""


def test_annotations_of_a_gateways_infrastructure_are_its_proxys(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "mesh.yaml").write_text(GATEWAY_API)

    with own_network(), running_up(tmp_path) as up:
        up.prints(r"^  curl .*$")
        info = asked(15900, "/server_info")
        answer = send("http://127.0.0.1:8080/", address="127.0.0.1")

    assert info["command_line_options"]["concurrency"] == 3
    assert (answer.status, answer.headers["server"]) == (302, "theirs")


STATISTICS = """sidecar.istio.io/statsInclusionPrefixes: runtime,http
        sidecar.istio.io/statsInclusionSuffixes: downstream_rq_time
        sidecar.istio.io/statsHistogramBuckets: '{"http": [7, 70]}'"""


def test_annotations_say_which_statistics_a_gateway_has_and_their_buckets(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    started = WORKLOAD[: WORKLOAD.index("proxy.istio.io")] + STATISTICS
    (tmp_path / "mesh" / "mesh.yaml").write_text(MESH + started)

    with own_network(), running_up(tmp_path) as up:
        up.prints(r"^  curl .*$")
        assert send(URL, address="127.0.0.1").status == 200
        names = send("http://127.0.0.1:15000/stats", address="127.0.0.1").body.decode()
        scraped = send("http://127.0.0.1:15000/stats/prometheus", address="127.0.0.1").body.decode()

    assert "runtime.num_keys" in names
    assert "filesystem." not in names
    found = re.findall(r'envoy_http_downstream_rq_time_bucket{.*le="([^"]+)"}', scraped)
    assert list(dict.fromkeys(found)) == ["7", "70", "+Inf"]


def test_the_access_log_service_of_the_mesh_s_proxy_config_gets_what_is_logged(
    tmp_path: Path,
) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "mesh.yaml").write_text(MESH)
    settings = tmp_path / "mesh-config.yaml"
    settings.write_text(
        "enableEnvoyAccessLogService: true\n"
        "defaultConfig: {envoyAccessLogService: {address: '127.1.1.9:15950'}}\n"
    )

    with (
        own_network(),
        running_log_services("127.1.1.9:15950") as services,
        running_up(tmp_path, "--mesh-config", str(settings)) as up,
    ):
        up.prints(r"^  curl .*$")
        send(URL + "logged", address="127.0.0.1")
        eventually("it is logged", lambda: len(services.requests) == 1, within=20)

    ((log, entry),) = services.requests
    assert (log, entry.request.path) == ("http_envoy_accesslog", "/logged")


def asked(port: int, path: str) -> Any:
    return json.loads(send(f"http://127.0.0.1:{port}{path}", address="127.0.0.1").body)
