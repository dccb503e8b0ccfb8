"""What the mesh's own TLS offers for a request, where its cluster cannot say it for all."""

from collections.abc import Iterator

import pytest
from envoy.config.route.v3.route_components_pb2 import Route
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import Config
from google.protobuf.any_pb2 import Any as Packed

from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.declared import Declared
from tests.support.mesh_routes import sidecar, tables
from tests.support.routes import GATEWAY, table, virtual_service

FILTER = "envoy.filters.http.set_filter_state"
HTTP1 = "istio-http/1.1,istio"
BY_REQUEST = '%CEL(request.protocol == "HTTP/2" ? "istio-h2,istio,h2" : "istio-http/1.1,istio")%'
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: app, namespace: default}
spec:
  clusterIP: 10.96.0.1
  ports:
  - {name: any, port: 80}
  - {name: http, port: 81}
  - {name: http2, port: 82}
  - {name: tcp, port: 83}
---
"""


def rule(policy: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: app, namespace: default}}
spec: {{host: app, trafficPolicy: {policy}}}
---
"""


def said(config: Packed) -> str:
    message = Config()
    assert config.Unpack(message)
    (value,) = message.on_request_headers
    assert value.object_key == "envoy.network.application_protocols"
    return value.format_string.text_format_source.inline_string


def offers(route: Route) -> Iterator[str | None]:
    """What the route says, then each of its clusters."""
    for configs in (
        route.typed_per_filter_config,
        *(each.typed_per_filter_config for each in route.route.weighted_clusters.clusters),
    ):
        yield said(configs[FILTER]) if FILTER in configs else None


def at_gateway(port: int, policy: str = "", mesh: MeshConfig | None = None) -> str | None:
    to = f"[{{route: [{{destination: {{host: app, port: {{number: {port}}}}}}}]}}]"
    text = GATEWAY + SERVICE + virtual_service(to) + (rule(policy) if policy else "")
    hosts = table(Declared(text, mesh=mesh)).virtual_hosts
    (route,) = next(h for h in hosts if "shop.example.com" in h.domains).routes
    (found,) = offers(route)
    return found


AS_CLIENT = "{connectionPool: {http: {useClientProtocol: true}}}"


@pytest.mark.parametrize(
    ("port", "policy", "expected"),
    [
        pytest.param(80, "", HTTP1, id="unnamed: HTTP/1.1 as ever at a gateway"),
        pytest.param(81, "", None, id="http: the cluster says it"),
        pytest.param(82, "", None, id="http2: the cluster says it"),
        pytest.param(83, "", None, id="tcp: the server does not ask"),
        pytest.param(81, AS_CLIENT, BY_REQUEST, id="as the client speaks"),
        pytest.param(80, "{tls: {mode: ISTIO_MUTUAL}}", HTTP1, id="demanded by a rule"),
        pytest.param(80, "{tls: {mode: SIMPLE}}", None, id="TLS of the user's own"),
        pytest.param(80, "{tls: {mode: DISABLE}}", None, id="plaintext"),
    ],
)
def test_a_route_says_it_where_the_destination_has_the_meshs_own_tls(
    port: int, policy: str, expected: str | None
) -> None:
    assert at_gateway(port, policy) == expected


def test_without_automatic_tls_nothing_is_offered() -> None:
    assert at_gateway(80, mesh=MeshConfig(enable_auto_mtls=False)) is None


def test_each_of_several_clusters_says_its_own() -> None:
    to = """[{route: [
      {destination: {host: app, port: {number: 80}}, weight: 1},
      {destination: {host: app, port: {number: 81}}, weight: 1}]}]"""
    hosts = table(Declared(GATEWAY + SERVICE + virtual_service(to))).virtual_hosts

    (route,) = next(h for h in hosts if "shop.example.com" in h.domains).routes

    assert list(offers(route)) == [None, HTTP1, None]


def test_a_sidecar_offers_what_its_workload_speaks() -> None:
    found = tables(Declared(SERVICE), sidecar("default"))

    (host,) = found["app.default.svc.cluster.local:80"].virtual_hosts
    assert [list(offers(route)) for route in host.routes] == [[BY_REQUEST]]


def test_the_filter_is_switched_off_where_no_route_asks_for_it() -> None:
    text = GATEWAY + SERVICE + virtual_service("[{route: [{destination: {host: app}}]}]")

    chain = Declared(text).listeners()["0.0.0.0_8080"]["filter_chains"][0]

    filters = chain["filters"][0]["typed_config"]["http_filters"]
    assert [each["name"].rsplit(".", 1)[-1] for each in filters] == [
        "grpc_stats",
        "set_filter_state",
        "fault",
        "cors",
        "router",
    ]
    assert filters[1]["disabled"] is True
