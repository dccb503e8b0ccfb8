"""What is said of references to other namespaces that no ReferenceGrant permits, and of grants that
permit nothing.
"""

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


@pytest.mark.parametrize(
    ("from_", "to", "field", "hint"),
    [
        (
            ROUTES.replace("HTTPRoute", "HttpRoute"),
            SERVICE,
            "from[0].kind",
            "write kind: HTTPRoute",
        ),
        (
            ROUTES.replace("gateway.networking.k8s.io", "networking.istio.io"),
            SERVICE,
            "from[0].group",
            "write group: gateway.networking.k8s.io",
        ),
        (ROUTES, "group: v1, kind: Service", "to[0].group", 'write group: ""'),
        (ROUTES, "group: core, kind: service", "to[0].kind", 'write group: "", kind: Service'),
        (
            ROUTES.replace("default", "other"),
            SERVICE,
            "from[0].namespace",
            "write the namespace of the objects that refer to those here",
        ),
    ],
)
def test_what_of_a_grant_permits_nothing_is_reported_at_its_field(
    from_: str, to: str, field: str, hint: str
) -> None:
    (found,) = Declared(grant(from_, to)).diagnostics()

    assert (found.code.id, found.hint) == ("CP0210", hint)
    assert str(found.place) == f"ReferenceGrant/other/routes.spec.{field}"


def test_a_grant_for_kinds_of_others_is_not_reported() -> None:
    theirs = "group: inference.example.com, kind: Pool"

    assert Declared(grant(f"{theirs}, namespace: default", theirs)).diagnostics() == ()
