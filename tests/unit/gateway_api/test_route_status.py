"""The conditions of routes, and what is reported where one is False."""

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.queries.gateway_api.attachment import attached_routes
from controlplane.queries.gateway_api.listeners import entries
from controlplane.queries.gateway_api.route_status import route_status
from tests.support.declared import Declared
from tests.support.http_routes import HTTP, SERVICES, TO_SHOP, at_edge, request_route, routed
from tests.support.kubernetes_gateways import gateway

RULE = f"{{{TO_SHOP}}}"
SPECIFICATION = "gatewayClassName: controlplane"
MISSING_PORT = "{backendRefs: [{name: shop, port: 81}]}"
UNWEIGHTED = "{backendRefs: [{name: shop, port: 80}, {name: missing, port: 80, weight: 0}]}"
EXTENDED = (
    "{filters: [{type: ExtensionRef, extensionRef: {group: a.test, kind: B, name: c}}], "
    f"{TO_SHOP}}}"
)


def by_specification(*objects: str) -> Declared:
    return Declared(gateway(HTTP, more=SPECIFICATION) + SERVICES + "".join(objects))


def conditions(declared: Declared, parent: int = 0) -> list[str]:
    key = ObjectKey(HTTP_ROUTE, Namespace("default"), "shop")
    found = route_status(declared.graph, key, parent)
    assert found is not None, "the parent is served here"
    return [str(condition) for condition in found]


def reported(declared: Declared) -> list[str]:
    """Code, place and message of what is reported of the route ``shop``."""
    return [
        f"{found.code} {found.place}: {found.message}"
        for found in declared.diagnostics()
        if str(found.place).startswith("HTTPRoute/default/shop")
    ]


def test_a_route_with_all_that_it_needs_is_accepted_and_resolved() -> None:
    declared = at_edge(request_route(RULE))

    assert conditions(declared) == ["Accepted: True Accepted", "ResolvedRefs: True ResolvedRefs"]
    assert reported(declared) == []


@pytest.mark.parametrize(
    ("rule", "istio", "specification"),
    [
        ("{backendRefs: [{name: missing, port: 80}]}", "False BackendNotFound", None),
        (
            "{backendRefs: [{name: other, namespace: other, port: 80}]}",
            "False RefNotPermitted",
            None,
        ),
        (
            "{backendRefs: [{name: b, group: a.test, kind: Bucket}]}",
            "False InvalidKind",
            None,
        ),
        (MISSING_PORT, "True ResolvedRefs", "False BackendNotFound"),
        (UNWEIGHTED, "True ResolvedRefs", "False BackendNotFound"),
        (EXTENDED, "False InvalidFilter", "False InvalidKind"),
        (
            "{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 80}}}]}",
            "False BackendNotFound",
            None,
        ),
    ],
)
def test_references_that_lead_nowhere(rule: str, istio: str, specification: str | None) -> None:
    route = request_route(rule)

    assert conditions(at_edge(route))[-1] == f"ResolvedRefs: {istio}"
    assert conditions(by_specification(route))[-1] == f"ResolvedRefs: {specification or istio}"


def test_the_last_backend_at_fault_gives_the_reason() -> None:
    rules = (
        "{backendRefs: [{name: b, group: a.test, kind: Bucket}]}",
        "{backendRefs: [{name: missing, port: 80}, {name: other, namespace: other, port: 80}]}",
        RULE,
    )

    assert conditions(at_edge(request_route(*rules)))[-1] == "ResolvedRefs: False RefNotPermitted"


def test_a_match_that_envoy_would_refuse_is_left_out_and_said() -> None:
    rule = (
        "{matches: [{path: {type: RegularExpression, value: '/a('}}, {path: {value: /b}}],"
        f" {TO_SHOP}}}"
    )
    declared = at_edge(request_route(rule))

    assert conditions(declared) == [
        "Accepted: True Accepted",
        "PartiallyInvalid: True UnsupportedValue",
        "ResolvedRefs: True ResolvedRefs",
    ]
    assert reported(declared) == [
        "CP0735 HTTPRoute/default/shop.spec.rules[0].matches[0]:"
        ' "/a(" is not a regular expression of RE2: missing ): /a(,'
        " so this match is left out"
    ]
    assert [found["match"]["path_separated_prefix"] for found in routed(declared)] == ["/b"]


