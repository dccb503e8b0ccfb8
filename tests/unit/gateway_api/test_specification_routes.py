"""Routes at Gateways of our own class, where the specification says something else than Istio."""

from typing import Any

import pytest

from tests.support.declared import Declared
from tests.support.http_routes import HTTP, SERVICES, TO_SHOP, names, request_route, routed
from tests.support.kubernetes_gateways import gateway

CONDITIONS = "connect-failure,refused-stream,unavailable,cancelled"


def at_ours(*objects: str, listeners: tuple[str, ...] = (HTTP,)) -> Declared:
    more = "gatewayClassName: controlplane"
    return Declared(gateway(*listeners, more=more) + SERVICES + "".join(objects))


def route_of(rule: str, *, kind: str = "HTTPRoute") -> dict[str, Any]:
    (found,) = routed(at_ours(request_route(rule, kind=kind)))
    return found


@pytest.mark.parametrize(
    ("redirect", "port"),
    [
        ("{scheme: https}", 443),
        ("{scheme: https, hostname: a.test}", None),
        ("{port: 443, scheme: https}", 443),
        ("{}", 8080),
    ],
)
def test_a_redirect_never_keeps_the_port_that_the_client_wrote(
    redirect: str, port: int | None
) -> None:
    found = route_of(f"{{filters: [{{type: RequestRedirect, requestRedirect: {redirect}}}]}}")

    assert found["redirect"].get("port_redirect") == port


@pytest.mark.parametrize(
    ("prefix", "replacement", "rewritten"),
    [
        ("/foo", "/xyz/", {"prefix_rewrite": "/xyz"}),
        ("/foo", "/", {"pattern": {"regex": r"^/foo(/?)(.*)"}, "substitution": r"/\2"}),
        ("/", "/x", {"pattern": {"regex": "^/"}, "substitution": "/x/"}),
    ],
)
def test_a_prefix_is_replaced_by_whole_segments(
    prefix: str, replacement: str, rewritten: dict[str, Any]
) -> None:
    path = f"{{type: ReplacePrefixMatch, replacePrefixMatch: {replacement}}}"
    match = f"matches: [{{path: {{value: {prefix}}}}}]"

    sent = route_of(
        f"{{{match}, filters: [{{type: RequestRedirect, requestRedirect: {{path: {path}}}}}]}}"
    )["redirect"]
    served = route_of(
        f"{{{match}, filters: [{{type: URLRewrite, urlRewrite: {{path: {path}}}}}], {TO_SHOP}}}"
    )["route"]

    for found in (sent, served):
        assert found.get("regex_rewrite", {"prefix_rewrite": found.get("prefix_rewrite")}) == (
            rewritten
        )


def test_a_try_that_runs_out_of_time_is_repeated() -> None:
    rule = f"{{retry: {{attempts: 2}}, timeouts: {{backendRequest: 1s}}, {TO_SHOP}}}"

    assert route_of(rule)["route"]["retry_policy"]["retry_on"] == f"{CONDITIONS},reset"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("HTTPRoute", 500, "INTERNAL_SERVER_ERROR"), ("GRPCRoute", 503, None)],
)
def test_calls_without_a_backend_end_unavailable(kind: str, status: int, code: str | None) -> None:
    forwarded = route_of(f"{{{TO_SHOP}}}", kind=kind)["route"]
    nowhere = route_of("{}", kind=kind)["direct_response"]

    assert forwarded.get("cluster_not_found_response_code") == code
    assert nowhere == {"status": status}


def test_a_filter_that_is_not_known_costs_its_rule_alone() -> None:
    extended = (
        "{name: extended, matches: [{path: {value: /a}}], filters: [{type: ExtensionRef,"
        f" extensionRef: {{group: a.test, kind: B, name: c}}}}], {TO_SHOP}}}"
    )

    first, second = routed(at_ours(request_route(extended, f"{{name: plain, {TO_SHOP}}}")))

    assert first["direct_response"] == {"status": 500}
    assert second["name"] == "plain"


def test_a_listener_without_routes_keeps_the_requests_for_its_hostname() -> None:
    every = "{name: every, port: 8080, protocol: HTTP}"
    shop = "{name: shop, port: 8080, protocol: HTTP, hostname: shop.example.com}"
    route = request_route(
        f"{{name: every, {TO_SHOP}}}", parents="[{name: edge, sectionName: every}]", hosts="[]"
    )

    declared = at_ours(route, listeners=(every, shop))

    assert names(declared, "*") == ["every"]
    assert names(declared) == []
