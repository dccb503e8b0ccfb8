"""The conditions of routes for calls between workloads, and what is reported of them."""

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.queries.gateway_api.route_parents import route_parents
from tests.support.declared import Declared
from tests.support.http_routes import request_route
from tests.support.mesh_routes import entry, routed, service

PORTS = "[{name: http, port: 80}, {name: tcp, port: 81}]"
SERVICES = service("reviews", "bank", ports=PORTS) + service("v2", "bank") + service("v3", "shop")
TO_V2 = "{backendRefs: [{name: v2, namespace: bank, port: 80}]}"
RULE = routed("reviews", "[reviews.bank.svc.cluster.local]", "v2.bank.svc.cluster.local", "bank")


def parent(name: str = "reviews", more: str = "") -> str:
    return f'{{group: "", kind: Service, name: {name}, namespace: bank{more}}}'


def mesh_route(
    rule: str = TO_V2,
    *,
    name: str = "reviews",
    namespace: str = "bank",
    parents: str = parent(),
    created: str = "",
    hosts: str = "[]",
) -> str:
    return request_route(
        rule, name=name, namespace=namespace, parents=f"[{parents}]", created=created, hosts=hosts
    )


def conditions(text: str, namespace: str = "bank") -> list[str]:
    key = ObjectKey(HTTP_ROUTE, Namespace(namespace), "reviews")
    found = route_parents(Declared(SERVICES + text).graph, key)
    assert found is not None, "the route is declared"
    (only,) = found.parents
    return [str(condition) for condition in only.conditions]


def reported(text: str) -> list[str]:
    """Code, place and message of what is reported of routes and VirtualServices."""
    return [
        f"{found.code} {found.place}: {found.message}"
        for found in Declared(SERVICES + text).diagnostics()
        if str(found.place).startswith(("HTTPRoute", "VirtualService"))
    ]


def dated(year: int) -> str:
    return RULE.replace(
        "namespace: bank}", f'namespace: bank, creationTimestamp: "{year}-01-01T00:00:00Z"}}'
    )


def test_a_route_for_a_declared_service_is_accepted() -> None:
    assert conditions(mesh_route()) == [
        "Accepted: True Accepted",
        "ResolvedRefs: True ResolvedRefs",
    ]
    assert reported(mesh_route()) == []


def test_a_route_for_a_service_that_is_not_declared_has_no_parent() -> None:
    text = mesh_route(parents=parent("unknown"))

    assert conditions(text)[0] == "Accepted: False NoMatchingParent"
    assert reported(text) == [
        "CP0731 HTTPRoute/bank/reviews.spec.parentRefs[0].name: Service bank/unknown is not "
        "declared, so the route attaches to nothing there"
    ]


def test_backends_of_other_namespaces_need_no_grant_but_must_exist() -> None:
    foreign = mesh_route("{backendRefs: [{name: v3, namespace: shop, port: 80}]}")
    missing = mesh_route("{backendRefs: [{name: missing, namespace: shop, port: 80}]}")

    assert conditions(foreign)[1] == "ResolvedRefs: True ResolvedRefs"
    assert conditions(missing)[1] == "ResolvedRefs: False BackendNotFound"
    assert reported(foreign) == []
    assert reported(missing) == [
        "CP0732 HTTPRoute/bank/reviews.spec.rules[0].backendRefs[0].name: Service shop/missing is "
        "not declared"
    ]


def test_a_port_that_is_not_of_http_is_reported() -> None:
    assert reported(mesh_route(parents=parent(more=", port: 81"))) == [
        "CP0770 HTTPRoute/bank/reviews.spec.parentRefs[0].port: the route is not used: "
        "reviews.bank has no port 81 of HTTP"
    ]
    assert reported(mesh_route(parents=parent(more=", port: 80"))) == []


def test_a_wildcard_is_reported() -> None:
    ref = "{group: networking.istio.io, kind: ServiceEntry, name: any-example-com}"
    wild = entry("*.example.com", "bank").replace("resolution: STATIC", "resolution: NONE")

    assert [each[:6] for each in reported(wild + mesh_route(parents=ref))] == ["CP0770"]


def test_hostnames_are_reported() -> None:
    assert reported(mesh_route(hosts="[a.example.com]")) == [
        "CP0772 HTTPRoute/bank/reviews.spec.hostnames: the hostnames have no effect: the route is "
        "for all calls of reviews, whatever host they name"
    ]


def test_a_route_behind_an_older_virtualservice_is_reported_with_both_places() -> None:
    text = dated(2024) + mesh_route(created="2025-01-01T00:00:00Z")
    (found,) = [
        each for each in Declared(SERVICES + text).diagnostics() if each.code.id == "CP0771"
    ]

    assert str(found.place) == "HTTPRoute/bank/reviews.spec.parentRefs[0].name"
    assert [str(each.place) for each in found.related] == ["VirtualService/bank/reviews"]
    assert found.message.startswith(
        "callers of other namespaces use VirtualService bank/reviews for reviews.bank"
    )


def test_a_virtualservice_behind_an_older_route_is_reported_with_both_places() -> None:
    text = dated(2025) + mesh_route(created="2024-01-01T00:00:00Z")
    (found,) = [
        each for each in Declared(SERVICES + text).diagnostics() if each.code.id == "CP0368"
    ]

    assert str(found.place) == "VirtualService/bank/reviews.spec.hosts[0]"
    assert [str(each.place) for each in found.related] == [
        "HTTPRoute/bank/reviews.spec.parentRefs[0]"
    ]
    assert [each[:6] for each in reported(text)] == ["CP0368"]


def test_of_routes_with_and_without_a_port_the_younger_is_reported() -> None:
    text = mesh_route(created="2024-01-01T00:00:00Z") + mesh_route(
        name="port", parents=parent(more=", port: 80"), created="2025-01-01T00:00:00Z"
    )

    assert [each[:30] for each in reported(text)] == ["CP0771 HTTPRoute/bank/port.spe"]


def test_routes_of_several_namespaces_are_in_nobodys_way() -> None:
    assert reported(mesh_route() + mesh_route(namespace="shop")) == []
