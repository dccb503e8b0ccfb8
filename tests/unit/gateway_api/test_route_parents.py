"""The status and diagnostics of routes whose parent is a Service, and of routes of connections."""

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.queries.gateway_api.route_parents import route_parents
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import gateway

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: SPACE}
spec: {selector: {app: NAME}, ports: [{name: http, port: 80}]}
---
"""
WEB = SERVICE.replace("NAME", "web").replace("SPACE", "default")
THERE = SERVICE.replace("NAME", "there").replace("SPACE", "other")


def route(backend: str, parent: str = '{group: "", kind: Service, name: web}') -> str:
    return (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: shop}\nspec:\n"
        f"  parentRefs: [{parent}]\n  rules: [{{backendRefs: [{backend}]}}]\n---\n"
    )


def conditions(declared: Declared) -> list[str]:
    key = ObjectKey(HTTP_ROUTE, Namespace("default"), "shop")
    status = route_parents(declared.graph, key)
    assert status is not None, "the route is declared"
    return [str(each) for parent in status.parents for each in parent.conditions]


def reported(declared: Declared) -> list[str]:
    """What is reported of routes."""
    return [
        f"{found.code.id} {found.message}"
        for found in declared.diagnostics()
        if found.code.id.startswith("CP07")
    ]


@pytest.mark.parametrize(
    ("backend", "resolved", "said"),
    [
        ("{name: web, port: 80}", "True ResolvedRefs", []),
        ("{name: there, namespace: other, port: 80}", "True ResolvedRefs", []),
        (
            "{name: gone, namespace: other, port: 80}",
            "False BackendNotFound",
            ["CP0732 Service other/gone is not declared"],
        ),
    ],
)
def test_a_route_of_the_mesh_needs_no_grant_for_its_backends(
    backend: str, resolved: str, said: list[str]
) -> None:
    declared = Declared(route(backend) + WEB + THERE)

    assert conditions(declared) == ["Accepted: True Accepted", f"ResolvedRefs: {resolved}"]
    assert reported(declared) == said


def test_a_service_that_is_not_declared_is_no_parent() -> None:
    declared = Declared(route("{name: there, namespace: other, port: 80}") + THERE)

    assert conditions(declared)[0] == "Accepted: False NoMatchingParent"
    assert [found.partition(" ")[0] for found in reported(declared)] == ["CP0731"]


@pytest.mark.parametrize(
    ("kind", "listener", "names"),
    [
        ("TCPRoute", "{name: a, port: 80, protocol: TCP}", ""),
        ("UDPRoute", "{name: a, port: 80, protocol: UDP}", ""),
        (
            "TLSRoute",
            "{name: a, port: 80, protocol: TLS, tls: {mode: Passthrough}}",
            "hostnames: [a.example.com], ",
        ),
    ],
)
def test_what_is_wrong_with_a_route_of_connections_is_reported(
    kind: str, listener: str, names: str
) -> None:
    version = "v1" if kind == "TLSRoute" else "v1alpha2"
    text = (
        f"apiVersion: gateway.networking.k8s.io/{version}\nkind: {kind}\n"
        "metadata: {name: shop}\n"
        f"spec: {{parentRefs: [{{name: edge}}], {names}"
        "rules: [{backendRefs: [{name: gone, port: 80}]}]}\n"
    )

    found = reported(Declared(gateway(listener) + text))

    assert "CP0732 Service default/gone is not declared" in found
