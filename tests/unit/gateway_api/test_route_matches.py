"""When a route of the Gateway API applies, and which of several comes first."""

from typing import Any

import pytest

from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.declared import Declared
from tests.support.http_routes import (
    SERVICES,
    TO_SHOP,
    at_edge,
    names,
    request_route,
    route_of,
    routed,
)
from tests.support.kubernetes_gateways import gateway


def match(written: str, *, kind: str = "HTTPRoute") -> dict[str, Any]:
    found = route_of(f"{{matches: [{written}], {TO_SHOP}}}", kind=kind)["match"]
    return {name: value for name, value in found.items() if name != "case_sensitive"}


@pytest.mark.parametrize(
    ("path", "specifier"),
    [
        ("{value: /cart}", {"path_separated_prefix": "/cart"}),
        ("{value: /cart/}", {"path_separated_prefix": "/cart"}),
        ("{value: /}", {"prefix": "/"}),
        ("{type: Exact, value: /cart/}", {"path": "/cart/"}),
        ("{type: RegularExpression, value: '/v[0-9]+'}", {"safe_regex": {"regex": "/v[0-9]+"}}),
    ],
)
def test_paths(path: str, specifier: dict[str, Any]) -> None:
    assert match(f"{{path: {path}}}") == specifier


def test_every_condition_of_a_match_is_asked_for() -> None:
    found = match(
        "{method: PUT, headers: [{name: X-User, value: a}],"
        " queryParams: [{name: q, type: RegularExpression, value: '[0-9]+'}]}"
    )

    assert found == {
        "prefix": "/",
        "headers": [
            {"name": "X-User", "string_match": {"exact": "a"}},
            {"name": ":method", "string_match": {"exact": "PUT"}},
        ],
        "query_parameters": [{"name": "q", "string_match": {"safe_regex": {"regex": "[0-9]+"}}}],
    }


def test_the_expression_of_a_star_asks_for_presence() -> None:
    named = "name: a, type: RegularExpression, value: '*'"

    assert match(f"{{headers: [{{{named}}}], queryParams: [{{{named}}}]}}") == {
        "prefix": "/",
        "headers": [{"name": "a", "present_match": True}],
        "query_parameters": [{"name": "a", "present_match": True}],
    }


@pytest.mark.parametrize(
    ("method", "specifier"),
    [
        ("{service: shop.Cart, method: Add}", {"path": "/shop.Cart/Add"}),
        ("{service: shop.Cart}", {"path_separated_prefix": "/shop.Cart"}),
        ("{method: Add}", {"safe_regex": {"regex": "/[^/]+/Add"}}),
        (
            "{type: RegularExpression, service: 'shop[.].*', method: 'A.*'}",
            {"safe_regex": {"regex": "/shop[.].*/A.*"}},
        ),
        ("{type: RegularExpression, service: shop.*}", {"safe_regex": {"regex": "/shop.*/.+"}}),
    ],
)
def test_methods_of_grpc(method: str, specifier: dict[str, Any]) -> None:
    assert match(f"{{method: {method}}}", kind="GRPCRoute") == specifier


def test_a_rule_without_matches_takes_every_request() -> None:
    assert route_of(f"{{{TO_SHOP}}}")["match"]["prefix"] == "/"
    assert route_of(f"{{{TO_SHOP}}}", kind="GRPCRoute")["match"]["prefix"] == "/"


def test_a_route_without_rules_takes_every_request_and_answers_500() -> None:
    route = request_route().replace("  rules:\n", "")

    (found,) = routed(at_edge(route))

    assert found["match"]["prefix"] == "/"
    assert found["direct_response"] == {"status": 500}


def test_the_more_specific_match_comes_first() -> None:
    ranked = [
        "{path: {type: Exact, value: /a}}",
        "{path: {value: /long/path}}",
        "{path: {value: /path}}",
        "{method: GET}",
        "{headers: [{name: a, value: a}, {name: b, value: b}]}",
        "{headers: [{name: a, value: a}], queryParams: [{name: q, value: q}]}",
        "{headers: [{name: a, value: a}]}",
        "{queryParams: [{name: p, value: p}, {name: q, value: q}]}",
        "{queryParams: [{name: p, value: p}]}",
        "{}",
    ]
    rules = [f"{{name: r{i}, matches: [{each}], {TO_SHOP}}}" for i, each in enumerate(ranked)]

    assert names(at_edge(request_route(*reversed(rules)))) == [f"r{i}" for i in range(10)]


def test_a_regular_expression_comes_after_every_prefix_the_longer_first() -> None:
    rules = [
        f"{{name: short, matches: [{{path: {{type: RegularExpression, value: /v.}}}}], {TO_SHOP}}}",
        f"{{name: long, matches: [{{path: {{type: RegularExpression, value: /v.*}}}}], {TO_SHOP}}}",
        f"{{name: prefix, matches: [{{path: {{value: /v1}}}}], {TO_SHOP}}}",
    ]

    assert names(at_edge(request_route(*rules))) == ["prefix", "long", "short"]


