"""What a rule of the Gateway API does with a request, in Envoy's words."""

from typing import Any

import pytest

from tests.support.http_routes import (
    PAY,
    SHOP,
    TO_SHOP,
    at_edge,
    request_route,
    route_of,
    routed,
)

CONDITIONS = "connect-failure,refused-stream,unavailable,cancelled"


def action(rule: str) -> dict[str, Any]:
    found: dict[str, Any] = route_of(f"{{{rule}, {TO_SHOP}}}")["route"]
    return found


def filtered(*filters: str, more: str = TO_SHOP) -> dict[str, Any]:
    return route_of(f"{{filters: [{', '.join(filters)}], {more}}}")


def headers(found: dict[str, Any], name: str) -> list[tuple[str, str, str]]:
    """Header, value and whether it replaces or adds."""
    return [
        (each["header"]["key"], each["header"]["value"], each.get("append_action", "APPEND"))
        for each in found.get(name, [])
    ]


def test_a_backend_that_is_not_there_is_answered_500() -> None:
    assert route_of(f"{{{TO_SHOP}}}")["route"]["cluster_not_found_response_code"] == (
        "INTERNAL_SERVER_ERROR"
    )


def test_a_route_names_the_object_that_made_it() -> None:
    found = route_of(f"{{{TO_SHOP}}}")

    assert found["metadata"]["filter_metadata"]["istio"]["config"] == (
        "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproute/shop"
    )


def test_weights_are_shares_and_a_weight_of_0_is_left_out() -> None:
    found = route_of(
        "{backendRefs: [{name: shop, port: 80, weight: 3}, {name: pay, port: 80},"
        " {name: pay, port: 80, weight: 0}]}"
    )

    assert found["route"]["weighted_clusters"]["clusters"] == [
        {"name": SHOP, "weight": 3},
        {"name": PAY, "weight": 1},
    ]


@pytest.mark.parametrize(
    "backends",
    ["{}", "{backendRefs: []}", "{backendRefs: [{name: shop, port: 80, weight: 0}]}"],
)
def test_no_backend_with_a_weight_is_answered_500(backends: str) -> None:
    assert route_of(backends)["direct_response"] == {"status": 500}


def test_headers_are_set_added_and_removed_and_percent_signs_are_literal() -> None:
    found = filtered(
        "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-A, value: 50%}],"
        " add: [{name: x-b, value: b}], remove: [x-c]}}",
        "{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-d, value: d}]}}",
    )

    assert headers(found, "request_headers_to_add") == [
        ("x-a", "50%%", "OVERWRITE_IF_EXISTS_OR_ADD"),
        ("x-b", "b", "APPEND"),
    ]
    assert found["request_headers_to_remove"] == ["x-c"]
    assert headers(found, "response_headers_to_add") == [("x-d", "d", "OVERWRITE_IF_EXISTS_OR_ADD")]


def test_headers_of_calls_are_set() -> None:
    found = route_of(
        "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-A, value:"
        f" a}}], remove: [x-b]}}}}], {TO_SHOP}}}",
        kind="GRPCRoute",
    )

    assert headers(found, "request_headers_to_add") == [("x-a", "a", "OVERWRITE_IF_EXISTS_OR_ADD")]
    assert found["request_headers_to_remove"] == ["x-b"]


def test_a_host_header_that_is_set_becomes_the_authority() -> None:
    found = filtered(
        "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Host, value: a.test}]}}"
    )

    assert found["route"]["host_rewrite_literal"] == "a.test"
    assert "request_headers_to_add" not in found


def test_the_filters_of_a_single_backend_come_after_those_of_the_rule() -> None:
    found = filtered(
        "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-a, value: rule}]}}",
        more="backendRefs: [{name: shop, port: 80, filters: [{type: RequestHeaderModifier,"
        " requestHeaderModifier: {set: [{name: x-a, value: backend}]}}]}]",
    )

    assert headers(found, "request_headers_to_add") == [
        ("x-a", "rule", "OVERWRITE_IF_EXISTS_OR_ADD"),
        ("x-a", "backend", "OVERWRITE_IF_EXISTS_OR_ADD"),
    ]


