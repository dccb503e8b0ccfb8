"""Which listeners routes attach to, and at which hostnames they are served there."""

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.queries.gateway_api.attachment import attachment
from tests.support.declared import Declared
from tests.support.http_routes import HTTP, TO_SHOP, at_edge, names, request_route
from tests.support.kubernetes_gateways import EDGE, gateway, listener_set
from tests.support.routes import domains

RULE = f"{{{TO_SHOP}}}"
ALT = "{name: alt, port: 8081, protocol: HTTP}"


def outcome(declared: Declared, *, namespace: str = "default", parent: int = 0) -> str | list[str]:
    """The names of the listeners that the route attaches to, or why there is none."""
    key = ObjectKey(HTTP_ROUTE, Namespace(namespace), "shop")
    found = attachment(declared.graph, key, parent)
    assert found is not None, "the parent is served here"
    if found.refusal is not None:
        return found.refusal.reason
    return [listener.name for listener in found.listeners]


@pytest.mark.parametrize(
    ("parent", "attached"),
    [
        ("{name: edge}", ["http", "alt"]),
        ("{name: edge, sectionName: alt}", ["alt"]),
        ("{name: edge, port: 8080}", ["http"]),
        ("{name: edge, sectionName: alt, port: 8080}", "NoMatchingParent"),
        ("{name: edge, sectionName: other}", "NoMatchingParent"),
        ("{name: edge, port: 81}", "NoMatchingParent"),
    ],
)
def test_a_parent_ref_names_listeners(parent: str, attached: str | list[str]) -> None:
    route = request_route(RULE, parents=f"[{parent}]")

    assert outcome(at_edge(route, listeners=(HTTP, ALT))) == attached


@pytest.mark.parametrize("parent", ["{name: other}", "{group: '', kind: Service, name: shop}"])
def test_what_is_not_served_here_has_no_outcome(parent: str) -> None:
    declared = at_edge(request_route(RULE, parents=f"[{parent}]"))

    key = ObjectKey(HTTP_ROUTE, Namespace("default"), "shop")
    assert attachment(declared.graph, key, 0) is None
    assert attachment(declared.graph, key, 1) is None


@pytest.mark.parametrize(
    ("allowed", "attached"),
    [
        ("{namespaces: {from: Same}}", "NotAllowedByListeners"),
        ("{namespaces: {from: All}}", ["http"]),
        (
            "{namespaces: {from: Selector, selector: {matchLabels:"
            " {kubernetes.io/metadata.name: other}}}}",
            ["http"],
        ),
        (
            "{namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}",
            "NotAllowedByListeners",
        ),
        ("{namespaces: {from: All}, kinds: [{kind: GRPCRoute}]}", "NotAllowedByListeners"),
    ],
)
def test_a_listener_says_which_routes_may_attach(allowed: str, attached: str | list[str]) -> None:
    listener = f"{{name: http, port: 8080, protocol: HTTP, allowedRoutes: {allowed}}}"
    declared = at_edge(request_route(RULE, namespace="other"), listeners=(listener,))

    assert outcome(declared, namespace="other") == attached
    assert ("shop.example.com" in domains(declared, proxy=EDGE)) is (attached == ["http"])


@pytest.mark.parametrize(
    ("listener", "hosts", "served"),
    [
        ("", "[shop.example.com]", ["shop.example.com"]),
        ("", "[]", ["*"]),
        ("shop.example.com", "[]", ["shop.example.com"]),
        ("shop.example.com", "['*.example.com']", ["shop.example.com"]),
        ("shop.example.com", "[pay.example.com]", None),
        ("'*.example.com'", "[]", ["*.example.com"]),
        ("'*.example.com'", "['*.com']", ["*.example.com"]),
        ("'*.example.com'", "['*.eu.example.com']", ["*.eu.example.com"]),
        ("'*.example.com'", "[a.b.example.com, other.test]", ["a.b.example.com"]),
        ("'*.example.com'", "[example.com]", None),
    ],
)
def test_hostnames_are_narrowed_to_those_of_both(
    listener: str, hosts: str, served: list[str] | None
) -> None:
    hostname = f", hostname: {listener}" if listener else ""
    declared = at_edge(
        request_route(RULE, hosts=hosts),
        listeners=(f"{{name: http, port: 8080, protocol: HTTP{hostname}}}",),
    )

    assert domains(declared, proxy=EDGE) == (served or ["*"])
    assert outcome(declared) == (["http"] if served else "NoMatchingListenerHostname")


def test_of_several_reasons_the_most_telling_is_given() -> None:
    elsewhere = "{name: a, port: 8080, protocol: HTTP, hostname: a.test}"
    no_http = "{name: tcp, port: 9000, protocol: TCP}"

    assert outcome(at_edge(request_route(RULE), listeners=(elsewhere,))) == (
        "NoMatchingListenerHostname"
    )
    assert outcome(at_edge(request_route(RULE), listeners=(elsewhere, no_http))) == (
        "NotAllowedByListeners"
    )


def test_a_sibling_with_a_more_specific_hostname_has_its_requests_to_itself() -> None:
    every = "{name: every, port: 8080, protocol: HTTP}"
    shop = "{name: shop, port: 8080, protocol: HTTP, hostname: shop.example.com}"
    declared = at_edge(
        request_route("{name: every, matches: [{path: {value: /a}}]}", name="every"),
        request_route(
            "{name: shop, matches: [{path: {value: /b}}]}",
            name="narrow",
            parents="[{name: edge, sectionName: shop}]",
        ),
        listeners=(every, shop),
    )

    assert names(declared) == ["every", "shop"]  # it attaches to both

    declared.edit(
        request_route(
            "{name: every, matches: [{path: {value: /a}}]}",
            name="every",
            parents="[{name: edge, sectionName: every}]",
        )
    )

    assert names(declared) == ["shop"]


def test_routes_attach_to_a_listener_set_by_its_name_only() -> None:
    own = "{name: more, port: 8081, protocol: HTTP}"
    parent = "[{kind: ListenerSet, name: more}, {name: edge}]"
    text = request_route(RULE, parents=parent)
    more = "gatewayClassName: istio\n  allowedListeners: {namespaces: {from: Same}}"
    declared = Declared(gateway(HTTP, more=more) + listener_set(own) + text)

    assert outcome(declared) == ["more"]
    assert outcome(declared, parent=1) == ["http"]
    assert domains(declared, "http.8081", EDGE) == ["shop.example.com"]


def test_kinds_of_streams_do_not_attach_to_http_listeners() -> None:
    route = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n"
        "metadata: {name: shop, namespace: default}\n"
        "spec:\n  parentRefs: [{name: edge}]\n"
        "  rules: [{backendRefs: [{name: shop, port: 80}]}]\n---\n"
    )

    found = attachment(at_edge(route).graph, ObjectKey(TCP_ROUTE, Namespace("default"), "shop"), 0)

    assert found is not None
    assert found.refusal is not None
    assert found.refusal.reason == "NotAllowedByListeners"


def test_a_route_of_each_kind_is_counted_at_its_listener() -> None:
    declared = at_edge(request_route(RULE), request_route(RULE, kind="GRPCRoute"))

    for kind in (HTTP_ROUTE, GRPC_ROUTE):
        found = attachment(declared.graph, ObjectKey(kind, Namespace("default"), "shop"), 0)
        assert found is not None
        assert [listener.name for listener in found.listeners] == ["http"]
