"""Istio's standard metrics, counted by real Envoys, on port 15090 of each."""

import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.envoy.test_sidecar_inbound import APP, GATEWAY, STREAM, STRICT, asked
from tests.support.exposition import Samples, scraped, total
from tests.support.mesh_network import on
from tests.support.process import eventually
from tests.support.prometheus import expressions, is_ready, queried, running_prometheus
from tests.support.sidecar_mesh import SidecarMesh, sidecar_mesh
from tests.unit.policies.test_label_expressions import FORMATS

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(not shutil.which("curl"), reason="no curl here"),
]

GRAFANA = Path(__file__).parents[2] / "docs" / "grafana"
APP_NAMED = {"destination_service_name": "app"}
MESH = STRICT + APP + GATEWAY + STREAM
PRINCIPAL = "spiffe://cluster.local/ns/default/sa/default"
APP_IS_CALLED = {
    "destination_workload": "app",
    "destination_workload_namespace": "default",
    "destination_app": "app",
    "destination_version": "unknown",
    "destination_cluster": "Kubernetes",
    "destination_canonical_service": "app",
    "destination_canonical_revision": "latest",
    "destination_principal": PRINCIPAL,
    "destination_service": "app.default.svc.cluster.local",
    "destination_service_name": "app",
    "destination_service_namespace": "default",
}
CLIENT_CALLS = {
    "source_workload": "client",
    "source_workload_namespace": "default",
    "source_app": "client",
    "source_version": "unknown",
    "source_cluster": "Kubernetes",
    "source_canonical_service": "client",
    "source_canonical_revision": "latest",
    "source_principal": PRINCIPAL,
}
SOMEBODY_CALLS = {
    **dict.fromkeys(CLIENT_CALLS, "unknown"),
    "source_workload_namespace": "default",
    "source_canonical_revision": "latest",
    "source_principal": PRINCIPAL,
}
"""All that the destination's sidecar knows: the certificate."""
STREAM_IS_CALLED = {
    **APP_IS_CALLED,
    "destination_service": "stream.default.svc.cluster.local",
    "destination_service_name": "stream",
}
ANSWERED = {"request_protocol": "http", "response_code": "200", "response_flags": "-"}
STREAMED = {"request_protocol": "tcp", "response_flags": "-"}
OF_REQUESTS = {
    "istio_requests_total",
    *(
        f"istio_{name}_{part}"
        for name in ("request_duration_milliseconds", "request_bytes", "response_bytes")
        for part in ("bucket", "sum", "count")
    ),
}


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SidecarMesh]:
    with sidecar_mesh(tmp_path_factory.mktemp("metrics"), MESH, "--metrics") as running:
        running.upstreams.add("app", running.host.address, 8000)
        running.upstreams.add("stream", running.host.address, 9001)
        yield running


def counted(address: str, name: str, **labels: str) -> Samples:
    """What a proxy shows once it has counted something with these labels."""
    found: list[Samples] = []

    def is_there() -> bool:
        found.append(scraped(address))
        return total(found[-1], name, **labels) > 0

    eventually(f"{name} is counted", is_there)
    return found[-1]


def only(samples: Samples, name: str, **labels: str) -> Mapping[str, str]:
    """The labels of the one sample that has these."""
    [found] = [said for said, _ in samples[name] if labels.items() <= said.items()]
    return found


def test_a_request_is_counted_where_it_comes_from_and_where_it_goes(mesh: SidecarMesh) -> None:
    asked(mesh)

    at_source = counted(
        mesh.client.address, "istio_response_bytes_count", destination_service_name="app"
    )
    at_destination = counted(
        mesh.host.address, "istio_response_bytes_count", source_principal=PRINCIPAL
    )
    assert only(at_source, "istio_requests_total", destination_service_name="app") == {
        "reporter": "source",
        "connection_security_policy": "unknown",
        **CLIENT_CALLS,
        **APP_IS_CALLED,
        **ANSWERED,
    }
    assert only(at_destination, "istio_requests_total", source_principal=PRINCIPAL) == {
        "reporter": "destination",
        "connection_security_policy": "mutual_tls",
        **SOMEBODY_CALLS,
        **APP_IS_CALLED,
        **ANSWERED,
    }
    assert {name for name in at_source if "tcp" not in name} == OF_REQUESTS


def test_a_gateway_is_a_source_and_says_how_a_call_ended(mesh: SidecarMesh) -> None:
    mesh.until_upstream("app", "http://app.example:8080/")
    mesh.send("http://app.example:8080/status/503")

    found = counted(mesh.workload.address, "istio_requests_total", response_code="503")

    labels = only(found, "istio_requests_total", response_code="503")
    assert labels["source_workload"] == "ingressgateway"
    assert labels["source_workload_namespace"] == "istio-system"
    assert labels["source_principal"] == "spiffe://cluster.local/ns/istio-system/sa/ingressgateway"
    assert labels["destination_service"] == "app.default.svc.cluster.local"


def test_a_grpc_call_says_so_and_has_its_own_status(mesh: SidecarMesh) -> None:
    asked(mesh, "-H", "content-type: application/grpc+proto", "--http2-prior-knowledge")

    found = counted(mesh.client.address, "istio_requests_total", request_protocol="grpc")

    labels = only(found, "istio_requests_total", request_protocol="grpc")
    assert "grpc_response_status" in labels


