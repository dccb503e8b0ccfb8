"""Routes at Gateways of our own class, where the specification says something else than Istio."""

from typing import Any

import pytest

from tests.support.declared import Declared
from tests.support.http_routes import (
    HTTP,
    PAY,
    SERVICES,
    SHOP,
    TO_SHOP,
    names,
    request_route,
    routed,
)
from tests.support.kubernetes_gateways import EDGE, gateway
from tests.support.pki import Authority
from tests.support.routes import table

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


def test_connections_that_break_tries_that_run_out_of_time_and_all_codes_are_repeated() -> None:
    retry = "retry: {attempts: 2, codes: [499]}, timeouts: {backendRequest: 1s}"
    found = route_of(f"{{{retry}, {TO_SHOP}}}")["route"]["retry_policy"]

    assert found["retry_on"] == f"{CONDITIONS},reset,retriable-status-codes"
    assert found["retriable_status_codes"] == [499]


def test_of_hostnames_that_a_listener_narrows_the_more_specific_comes_first() -> None:
    narrow = HTTP.replace("HTTP}", "HTTP, hostname: shop.example.com}")
    routes = (
        request_route(
            f"{{name: {name}, matches: [{{path: {{value: /x}}}}], {TO_SHOP}}}",
            name=name,
            hosts=hosts,
            created=f"202{i}-01-01T00:00:00Z",
        )
        for i, (name, hosts) in enumerate(
            (
                ("every", "[]"),
                ("wide", "['*.com']"),
                ("narrow", "['*.example.com']"),
                ("exact", "[shop.example.com]"),
            )
        )
    )

    found = names(at_ours(*routes, listeners=(narrow,)))

    assert found == ["exact", "narrow", "wide", "every"]


def test_ties_break_by_namespace_and_name_in_one_text() -> None:
    everybody = HTTP.replace("HTTP}", "HTTP, allowedRoutes: {namespaces: {from: All}}}")
    routes = (
        request_route(
            f"{{name: {namespace}.{name}, matches: [{{path: {{value: /x}}}}], {TO_SHOP}}}",
            name=name,
            namespace=namespace,
        )
        for namespace, name in (("a", "shop-b"), ("a", "shop"), ("a-b", "shop"))
    )

    found = names(at_ours(*routes, listeners=(everybody,)))

    assert found == ["a-b.shop", "a.shop", "a.shop-b"]


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


URL_REWRITE = (
    "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /%s}}}"
)


def test_filters_of_a_single_backend_are_those_of_its_rule() -> None:
    backend = f"{{name: shop, port: 80, filters: [{URL_REWRITE % 'a'}]}}"

    found = route_of(f"{{backendRefs: [{backend}]}}")["route"]

    assert found["regex_rewrite"]["substitution"] == "/a"
    assert found["cluster"] == SHOP


def test_backends_with_rewrites_of_their_own_get_routes_by_share() -> None:
    shop = f"{{name: shop, port: 80, weight: 3, filters: [{URL_REWRITE % 'a'}]}}"
    sent = "{type: RequestRedirect, requestRedirect: {hostname: a.test}}"
    pay = f"{{name: pay, port: 80, filters: [{sent}]}}"

    first, second = routed(at_ours(request_route(f"{{backendRefs: [{shop}, {pay}]}}")))

    assert first["match"]["runtime_fraction"]["default_value"] == {
        "numerator": 750_000,
        "denominator": "MILLION",
    }
    assert first["route"]["regex_rewrite"]["substitution"] == "/a"
    assert "runtime_fraction" not in second["match"]
    assert second["redirect"]["host_redirect"] == "a.test"


def test_a_preflight_is_answered_although_the_rule_asks_for_another_method() -> None:
    cors = "{type: CORS, cors: {allowOrigins: ['https://a.test']}}"
    rule = f"{{matches: [{{method: PUT}}], filters: [{cors}], {TO_SHOP}}}"

    served, preflight = routed(at_ours(request_route(rule)))

    assert preflight["match"]["headers"] == [
        {"name": ":method", "string_match": {"exact": "OPTIONS"}},
        {"name": "origin", "present_match": True},
        {"name": "access-control-request-method", "string_match": {"exact": "PUT"}},
    ]
    assert preflight["typed_per_filter_config"] == served["typed_per_filter_config"]


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ("{}", {"cookie": {"name": "session-default.shop.0", "path": "/"}}),
        ("{sessionName: sid}", {"cookie": {"name": "sid", "path": "/"}}),
        (
            "{sessionName: sid, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}",
            {"cookie": {"name": "sid", "path": "/", "ttl": "3600s"}},
        ),
        ("{cookie: {name: sid, path: /shop}}", {"cookie": {"name": "sid", "path": "/shop"}}),
        ("{type: Header, sessionName: x-sid}", {"name": "x-sid"}),
        ("{type: Header, header: {name: x-sid}}", {"name": "x-sid"}),
    ],
)
def test_sessions_are_kept(written: str, state: dict[str, Any]) -> None:
    found = route_of(f"{{sessionPersistence: {written}, {TO_SHOP}}}")

    config = found["typed_per_filter_config"]["envoy.filters.http.stateful_session"]
    kept = config["stateful_session"]["session_state"]["typed_config"]
    assert {name: value for name, value in kept.items() if name != "@type"} == state


