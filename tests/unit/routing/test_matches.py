"""What of a request a rule looks at, in Envoy's words."""

from typing import Any

import pytest

from controlplane.translate.istio.http_match import claim_path
from tests.support.declared import Declared
from tests.support.routes import GATEWAY, SERVICES, route, routes, virtual_service

TO_SHOP = "route: [{destination: {host: shop}}]"
NO = {"invert_match": True}
EMPTY = {"treat_missing_header_as_empty": True}


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        pytest.param("{}", {"prefix": "/"}, id="an empty block takes everything"),
        pytest.param("{uri: {exact: /a}}", {"path": "/a"}, id="an exact uri is the whole path"),
        pytest.param(
            "{uri: {prefix: /a}}", {"prefix": "/a"}, id="a prefix is one of text, not of segments"
        ),
        pytest.param("{uri: {prefix: ''}}", {"prefix": ""}, id="an empty prefix stays one"),
        pytest.param(
            "{uri: {regex: '/a.*'}}",
            {"safe_regex": {"regex": "/a.*"}},
            id="a regex is one over the whole path",
        ),
        pytest.param(
            "{uri: {exact: /A}, ignoreUriCase: true}",
            {"path": "/A", "case_sensitive": False},
            id="the case of the path may be ignored",
        ),
        pytest.param(
            "{headers: {x: {exact: a}}}",
            {"prefix": "/", "headers": [{"name": "x", "string_match": {"exact": "a"}}]},
            id="a header by its value",
        ),
        pytest.param(
            "{headers: {x: {}}}",
            {"prefix": "/", "headers": [{"name": "x", "present_match": True}]},
            id="a header that must be there",
        ),
        pytest.param(
            "{headers: {b: {prefix: a}, a: {regex: b}}, method: {exact: GET}}",
            {
                "prefix": "/",
                "headers": [
                    {"name": "a", "string_match": {"safe_regex": {"regex": "b"}}},
                    {"name": "b", "string_match": {"prefix": "a"}},
                    {"name": ":method", "string_match": {"exact": "GET"}},
                ],
            },
            id="headers by name, then method, authority and scheme",
        ),
        pytest.param(
            "{authority: {exact: a:8080}, scheme: {exact: https}}",
            {
                "prefix": "/",
                "headers": [
                    {"name": ":authority", "string_match": {"exact": "a:8080"}},
                    {"name": ":scheme", "string_match": {"exact": "https"}},
                ],
            },
            id="the authority with its port",
        ),
        pytest.param(
            "{withoutHeaders: {x: {exact: a}}}",
            {
                "prefix": "/",
                "headers": [{"name": "x", "string_match": {"exact": "a"}, **NO, **EMPTY}],
            },
            id="a header that is missing has not the value",
        ),
        pytest.param(
            "{withoutHeaders: {x: {}}}",
            {"prefix": "/", "headers": [{"name": "x", "present_match": True, **NO}]},
            id="a header that must be absent",
        ),
        pytest.param(
            "{withoutHeaders: {x: {regex: '*'}}}",
            {"prefix": "/", "headers": [{"name": "x", "present_match": True, **NO}]},
            id="the star, which is no regex, stands for presence",
        ),
        pytest.param(
            "{queryParams: {a: {exact: ''}, b: {}, c: {regex: d}}}",
            {
                "prefix": "/",
                "query_parameters": [
                    {"name": "a", "string_match": {"exact": ""}},
                    {"name": "b", "present_match": True},
                    {"name": "c", "string_match": {"safe_regex": {"regex": "d"}}},
                ],
            },
            id="query parameters",
        ),
    ],
)
def test_matches(match: str, expected: dict[str, Any]) -> None:
    assert route(f"{{match: [{match}], {TO_SHOP}}}")["match"] == expected


def test_a_claim_may_be_a_text_or_a_list_that_has_it() -> None:
    found = route(
        f'{{match: [{{headers: {{"@request.auth.claims.role": {{exact: a}}}}}}], {TO_SHOP}}}'
    )

    assert found["match"] == {
        "prefix": "/",
        "dynamic_metadata": [
            {
                "filter": "envoy.filters.http.jwt_authn",
                "path": [{"key": "payload"}, {"key": "role"}],
                "value": {
                    "or_match": {
                        "value_matchers": [
                            {"list_match": {"one_of": {"string_match": {"exact": "a"}}}},
                            {"string_match": {"exact": "a"}},
                        ]
                    }
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ("@request.auth.claims.a", ("a",)),
        ("@request.auth.claims.a.b", ("a", "b")),
        ("@request.auth.claims[a.b][c]", ("a.b", "c")),
        ("@REQUEST.AUTH.CLAIMS.a", ("a",)),
        ("@request.auth.claims", None),
        ("@request.auth.claims[]", None),
        ("x-claims.a", None),
    ],
)
def test_headers_that_are_claims(header: str, path: tuple[str, ...] | None) -> None:
    assert claim_path(header) == path


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("{name: cart, match: [{name: get, uri: {prefix: /}}], %s}", "cart.get"),
        ("{match: [{name: get, uri: {prefix: /}}], %s}", ".get"),
        ("{name: cart, %s}", "cart"),
    ],
)
def test_the_name_of_a_route(rule: str, name: str) -> None:
    assert route(rule % TO_SHOP)["name"] == name


def test_a_match_may_have_counters_of_its_own() -> None:
    assert route(f"{{match: [{{statPrefix: cart}}], {TO_SHOP}}}")["stat_prefix"] == "cart"


def test_each_block_of_a_match_is_a_route() -> None:
    rule = f"[{{match: [{{uri: {{prefix: /a}}}}, {{uri: {{exact: /b}}}}], {TO_SHOP}}}]"

    found = routes(Declared(GATEWAY + SERVICES + virtual_service(rule)))

    assert [r["match"] for r in found] == [{"prefix": "/a"}, {"path": "/b"}]