def test_what_comes_after_a_match_for_every_request_is_left_out() -> None:
    rules = [
        f"{{name: all, {TO_SHOP}}}",
        f"{{name: never, matches: [{{path: {{type: RegularExpression, value: /v}}}}], {TO_SHOP}}}",
    ]

    assert names(at_edge(request_route(*rules))) == ["all"]


def test_equal_matches_go_to_the_oldest_route_then_by_namespace_then_by_name() -> None:
    routes = [
        request_route(f"{{name: {text}, matches: [{{path: {{value: /x}}}}], {TO_SHOP}}}", **about)
        for text, about in (
            ("young", {"name": "a", "created": "2026-01-02T00:00:00Z"}),
            ("undated-b", {"name": "b"}),
            ("undated-a", {"name": "c", "namespace": "another"}),
            ("old", {"name": "z", "created": "2026-01-01T00:00:00Z"}),
            ("undated-d", {"name": "d"}),
        )
    ]
    everybody = "{name: http, port: 8080, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}"

    found = names(at_edge(*routes, listeners=(everybody,)))

    assert found == ["old", "young", "undated-a", "undated-b", "undated-d"]


def matching_x(rule: str, **about: str) -> str:
    return request_route(
        f"{{name: {rule}, matches: [{{path: {{value: /x}}}}], {TO_SHOP}}}", **about
    )


def test_a_name_comes_after_those_that_it_begins_as_the_virtualservices_of_istio_do() -> None:
    assert names(at_edge(*(matching_x(name, name=name) for name in ("a", "a-b")))) == ["a-b", "a"]


NARROW = (
    "{name: http, port: 8080, protocol: HTTP, hostname: shop.example.com,"
    " allowedRoutes: {namespaces: {from: All}}}"
)
TWO_HOSTS = (
    matching_x("other", name="r", namespace="other", created="2020-01-01T00:00:00Z"),
    matching_x("own", name="r", hosts="['*.example.com']", created="2022-01-01T00:00:00Z"),
)


def test_among_hostnames_of_a_narrower_listener_the_gateways_namespace_comes_first() -> None:
    assert names(at_edge(*TWO_HOSTS, listeners=(NARROW,))) == ["own", "other"]


def test_a_mesh_that_hides_virtualservices_hides_routes_of_other_namespaces() -> None:
    mesh = MeshConfig(default_virtual_service_export_to=(".",))
    declared = Declared(gateway(NARROW) + SERVICES + "".join(TWO_HOSTS), mesh=mesh)

    assert names(declared) == ["own"]


@pytest.mark.parametrize(
    ("backend", "found"),
    [
        ("{name: pay, port: 80}", ["mirrored", "plain", "other"]),
        ("{name: pay, port: 81}", ["mirrored", "plain", "other"]),
        ("{name: missing, port: 80}", ["other"]),
    ],
)
def test_a_grpcroute_with_a_mirror_that_is_not_there_is_not_served(
    backend: str, found: list[str]
) -> None:
    mirror = f"{{type: RequestMirror, requestMirror: {{backendRef: {backend}}}}}"
    matched = "name: mirrored, matches: [{method: {service: a}}]"
    rules = (
        f"{{{matched}, filters: [{mirror}], {TO_SHOP}}}",
        f"{{name: plain, matches: [{{method: {{service: b}}}}], {TO_SHOP}}}",
    )
    calls = request_route(*rules, kind="GRPCRoute", name="calls")
    other = request_route(f"{{name: other, {TO_SHOP}}}", name="z")

    assert names(at_edge(calls, other)) == found


def test_inside_of_a_route_the_first_rule_comes_first() -> None:
    rules = [
        f"{{name: {name}, matches: [{{path: {{value: /x}}}}], {TO_SHOP}}}" for name in ("z", "a")
    ]

    assert names(at_edge(request_route(*rules))) == ["z", "a"]


def test_grpc_and_http_routes_of_a_host_are_ranked_together() -> None:
    calls = request_route(
        f"{{name: add, matches: [{{method: {{service: shop.Cart, method: Add}}}}], {TO_SHOP}}}",
        f"{{name: cart, matches: [{{method: {{service: shop.Cart}}}}], {TO_SHOP}}}",
        kind="GRPCRoute",
        name="calls",
    )
    requests = request_route(
        f"{{name: all, {TO_SHOP}}}",
        f"{{name: special, matches: [{{path: {{value: /shop.Cart/Special}}}}], {TO_SHOP}}}",
    )

    assert names(at_edge(calls, requests)) == ["add", "special", "cart", "all"]


def test_a_route_without_a_name_is_named_after_its_place() -> None:
    assert names(at_edge(request_route(f"{{{TO_SHOP}}}"))) == ["default.shop.0"]


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
def test_a_route_has_the_name_of_its_rule(kind: str) -> None:
    assert route_of(f"{{name: checkout, {TO_SHOP}}}", kind=kind)["name"] == "checkout"