AUTH = (
    "{type: ExternalAuth, externalAuth: {protocol: %s, backendRef: {name: %s, port: 80},"
    " forwardBody: {maxSize: 100}, %s}}"
)


def checks(declared: Declared) -> list[dict[str, Any]]:
    """The filters of the listener that routes may switch on to have requests decided."""
    (listener,) = declared.listeners(EDGE).values()
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return [f for f in manager["http_filters"] if f["name"].startswith("controlplane.external")]


def test_a_service_decides_the_requests_of_a_rule() -> None:
    auth = AUTH % ("HTTP", "pay", "http: {path: /check, allowedHeaders: [x-in]}")
    declared = at_ours(request_route(f"{{filters: [{auth}], {TO_SHOP}}}"))

    (check,) = checks(declared)
    (found,) = routed(declared)

    assert check["disabled"] is True
    config = check["typed_config"]
    assert config["http_service"]["server_uri"]["cluster"] == PAY
    assert config["http_service"]["path_prefix"] == "/check"
    assert config["with_request_body"] == {"max_request_bytes": 100}
    assert config["allowed_headers"] == {"patterns": [{"exact": "x-in", "ignore_case": True}]}
    assert "failure_mode_allow" not in config
    assert list(found["typed_per_filter_config"]) == [check["name"]]


def test_a_service_that_speaks_grpc_decides() -> None:
    auth = AUTH % ("GRPC", "pay", "grpc: {allowedHeaders: [x-in]}")

    (check,) = checks(at_ours(request_route(f"{{filters: [{auth}], {TO_SHOP}}}")))

    assert check["typed_config"]["grpc_service"]["envoy_grpc"]["cluster_name"] == PAY
    assert check["typed_config"]["with_request_body"] == {
        "max_request_bytes": 100,
        "pack_as_bytes": True,
    }


def test_without_the_service_that_decides_nothing_passes() -> None:
    auth = AUTH % ("HTTP", "missing", "http: {path: /}")
    declared = at_ours(request_route(f"{{filters: [{auth}], {TO_SHOP}}}"))

    (found,) = routed(declared)

    assert found["direct_response"] == {"status": 500}
    assert checks(declared) == []


def test_a_route_without_such_a_filter_is_not_asked_about() -> None:
    auth = AUTH % ("HTTP", "pay", "http: {path: /check}")
    declared = at_ours(
        request_route(f"{{matches: [{{path: {{value: /a}}}}], filters: [{auth}], {TO_SHOP}}}"),
        request_route(f"{{name: open, {TO_SHOP}}}", name="open"),
    )

    decided, open_ = routed(declared)

    assert "typed_per_filter_config" in decided
    assert "typed_per_filter_config" not in open_


def test_requests_on_a_connection_of_another_listener_are_misdirected() -> None:
    def https(name: str, hostname: str) -> str:
        host = f", hostname: {hostname}" if hostname else ""
        tls = "tls: {certificateRefs: [{name: cert}]}"
        return f"{{name: {name}, port: 8443, protocol: HTTPS{host}, {tls}}}"

    declared = at_ours(
        request_route(f"{{name: shop, {TO_SHOP}}}", hosts="[]"),
        Authority().leaf("example.com").secret("cert", namespace="default"),
        listeners=(https("a", ""), https("b", "b.example.org"), https("c", "'*.example.com'")),
    )

    answers = {
        name.split("~")[-1].split(".")[0]: {
            domain: host.routes[0].direct_response.status or host.routes[0].name
            for host in table(declared, name, EDGE).virtual_hosts
            for domain in host.domains
        }
        for name in sorted(declared.resources(EDGE).routes)
    }
    assert answers == {
        "a": {"*": "shop", "b.example.org": 421, "*.example.com": 421},
        "b": {"b.example.org": "shop", "*": 421, "*.example.com": 421},
        "c": {"*.example.com": "shop", "*": 421, "b.example.org": 421},
    }


def test_a_listener_without_routes_keeps_the_requests_for_its_hostname() -> None:
    every = "{name: every, port: 8080, protocol: HTTP}"
    shop = "{name: shop, port: 8080, protocol: HTTP, hostname: shop.example.com}"
    route = request_route(
        f"{{name: every, {TO_SHOP}}}", parents="[{name: edge, sectionName: every}]", hosts="[]"
    )

    declared = at_ours(route, listeners=(every, shop))

    assert names(declared, "*") == ["every"]
    assert names(declared) == []
