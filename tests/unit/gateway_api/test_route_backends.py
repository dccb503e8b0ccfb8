"""What backendRefs lead to, and what is answered where they lead nowhere."""

import pytest

from controlplane.base.names import Namespace
from controlplane.kinds.gateway_api.common import BackendObjectReference
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.queries.gateway_api.backends import unresolved
from tests.support.declared import Declared
from tests.support.http_routes import SHOP, at_edge, request_route, route_of, routed

GRANT = """
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: routes, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: "", kind: Service}]
---
"""
PARTNER = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner, namespace: default}
spec:
  hosts: [partner.test]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.1}]
---
"""


def reason(declared: Declared, **named: object) -> str | None:
    ref = BackendObjectReference(**{"name": "shop", "port": 80} | named)  # type: ignore[arg-type]
    found = unresolved(declared.graph, HTTP_ROUTE, Namespace("default"), ref)
    return found.reason if found is not None else None


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ({}, None),
        ({"name": "missing"}, "BackendNotFound"),
        ({"port": 81}, "BackendNotFound"),
        ({"group": "example.com", "kind": "Bucket"}, "InvalidKind"),
        ({"name": "other", "namespace": "other"}, "RefNotPermitted"),
        ({"name": "missing", "namespace": "other"}, "RefNotPermitted"),
        ({"group": "multicluster.x-k8s.io", "kind": "ServiceImport"}, None),
        (
            {"group": "networking.istio.io", "kind": "Hostname", "name": "partner.test"},
            None,
        ),
        (
            {"group": "networking.istio.io", "kind": "Hostname", "name": "unknown.test"},
            "BackendNotFound",
        ),
    ],
)
def test_backends(named: dict[str, object], found: str | None) -> None:
    assert reason(at_edge(PARTNER), **named) == found


def test_a_grant_lets_routes_use_services_of_its_namespace_until_it_goes() -> None:
    declared = at_edge(GRANT)
    assert reason(declared, name="other", namespace="other") is None
    assert reason(declared, name="missing", namespace="other") == "BackendNotFound"

    declared.remove(GRANT)

    assert reason(declared, name="other", namespace="other") == "RefNotPermitted"


def test_a_backend_of_another_namespace_is_called_only_with_a_grant() -> None:
    route = request_route("{backendRefs: [{name: other, namespace: other, port: 80}]}")

    (without,) = routed(at_edge(route))
    (granted,) = routed(at_edge(route, GRANT))

    assert without["route"]["cluster"] == "UnknownService"
    assert granted["route"]["cluster"] == "outbound|80||other.other.svc.cluster.local"


def test_an_unresolved_backend_keeps_its_share() -> None:
    found = route_of(
        "{backendRefs: [{name: shop, port: 80}, {kind: Bucket, group: a.test, name: b, weight: 2}]}"
    )

    assert found["route"]["weighted_clusters"]["clusters"] == [
        {"name": SHOP, "weight": 1},
        {"name": "UnknownService", "weight": 2},
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "filters: [{type: ExtensionRef, extensionRef: {group: a.test, kind: B, name: c}}]",
        "backendRefs: [{group: networking.istio.io, kind: Hostname, name: shop,"
        " namespace: default, port: 80}]",
        "backendRefs: [{name: shop.default.svc.cluster.local, port: 80}]",
        "backendRefs: [{name: shop, port: 80, filters: [{type: URLRewrite,"
        " urlRewrite: {hostname: a.test}}]}]",
    ],
)
def test_what_cannot_be_served_takes_the_whole_route_away(rule: str) -> None:
    broken = request_route("{backendRefs: [{name: shop, port: 80}]}", f"{{{rule}}}")
    other = request_route("{name: other, backendRefs: [{name: shop, port: 80}]}", name="other")

    (found,) = routed(at_edge(broken, other))

    assert found["name"] == "other"


def test_a_name_of_a_service_entry_is_a_backend() -> None:
    (found,) = routed(
        at_edge(
            request_route(
                "{backendRefs: [{group: networking.istio.io, kind: Hostname,"
                " name: partner.test, port: 80}]}"
            ),
            PARTNER,
        )
    )

    assert found["route"]["cluster"] == "outbound|80||partner.test"