def test_the_filters_of_one_backend_of_several_stay_with_it() -> None:
    found = route_of(
        "{backendRefs: [{name: shop, port: 80, filters: [{type: ResponseHeaderModifier,"
        " responseHeaderModifier: {remove: [x-a]}}]}, {name: pay, port: 80}]}"
    )

    assert found["route"]["weighted_clusters"]["clusters"] == [
        {"name": SHOP, "weight": 1, "response_headers_to_remove": ["x-a"]},
        {"name": PAY, "weight": 1},
    ]


@pytest.mark.parametrize(
    ("redirect", "found"),
    [
        ("{}", {"response_code": "FOUND", "port_redirect": 8080}),
        (
            "{hostname: a.test, statusCode: 301}",
            {"host_redirect": "a.test", "port_redirect": 8080},
        ),
        ("{scheme: https}", {"scheme_redirect": "https", "response_code": "FOUND"}),
        (
            "{scheme: https, port: 8443, statusCode: 308}",
            {
                "scheme_redirect": "https",
                "port_redirect": 8443,
                "response_code": "PERMANENT_REDIRECT",
            },
        ),
        (
            "{scheme: https, port: 443}",
            {"scheme_redirect": "https", "response_code": "FOUND"},
        ),
        ("{port: 80}", {"response_code": "FOUND"}),
        ("{port: 80, statusCode: 303}", {"response_code": "SEE_OTHER"}),
        ("{port: 80, statusCode: 307}", {"response_code": "TEMPORARY_REDIRECT"}),
        (
            "{port: 81, path: {type: ReplaceFullPath, replaceFullPath: /new}}",
            {"port_redirect": 81, "path_redirect": "/new", "response_code": "FOUND"},
        ),
        (
            "{port: 81, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}",
            {"port_redirect": 81, "prefix_rewrite": "/new", "response_code": "FOUND"},
        ),
    ],
)
def test_redirects(redirect: str, found: dict[str, Any]) -> None:
    made = filtered(f"{{type: RequestRedirect, requestRedirect: {redirect}}}", more="name: r")

    assert made["redirect"] == found


@pytest.mark.parametrize(
    ("prefix", "replacement", "rewritten"),
    [
        ("/foo", "/xyz", {"prefix_rewrite": "/xyz"}),
        ("/foo/", "/xyz/", {"prefix_rewrite": "/xyz"}),
        ("/foo", "/", {"regex": r"^/foo(/?)(.*)", "substitution": r"/\2"}),
        ("/a.b", '""', {"regex": r"^/a\.b(/?)(.*)", "substitution": r"/\2"}),
        ("/", "/x", {"prefix_rewrite": "/x"}),
        ("/", "/", {"regex": "^(/?)(.*)", "substitution": r"/\2"}),
    ],
)
def test_prefixes_are_replaced(prefix: str, replacement: str, rewritten: dict[str, str]) -> None:
    found = action(
        f"matches: [{{path: {{value: {prefix}}}}}], filters: [{{type: URLRewrite, urlRewrite:"
        f" {{path: {{type: ReplacePrefixMatch, replacePrefixMatch: {replacement}}}}}}}]"
    )

    if "regex" in rewritten:
        assert found["regex_rewrite"] == {
            "pattern": {"regex": rewritten["regex"]},
            "substitution": rewritten["substitution"],
        }
    else:
        assert found["prefix_rewrite"] == rewritten["prefix_rewrite"]


def test_a_whole_path_is_replaced_literally() -> None:
    found = action(
        "filters: [{type: URLRewrite, urlRewrite: {hostname: b.test, path: {type: ReplaceFullPath,"
        r" replaceFullPath: '/new\1'}}}]"
    )

    assert found["regex_rewrite"] == {
        "pattern": {"regex": "/.*"},
        "substitution": r"/new\\1",
    }
    assert found["host_rewrite_literal"] == "b.test"


