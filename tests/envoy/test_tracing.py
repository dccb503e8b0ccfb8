"""Traces of real Envoys in real collectors: Zipkin itself, and a receiver of OpenTelemetry's
protocol.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.support.mesh import Mesh, running_mesh
from tests.support.network import own_network
from tests.support.otlp import Received, Span, running_otlp_grpc, running_otlp_http
from tests.support.process import eventually
from tests.support.zipkin import Zipkin, running_zipkin

pytestmark = pytest.mark.envoy

TRACE: Final = "0123456789abcdef0123456789abcdef"
PARENT: Final = "0123456789abcdef"
COLLECTORS: Final = "127.0.0.1"
MESH = f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - {{port: {{number: 8080, name: http, protocol: HTTP}}, hosts: ["*"]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: default}}
spec:
  hosts: ["*"]
  gateways: [istio-system/gw]
  http: [{{route: [{{destination: {{host: shop}}}}]}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: shop, namespace: default}}
spec:
  hosts: [shop.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 9080}}]
  resolution: STATIC
  endpoints: [{{address: 127.1.1.1}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: spans, namespace: observed}}
spec:
  hosts: [spans.example]
  ports:
  - {{number: 9411, name: http-zipkin, protocol: HTTP}}
  - {{number: 4317, name: grpc-otlp, protocol: GRPC}}
  - {{number: 4318, name: http-otlp, protocol: HTTP}}
  resolution: STATIC
  endpoints: [{{address: {COLLECTORS}}}]
---
"""
PROVIDERS = """
extensionProviders:
- name: zipkin
  zipkin: {service: spans.example, port: 9411}
- name: zipkin-w3c
  zipkin:
    service: spans.example
    port: 9411
    traceContextOption: USE_B3_WITH_W3C_PROPAGATION
    timeout: 2s
    headers: [{name: x-tenant, value: shop}]
- name: grpc
  opentelemetry:
    service: spans.example
    port: 4317
    grpc: {timeout: 1s, initialMetadata: [{name: x-tenant, value: shop}]}
- name: http
  opentelemetry:
    service: spans.example
    port: 4318
    http: {path: /v1/traces, timeout: 1s, headers: [{name: x-tenant, value: shop}]}
    resourceDetectors: {environment: {}, dynatrace: {}}
    serviceAttributeEnrichment: OTEL_SEMANTIC_CONVENTIONS
- name: sampled
  opentelemetry:
    service: spans.example
    port: 4318
    http: {path: /v1/traces, timeout: 1s}
    dynatraceSampler: {tenant: abc, clusterId: 1, rootSpansPerMinute: 5}
- name: datadog
  datadog: {service: spans.example, port: 4318}
- name: skywalking
  skywalking: {service: spans.example, port: 4317}
- name: gone
  zipkin: {service: spans.example, port: 1}
"""


def telemetry(tracing: str) -> str:
    return f"""
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: traces, namespace: istio-system}}
spec: {{tracing: [{tracing}]}}
---
"""


def all_to(provider: str, more: str = "") -> str:
    return telemetry(f"{{providers: [{{name: {provider}}}], randomSamplingPercentage: 100{more}}}")


@dataclass(frozen=True, kw_only=True)
class Observed:
    mesh: Mesh
    grpc: Received
    http: Received


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    folder = tmp_path_factory.mktemp("mesh")
    settings = folder / "mesh-config.yaml"
    settings.write_text(PROVIDERS)
    with (
        own_network(),
        running_otlp_grpc(COLLECTORS, 4317) as grpc,
        running_otlp_http(COLLECTORS, 4318) as http,
        running_mesh(folder, serve_options=("--mesh-config", str(settings))) as mesh,
    ):
        mesh.upstreams.add("shop", "127.1.1.1", 9080)
        yield Observed(mesh=mesh, grpc=grpc, http=http)


@pytest.fixture(scope="module")
def zipkin(observed: Observed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zipkin]:
    assert observed.mesh, "it is in the network of the mesh"
    with running_zipkin(tmp_path_factory.mktemp("zipkin"), COLLECTORS) as running:
        yield running


def sent(observed: Observed, trace_id: str = "", **headers: str) -> dict[str, str]:
    """The headers that the upstream saw of a request, which may belong to a trace."""
    context = {"x-b3-traceid": trace_id, "x-b3-spanid": PARENT, "x-b3-sampled": "1"}
    of_request = (context if trace_id else {}) | headers
    answer = observed.mesh.send("http://shop.example:8080/a?b=c", port=8080, headers=of_request)
    assert answer.status == 200
    seen = answer.seen["headers"]
    assert isinstance(seen, dict)
    return seen