def test_a_rule_whose_only_match_is_left_out_takes_no_request() -> None:
    match = "{headers: [{name: a, type: RegularExpression, value: '('}]}"
    other = "{name: other, matches: [{path: {value: /b}}]}"
    declared = at_edge(request_route(f"{{matches: [{match}], {TO_SHOP}}}", other))

    assert [found["name"] for found in routed(declared)] == ["other"]


@pytest.mark.parametrize(
    ("parent", "found"),
    [
        (
            "{name: edge, sectionName: https}",
            "CP0730 HTTPRoute/default/shop.spec.parentRefs[0].sectionName: the route does not"
            ' attach to Gateway default/edge: no listener is named "https"',
        ),
        (
            "{name: edges}",
            "CP0731 HTTPRoute/default/shop.spec.parentRefs[0].name: Gateway default/edges is not"
            " declared, so the route attaches to nothing there",
        ),
    ],
)
def test_a_parent_that_does_not_take_the_route_is_reported(parent: str, found: str) -> None:
    assert reported(at_edge(request_route(RULE, parents=f"[{parent}]"))) == [found]


def test_a_hostname_that_no_listener_has_is_reported_with_theirs() -> None:
    listener = "{name: http, port: 8080, protocol: HTTP, hostname: pay.example.com}"
    declared = at_edge(request_route(RULE), listeners=(listener,))

    (found,) = [each for each in declared.diagnostics() if each.code.id == "CP0730"]

    assert str(found.place) == "HTTPRoute/default/shop.spec.hostnames"
    assert found.hint == "the listeners' hostnames are pay.example.com"


def test_a_backend_is_reported_at_its_line() -> None:
    route = request_route(
        "{backendRefs: [{name: missing, port: 80}, {name: other, namespace: other, port: 80}]}"
    )

    assert reported(at_edge(route)) == [
        "CP0732 HTTPRoute/default/shop.spec.rules[0].backendRefs[0].name: Service"
        " default/missing is not declared",
        "CP0733 HTTPRoute/default/shop.spec.rules[0].backendRefs[1].name: Service other/other is"
        " in another namespace, and no ReferenceGrant there lets HTTPRoutes of default refer to it",
    ]


def test_what_a_filter_costs_depends_on_the_class_of_the_gateway() -> None:
    route = request_route(EXTENDED)
    start = "CP0734 HTTPRoute/default/shop.spec.rules[0].filters[0]: a filter of type ExtensionRef"

    assert reported(at_edge(route)) == [
        f"{start} is not supported here, so no rule of the route is served"
    ]
    assert reported(by_specification(route)) == [
        f"{start} is not supported here, so its rule answers 500"
    ]


def test_a_listener_counts_the_routes_that_attach_whether_they_work_or_not() -> None:
    declared = at_edge(
        request_route(RULE),
        request_route("{backendRefs: [{name: missing, port: 80}]}", name="broken"),
        request_route(RULE, kind="GRPCRoute", name="calls"),
        request_route(RULE, name="away", parents="[{name: edge, sectionName: other}]"),
    )
    key = ObjectKey(KUBERNETES_GATEWAY, Namespace("default"), "edge")

    (listener,) = entries(declared.graph, key)

    found = attached_routes(declared.graph, listener.id)
    assert [route.name for route in found] == ["calls", "broken", "shop"]


def test_sessions_that_are_not_kept_are_reported() -> None:
    route = request_route(f"{{sessionPersistence: {{sessionName: sid}}, {TO_SHOP}}}")

    assert reported(at_edge(route)) == [
        "CP0210 HTTPRoute/default/shop.spec.rules[0].sessionPersistence: sessionPersistence has no"
        " effect at Gateways of class istio, as with Istio"
    ]
    assert reported(by_specification(route)) == []
