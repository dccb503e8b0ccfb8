"""Rules that delegate become the delegate's, narrowed by their own conditions."""

from typing import Any

import msgspec
import pytest

from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.translate.istio.delegate_match import conflict
from tests.support.declared import Declared
from tests.support.routes import GATEWAY, SERVICES, domains, routes, virtual_service


def delegate(rules: str, *, namespace: str = "default", more: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: leaf, namespace: {namespace}}}
spec:
  http: {rules}
  {more}
---
"""


def block(text: str) -> HttpMatch:
    return msgspec.json.decode(text, type=HttpMatch)


@pytest.mark.parametrize(
    ("root", "leaf", "conflicts"),
    [
        ('{"uri": {"prefix": "/a"}}', '{"uri": {"prefix": "/a/b"}}', False),
        ('{"uri": {"prefix": "/a"}}', '{"uri": {"exact": "/a/b"}}', False),
        ('{"uri": {"prefix": "/a"}}', '{"uri": {"exact": "/b"}}', True),
        ('{"uri": {"prefix": "/a"}}', '{"uri": {"regex": "/a/.*"}}', True),
        ('{"uri": {"exact": "/a"}}', '{"uri": {"exact": "/a"}}', False),
        ('{"uri": {"exact": "/a"}}', '{"uri": {"prefix": "/a"}}', True),
        ('{"uri": {"regex": "/a"}}', '{"uri": {"regex": "/a"}}', True),
        ('{"uri": {"regex": "/a"}}', "{}", False),
        ("{}", '{"uri": {"exact": "/a"}}', False),
        ('{"headers": {"x": {}}}', '{"headers": {"x": {"exact": "a"}}}', True),
        ('{"headers": {"x": {}}}', '{"headers": {"y": {"exact": "a"}}}', False),
        ('{"uri": {"prefix": "/"}, "ignoreUriCase": true}', '{"uri": {"prefix": "/"}}', True),
        ('{"uri": {"exact": "/a"}}', '{"uri": {"exact": "/b"}}', True),
        ('{"uri": {"prefix": "/a"}}', '{"uri": {"prefix": "/b"}}', True),
        ('{"uri": {"prefix": "/a"}}', "{}", False),
        ('{"method": {"exact": "GET"}}', '{"method": {"exact": "PUT"}}', True),
        ('{"authority": {"prefix": "a"}}', '{"authority": {"exact": "a.b"}}', False),
        ('{"scheme": {"exact": "http"}}', '{"scheme": {"exact": "https"}}', True),
        ('{"withoutHeaders": {"x": {}}}', '{"withoutHeaders": {"x": {"exact": "a"}}}', True),
        ('{"queryParams": {"q": {"exact": "1"}}}', '{"queryParams": {"q": {"exact": "2"}}}', True),
        ('{"sourceNamespace": "a"}', '{"sourceNamespace": "a"}', False),
        ('{"sourceNamespace": "a"}', '{"sourceNamespace": "b"}', True),
        ('{"port": 80}', '{"port": 81}', True),
        ('{"port": 80}', "{}", False),
        ('{"sourceNamespace": "a"}', "{}", True),
        ('{"sourceLabels": {"a": "b"}}', '{"sourceLabels": {"a": "c"}}', True),
        ('{"sourceLabels": {"a": "b"}}', '{"sourceLabels": {"c": "d"}}', False),
        ('{"gateways": ["a/b"]}', '{"gateways": ["a/b"]}', False),
        ('{"gateways": ["a/b"]}', '{"gateways": ["a/b", "c/d"]}', True),
        ('{"gateways": ["a/b"]}', "{}", False),
    ],
)
def test_blocks_that_cannot_hold_together(root: str, leaf: str, conflicts: bool) -> None:
    assert conflict(block(root), block(leaf)) is conflicts


def test_what_the_delegate_leaves_out_the_root_gives() -> None:
    root = (
        "[{name: r, match: [{uri: {prefix: /a}}], timeout: 3s, retries: {attempts: 9},"
        " headers: {request: {set: {x: root}}}, delegate: {name: leaf}}]"
    )
    leaf = (
        "[{name: l, match: [{uri: {exact: /a/b}}], timeout: 1s,"
        " headers: {response: {set: {x-leaf: a}}}, route: [{destination: {host: shop}}]}]"
    )
    (found,) = routes(Declared(GATEWAY + SERVICES + virtual_service(root) + delegate(leaf)))

    assert found["name"] == "r-l"
    assert found["match"] == {"path": "/a/b"}
    assert found["route"]["timeout"] == "1s"
    assert found["route"]["retry_policy"]["num_retries"] == 9
    assert "request_headers_to_add" not in found
    assert found["response_headers_to_add"][0]["header"] == {"key": "x-leaf", "value": "a"}


def test_every_pair_of_blocks_that_can_hold_makes_a_route_the_delegates_first() -> None:
    root = "[{match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], delegate: {name: leaf}}]"
    leaf = (
        "[{match: [{headers: {x: {exact: '1'}}}, {uri: {exact: /b/c}}],"
        " route: [{destination: {host: shop}}]}]"
    )
    found = routes(Declared(GATEWAY + SERVICES + virtual_service(root) + delegate(leaf)))

    assert [route["match"].get("prefix", route["match"].get("path")) for route in found] == [
        "/a",
        "/b",
        "/b/c",
    ]


def test_short_hosts_of_a_delegate_are_of_its_own_namespace() -> None:
    root = "[{delegate: {name: leaf, namespace: team}}]"
    leaf = delegate("[{route: [{destination: {host: shop}}]}]", namespace="team")
    (found,) = routes(Declared(GATEWAY + SERVICES + virtual_service(root) + leaf))

    assert found["route"]["cluster"] == "outbound|8080||shop.team.svc.cluster.local"


@pytest.mark.parametrize(
    "leaf",
    [
        pytest.param("", id="missing"),
        pytest.param(
            delegate(
                "[{route: [{destination: {host: shop}}]}]",
                namespace="team",
                more='exportTo: ["."]',
            ),
            id="not exported",
        ),
    ],
)
def test_a_delegate_that_is_not_to_be_seen_costs_its_own_rule(leaf: str) -> None:
    root = (
        "[{match: [{uri: {prefix: /a}}], delegate: {name: leaf, namespace: team}},"
        " {route: [{destination: {host: shop}}]}]"
    )
    found = routes(Declared(GATEWAY + SERVICES + virtual_service(root) + leaf))

    assert [route["match"] for route in found] == [{"prefix": "/"}]


def test_a_delegate_serves_nothing_by_itself() -> None:
    leaf = delegate("[{route: [{destination: {host: shop}}]}]")

    assert domains(Declared(GATEWAY + SERVICES + leaf)) == ["*"]


@pytest.mark.parametrize(
    ("field", "path", "expected"),
    [
        ("rewrite: {authority: a}", ("route", "host_rewrite_literal"), "a"),
        ("timeout: 3s", ("route", "timeout"), "3s"),
        ("retries: {attempts: 9}", ("route", "retry_policy", "num_retries"), 9),
        (
            "fault: {delay: {fixedDelay: 1s, percentage: {value: 1}}}",
            ("typed_per_filter_config", "envoy.filters.http.fault", "delay", "fixed_delay"),
            "1s",
        ),
        (
            "corsPolicy: {allowMethods: [GET]}",
            ("typed_per_filter_config", "envoy.filters.http.cors", "allow_methods"),
            "GET",
        ),
        (
            "mirror: {host: reviews}, mirrorPercentage: {value: 50}",
            ("route", "request_mirror_policies", 0, "runtime_fraction", "default_value"),
            {"numerator": 500000, "denominator": "MILLION"},
        ),
        (
            "mirrors: [{destination: {host: reviews, port: {number: 7}}}]",
            ("route", "request_mirror_policies", 0, "cluster"),
            "outbound|7||reviews.default.svc.cluster.local",
        ),
        (
            "headers: {request: {set: {x: a}}}",
            ("request_headers_to_add", 0, "header"),
            {"key": "x", "value": "a"},
        ),
    ],
)
def test_each_field_that_the_root_gives_is_the_routes(
    field: str, path: tuple[str | int, ...], expected: object
) -> None:
    root = f"[{{match: [{{uri: {{prefix: /a}}}}], {field}, delegate: {{name: leaf}}}}]"
    leaf = delegate("[{route: [{destination: {host: shop}}]}]")
    found: Any = routes(Declared(GATEWAY + SERVICES + virtual_service(root) + leaf))[0]

    for step in path:
        found = found[step]
    assert found == expected


def test_a_delegate_whose_blocks_all_conflict_gives_no_route() -> None:
    root = (
        "[{match: [{uri: {prefix: /a}}], delegate: {name: leaf}},"
        " {route: [{destination: {host: shop}}]}]"
    )
    leaf = delegate("[{match: [{uri: {prefix: /b}}], route: [{destination: {host: reviews}}]}]")
    found = routes(Declared(GATEWAY + SERVICES + virtual_service(root) + leaf))

    assert [route["match"] for route in found] == [{"prefix": "/"}]