def w3c(number: int) -> tuple[str, str]:
    """A trace's id, and the header that says it."""
    trace_id = f"{number:032x}"
    return trace_id, f"00-{trace_id}-{PARENT}-01"


def spans_of(received: Received, trace_id: str, count: int) -> tuple[Span, ...]:
    def found() -> tuple[Span, ...]:
        return tuple(span for span in received.spans if span.trace_id == trace_id)

    eventually(f"{count} spans of {trace_id}", lambda: len(found()) >= count, within=20)
    return found()


def test_a_request_is_a_trace_in_zipkin(observed: Observed, zipkin: Zipkin) -> None:
    tags = (
        ", customTags: {shop: {literal: {value: books}}, user: {header: {name: x-user}}, "
        "asked: {formatter: {value: '%REQ(:METHOD)%'}}}"
    )
    observed.mesh.apply(MESH + all_to("zipkin", tags))

    seen = sent(observed, TRACE, **{"x-user": "jason"})
    server, client = zipkin.trace_of(TRACE, 2)

    assert (server["kind"], client["kind"]) == ("SERVER", "CLIENT")
    assert server["parentId"] == PARENT
    assert client["parentId"] == server["id"]
    assert seen["x-b3-traceid"] == TRACE
    assert seen["x-b3-spanid"] == client["id"]
    assert server["localEndpoint"]["serviceName"] == "ingressgateway.istio-system"
    said = server["tags"]
    assert said["http.status_code"] == "200"
    assert said["istio.canonical_service"] == "ingressgateway"
    assert said["istio.namespace"] == "istio-system"
    assert (said["shop"], said["user"], said["asked"]) == ("books", "jason", "GET")


def test_a_trace_begins_at_the_gateway_with_an_id_of_128_bits(
    observed: Observed, zipkin: Zipkin
) -> None:
    observed.mesh.apply(MESH + all_to("zipkin"))

    trace_id = sent(observed)["x-b3-traceid"]

    assert len(trace_id) == 32
    assert "parentId" not in zipkin.trace_of(trace_id, 2)[0]


def test_w3c_goes_beside_b3(observed: Observed, zipkin: Zipkin) -> None:
    observed.mesh.apply(MESH + all_to("zipkin-w3c"))

    seen = sent(observed)

    assert seen["traceparent"].split("-")[1] == seen["x-b3-traceid"]
    assert len(zipkin.trace_of(seen["x-b3-traceid"], 2)) == 2


def test_open_telemetry_by_grpc(observed: Observed) -> None:
    trace_id, parent = w3c(0xA1)
    observed.mesh.apply(MESH + all_to("grpc"))

    sent(observed, traceparent=parent)
    server, client = sorted(
        spans_of(observed.grpc, trace_id, 2), key=lambda span: span.parent_id != PARENT
    )

    assert server.parent_id == PARENT
    assert client.parent_id == server.span_id
    assert server.service == "ingressgateway.istio-system"
    assert server.tags["istio.namespace"] == "istio-system"
    assert server.headers["x-tenant"] == "shop"


def test_open_telemetry_by_http(observed: Observed) -> None:
    trace_id, parent = w3c(0xA2)
    observed.mesh.apply(MESH + all_to("http"))

    sent(observed, traceparent=parent)
    found = spans_of(observed.http, trace_id, 2)

    assert {span.service for span in found} == {"ingressgateway"}
    assert {span.headers["x-tenant"] for span in found} == {"shop"}
    assert {span.headers["host"] for span in found} == {"spans.example"}


@pytest.mark.parametrize("provider", ["sampled", "datadog", "skywalking", "gone", "nobody"])
def test_requests_are_answered_whatever_the_collector_is(observed: Observed, provider: str) -> None:
    observed.mesh.apply(MESH + all_to(provider))

    sent(observed)

    assert observed.mesh.gateway.rejected() == {}


def test_the_context_stays_behind_where_it_is_not_propagated(observed: Observed) -> None:
    trace_id, parent = w3c(0xA3)
    observed.mesh.apply(MESH + all_to("grpc", ", disableContextPropagation: true"))

    seen = sent(observed, traceparent=parent)

    assert spans_of(observed.grpc, trace_id, 2)
    assert seen["traceparent"] == parent


def test_edits_reach_a_running_proxy(observed: Observed) -> None:
    observed.mesh.apply(
        MESH + telemetry("{providers: [{name: grpc}], randomSamplingPercentage: 0}")
    )
    assert sent(observed)["traceparent"].endswith("-00")

    observed.mesh.apply(MESH + all_to("grpc"))
    assert sent(observed)["traceparent"].endswith("-01")

    observed.mesh.apply(MESH + telemetry("{providers: [{name: grpc}], disableSpanReporting: true}"))
    assert "traceparent" not in sent(observed)