def test_a_connection_is_counted_while_it_lives_and_its_bytes_when_it_ends(
    mesh: SidecarMesh,
) -> None:
    with on(mesh.client), socket.create_connection(("10.96.0.2", 9001), timeout=10) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"stream:hello"
        counted(mesh.client.address, "istio_tcp_connections_opened_total")

    at_source = counted(mesh.client.address, "istio_tcp_connections_closed_total")
    at_destination = counted(mesh.host.address, "istio_tcp_connections_closed_total")
    assert only(at_source, "istio_tcp_sent_bytes_total") == {
        "reporter": "source",
        "connection_security_policy": "unknown",
        **CLIENT_CALLS,
        **STREAM_IS_CALLED,
        **STREAMED,
    }
    assert only(at_destination, "istio_tcp_sent_bytes_total") == {
        "reporter": "destination",
        "connection_security_policy": "mutual_tls",
        **SOMEBODY_CALLS,
        **STREAM_IS_CALLED,
        **STREAMED,
    }
    for found in (at_source, at_destination):
        assert total(found, "istio_tcp_sent_bytes_total") == len("stream:hello")
        assert total(found, "istio_tcp_received_bytes_total") == len("hello")


TELEMETRY = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics, namespace: istio-system}
spec:
  metrics:
  - overrides:
    - match: {metric: REQUEST_COUNT}
      tagOverrides:
        request_host: {value: request.host}
        destination_port: {value: string(destination.port)}
        request_protocol: {value: "'h'"}
        source_app: {operation: REMOVE}
    - match: {metric: REQUEST_SIZE}
      disabled: true
    - match: {metric: TCP_SENT_BYTES, mode: SERVER}
      disabled: true
"""


@pytest.fixture
def overridden(mesh: SidecarMesh) -> Iterator[SidecarMesh]:
    mesh.edited(lambda: mesh.write("telemetry.yaml", TELEMETRY))
    yield mesh
    mesh.edited(lambda: mesh.delete("telemetry.yaml"))


def test_a_telemetry_changes_labels_and_leaves_metrics_out(overridden: SidecarMesh) -> None:
    address = overridden.client.address
    before = total(scraped(address), "istio_request_bytes_count")
    asked(overridden)

    found = counted(address, "istio_requests_total", destination_port="80")

    labels = only(found, "istio_requests_total", destination_port="80")
    assert labels["request_host"] == "10.96.0.1"
    assert labels["request_protocol"] == "h"
    assert "source_app" not in labels
    assert total(found, "istio_request_bytes_count") <= before


def test_envoy_takes_every_expression_that_is_supported(mesh: SidecarMesh) -> None:
    tags = {f"l{i}": {"value": row.values[0]} for i, row in enumerate(FORMATS)}
    written = yaml.safe_load(TELEMETRY)
    written["spec"]["metrics"][0]["overrides"] = [{"tagOverrides": tags}]

    mesh.edited(lambda: mesh.write("telemetry.yaml", yaml.safe_dump(written)))
    asked(mesh)

    found = counted(mesh.client.address, "istio_requests_total", l3="blue")
    labels = only(found, "istio_requests_total", l3="blue")
    assert labels["l4"] == "50%"
    mesh.edited(lambda: mesh.delete("telemetry.yaml"))


SUCCESS = """
sum by (destination_service_name) (rate(istio_requests_total{response_code!~"5.."}[30s]))
/ sum by (destination_service_name) (rate(istio_requests_total[30s]))
"""
P99 = """
histogram_quantile(0.99, sum by (le, destination_workload) (
  rate(istio_request_duration_milliseconds_bucket{reporter="source"}[30s])))
"""


def used(mesh: SidecarMesh) -> None:
    """Requests that succeed and fail, of a gateway and a sidecar, and a connection."""
    asked(mesh)
    for status in (200, 503):
        mesh.send(f"http://app.example:8080/status/{status}")
    with on(mesh.client), socket.create_connection(("10.96.0.2", 9001), timeout=10) as client:
        client.sendall(b"hello")
        client.recv(100)


def test_prometheus_answers_istios_queries_and_every_panel_shows_something(
    mesh: SidecarMesh, tmp_path: Path
) -> None:
    proxies = (mesh.workload.address, mesh.client.address, mesh.host.address)
    config = yaml.safe_load((GRAFANA / "prometheus.yml").read_text(encoding="utf-8"))
    [envoys] = (job for job in config["scrape_configs"] if job["job_name"] == "envoy")
    envoys["static_configs"] = [{"targets": [f"{address}:15090" for address in proxies]}]
    queries = [*expressions(GRAFANA / "services.json"), ("success", SUCCESS), ("99 %", P99)]

    with running_prometheus(tmp_path, {"scrape_configs": [envoys]}) as prometheus:
        prometheus.eventually("it is ready", is_ready)

        def all_show_something() -> bool:
            used(mesh)
            return all(queried(query) for _, query in queries)

        eventually("every panel shows something", all_show_something, within=90)

        [success] = [value for said, value in queried(SUCCESS) if said == APP_NAMED]
        assert 0 < success < 1
        [p99] = [value for said, value in queried(P99) if said == {"destination_workload": "app"}]
        assert p99 > 0
