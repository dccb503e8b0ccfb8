"""What is proposed where no ReferenceGrant permits a reference to another namespace."""

import pytest

from tests.support.declared import Declared
from tests.support.http_routes import HTTP, SERVICES, request_route
from tests.support.kubernetes_gateways import gateway

ROUTES = "group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default"
SERVICE = 'group: "", kind: Service'


def grant(from_: str, to: str, namespace: str = "other") -> str:
    return (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\n"
        f"metadata: {{name: routes, namespace: {namespace}}}\n"
        f"spec: {{from: [{{{from_}}}], to: [{{{to}}}]}}\n---\n"
    )


@pytest.mark.parametrize(
    ("grants", "hint"),
    [
        (
            "",
            f"declare a ReferenceGrant in namespace other with from: [{{{ROUTES}}}], "
            f"to: [{{{SERVICE}}}]",
        ),
        (
            grant("group: a.example, kind: Thing, namespace: default", "group: '', kind: Secret"),
            f"declare a ReferenceGrant in namespace other with from: [{{{ROUTES}}}], "
            f"to: [{{{SERVICE}}}]",
        ),
        (
            grant(ROUTES, "group: core, kind: Service"),
            f"add to: [{{{SERVICE}}}] to ReferenceGrant other/routes",
        ),
        (
            grant(ROUTES, f"{SERVICE}, name: shp"),
            f"add to: [{{{SERVICE}}}] to ReferenceGrant other/routes",
        ),
        (
            grant(ROUTES.replace("HTTPRoute", "HttpRoute"), SERVICE),
            f"add from: [{{{ROUTES}}}] to ReferenceGrant other/routes",
        ),
        (
            grant(ROUTES, SERVICE, namespace="default"),
            "move ReferenceGrant default/routes to namespace other: a grant is in the namespace of "
            "what is referred to",
        ),
    ],
)
def test_a_backend_that_is_not_granted_comes_with_the_grant_that_it_needs(
    grants: str, hint: str
) -> None:
    route = request_route("{backendRefs: [{name: shop, namespace: other, port: 80}]}")
    found = Declared(gateway(HTTP) + SERVICES + route + grants).diagnostics()

    assert [each.hint for each in found if each.code.id == "CP0733"] == [hint]


def test_a_certificate_that_is_not_granted_comes_with_the_grant_that_it_needs() -> None:
    tls = "tls: {certificateRefs: [{name: shop, namespace: other}]}"
    listener = f"{{name: https, port: 443, protocol: HTTPS, {tls}}}"
    found = Declared(gateway(listener) + grant(ROUTES, "group: '', kind: Secret")).diagnostics()

    assert [each.hint for each in found if each.code.id == "CP0714"] == [
        "add from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}] to "
        "ReferenceGrant other/routes"
    ]