def test_every_mirror_gets_its_share() -> None:
    found = action(
        "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: pay, port: 80}}},"
        " {type: RequestMirror, requestMirror: {backendRef: {name: pay, port: 80}, percent: 35}},"
        " {type: RequestMirror, requestMirror: {backendRef: {name: pay, port: 80},"
        " fraction: {numerator: 1, denominator: 3}}},"
        " {type: RequestMirror, requestMirror: {backendRef: {name: pay, port: 80}, percent: 0}},"
        " {type: RequestMirror, requestMirror: {backendRef: {name: missing, port: 80}}}]"
    )

    shares = [
        each["runtime_fraction"]["default_value"] for each in found["request_mirror_policies"]
    ]
    assert [each["cluster"] for each in found["request_mirror_policies"]] == [PAY] * 3
    assert shares == [
        {"numerator": 1_000_000, "denominator": "MILLION"},
        {"numerator": 350_000, "denominator": "MILLION"},
        {"numerator": 333_333, "denominator": "MILLION"},
    ]


def test_origins_of_cors_are_exact_or_hold_a_star() -> None:
    found = filtered(
        "{type: CORS, cors: {allowOrigins: ['https://a.test', 'https://*.b.test', 'http://*'],"
        " allowMethods: [GET, PUT], allowHeaders: [x-a], exposeHeaders: [x-b],"
        " allowCredentials: true}}"
    )

    policy = found["typed_per_filter_config"]["envoy.filters.http.cors"]
    assert policy["allow_origin_string_match"] == [
        {"exact": "https://a.test"},
        {"safe_regex": {"regex": r"^https://.*\.b\.test$"}},
        {"prefix": "http://"},
    ]
    assert policy["allow_methods"] == "GET,PUT"
    assert policy["allow_headers"] == "x-a"
    assert policy["expose_headers"] == "x-b"
    assert policy["max_age"] == "5"
    assert policy["allow_credentials"] is True
    assert policy["forward_not_matching_preflights"] is False


@pytest.mark.parametrize(
    ("timeouts", "limit"),
    [
        ("{request: 500ms}", "0.500s"),
        ("{backendRequest: 500ms}", "0.500s"),
        ("{request: 2s, backendRequest: 500ms}", "0.500s"),
        ("{request: 0s}", "0s"),
        ("{}", "0s"),
    ],
)
def test_timeouts_without_retries_limit_the_whole_request(timeouts: str, limit: str) -> None:
    assert action(f"timeouts: {timeouts}")["timeout"] == limit


def test_a_rule_without_retry_has_those_of_the_mesh() -> None:
    found = action("name: r")["retry_policy"]

    assert (found["num_retries"], found["retry_on"]) == (2, f"{CONDITIONS},retriable-status-codes")


def test_retries_are_for_the_listed_codes_that_have_a_name() -> None:
    found = action("retry: {codes: [500, 503, 499], attempts: 4, backoff: 50ms}")["retry_policy"]

    assert found["num_retries"] == 4
    assert found["retry_on"] == f"{CONDITIONS},retriable-status-codes"
    assert found["retriable_status_codes"] == [500, 503]
    assert found["retry_back_off"] == {"base_interval": "0.050s"}


def test_a_try_that_runs_out_of_time_is_not_repeated() -> None:
    found = action("retry: {attempts: 2}, timeouts: {request: 5s, backendRequest: 1s}")

    assert found["timeout"] == "5s"
    assert found["retry_policy"]["per_try_timeout"] == "1s"
    assert found["retry_policy"]["retry_on"] == CONDITIONS


def test_the_listener_s_port_is_that_of_a_redirect() -> None:
    declared = at_edge(
        request_route("{filters: [{type: RequestRedirect, requestRedirect: {hostname: a.test}}]}"),
        listeners=("{name: http, port: 8080, protocol: HTTP, hostname: shop.example.com}",),
    )

    (found,) = routed(declared)

    assert found["redirect"]["port_redirect"] == 8080
