"""Which fields a virtual host and a route come from."""

from pathlib import Path
from typing import Any

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import TypeUrl
from controlplane.graph import Derived, Fault, Graph
from controlplane.kinds.istio.mesh_config import Enabling, MeshConfig, ProxyConfig, ProxyHeaders
from controlplane.kinds.istio.virtual_service import HttpRetry
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.routes.virtual_services import encoded_routes
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.cases import NOW
from tests.support.declared import Declared
from tests.support.routes import GATEWAY, SERVICES, virtual_service

INGRESS = Proxy(
    name="ingressgateway",
    role=Role.GATEWAY,
    namespace=Namespace("istio-system"),
    service_account="ingressgateway",
    labels=(("istio", "ingressgateway"),),
)
TO_SHOP = "route: [{destination: {host: shop}}]"
HASHING = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: sticky, namespace: default}
spec:
  host: shop
  trafficPolicy:
    loadBalancer: {consistentHash: {httpHeaderName: x-user}}
  subsets:
  - name: v1
    labels: {version: v1}
  - name: v2
    labels: {version: v2}
    trafficPolicy:
      loadBalancer: {consistentHash: {useSourceIp: true}}
---
"""


def hosts(declared: Declared) -> dict[str, list[str]]:
    """The origins of each virtual host of the one table."""
    view = declared.view()
    (table,) = origins_by_name(declared.graph, view, TypeUrl.ROUTE).values()
    return {host.name: list(map(str, host.origins)) for host in table.parts}


def routes(declared: Declared) -> list[list[str]]:
    """The origins of each route of the one virtual host, in its order."""
    view = declared.view()
    (table,) = origins_by_name(declared.graph, view, TypeUrl.ROUTE).values()
    (host,) = table.parts
    return [list(map(str, route.origins)) for route in host.parts]


def test_a_route_comes_from_its_match_and_its_rule_though_others_are_equal() -> None:
    rules = (
        f"[{{match: [{{uri: {{exact: /a}}, port: 9999}}], {TO_SHOP}}},"
        f" {{match: [{{uri: {{exact: /a}}}}, {{uri: {{prefix: /b}}}}], {TO_SHOP}}},"
        f" {{match: [{{uri: {{prefix: /b}}}}], {TO_SHOP}}},"
        f" {{{TO_SHOP}}}]"
    )

    assert routes(Declared(GATEWAY + SERVICES + virtual_service(rules))) == [
        [
            "VirtualService/default/shop.spec.http[1].match[0]",
            "VirtualService/default/shop.spec.http[1]",
        ],
        [
            "VirtualService/default/shop.spec.http[1].match[1]",
            "VirtualService/default/shop.spec.http[1]",
        ],
        [
            "VirtualService/default/shop.spec.http[2].match[0]",
            "VirtualService/default/shop.spec.http[2]",
        ],
        ["VirtualService/default/shop.spec.http[3]"],
    ]


def test_a_route_of_a_delegate_comes_from_both_rules_and_both_matches() -> None:
    root = "[{match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], delegate: {name: leaf}}]"
    leaf = f"[{{match: [{{uri: {{exact: /b/c}}}}], {TO_SHOP}}}]"
    delegate = virtual_service(leaf, name="leaf").replace(
        'hosts: ["shop.example.com"]\n  gateways: [istio-system/gw]\n', ""
    )

    assert routes(Declared(GATEWAY + SERVICES + virtual_service(root) + delegate)) == [
        [
            "VirtualService/default/leaf.spec.http[0].match[0]",
            "VirtualService/default/leaf.spec.http[0]",
            "VirtualService/default/shop.spec.http[0].match[1]",
            "VirtualService/default/shop.spec.http[0]",
        ]
    ]


def test_a_route_whose_requests_are_hashed_comes_from_the_policy_that_says_how() -> None:
    rules = (
        "[{match: [{uri: {prefix: /1}}], route: [{destination: {host: shop, subset: v1}}]},"
        " {match: [{uri: {prefix: /2}}], route: [{destination: {host: shop, subset: v2}}]},"
        " {route: [{destination: {host: reviews}}]}]"
    )
    declared = Declared(GATEWAY + SERVICES + HASHING + virtual_service(rules))

    assert [found[-1] for found in routes(declared)] == [
        "DestinationRule/default/sticky.spec.trafficPolicy",
        "DestinationRule/default/sticky.spec.subsets[1].trafficPolicy",
        "VirtualService/default/shop.spec.http[2]",
    ]


def test_a_route_comes_from_the_settings_of_the_mesh_that_it_uses() -> None:
    mesh = MeshConfig(
        default_http_retry_policy=HttpRetry(attempts=7),
        default_config=ProxyConfig(
            proxy_headers=ProxyHeaders(x_forwarded_host=Enabling(enabled=True))
        ),
    )
    rules = (
        f"[{{match: [{{uri: {{prefix: /a}}}}], retries: {{attempts: 1}}, {TO_SHOP}}},"
        f" {{rewrite: {{uri: /}}, {TO_SHOP}}}]"
    )

    own, from_mesh = routes(Declared(GATEWAY + SERVICES + virtual_service(rules), mesh=mesh))

    assert [origin for origin in own if "MeshConfig" in origin] == []
    assert from_mesh[1:] == [
        "MeshConfig//mesh.defaultHttpRetryPolicy",
        "MeshConfig//mesh.defaultConfig.proxyHeaders.xForwardedHost",
    ]


def test_a_virtual_host_comes_from_the_hosts_that_meet() -> None:
    gateway = GATEWAY.replace('["*.example.com"]', '["a.org", "*.example.com"]')
    declared = Declared(gateway + SERVICES + virtual_service(f"[{{{TO_SHOP}}}]"))

    assert hosts(declared) == {
        "shop.example.com:8080": [
            "VirtualService/default/shop.spec.hosts[0]",
            "Gateway/istio-system/gw.spec.servers[0].hosts[1]",
        ]
    }


def test_a_virtual_host_that_only_redirects_comes_from_the_field_that_says_so() -> None:
    gateway = GATEWAY.replace("    hosts:", "    tls: {httpsRedirect: true}\n    hosts:")

    assert hosts(Declared(gateway)) == {
        "*.example.com:8080": [
            "Gateway/istio-system/gw.spec.servers[0].tls.httpsRedirect",
            "Gateway/istio-system/gw.spec.servers[0].hosts",
        ]
    }


def test_a_table_without_hosts_comes_from_its_servers() -> None:
    assert hosts(Declared(GATEWAY)) == {
        "blackhole:8080": ["Gateway/istio-system/gw.spec.servers[0]"]
    }


def test_asking_for_origins_leaves_nothing_behind_and_makes_nothing_anew() -> None:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path("mesh.yaml"), GATEWAY + SERVICES + virtual_service(f"[{{{TO_SHOP}}}]"))])
    view = engine.view(INGRESS)
    engine.connected.hold(view)
    before = dict(engine.resources(view))
    cells = len(engine.graph)

    for type_url in TypeUrl:
        origins_by_name(engine.graph, view, type_url)

    assert len(engine.graph) == cells
    assert all(shelf is before[type_url] for type_url, shelf in engine.resources(view))


def test_a_route_that_envoy_would_refuse_shifts_the_origins_of_no_other() -> None:
    refused = (
        '{match: [{headers: {"@request.auth.claims.a..b": {exact: x}}}],'
        " directResponse: {status: 200}}"
    )
    declared = Declared(GATEWAY + SERVICES + virtual_service(f"[{refused}, {{{TO_SHOP}}}]"))

    assert routes(declared) == [["VirtualService/default/shop.spec.http[1]"]]


def test_asking_for_origins_makes_what_nobody_has_once_and_keeps_none_of_it() -> None:
    declared = Declared(GATEWAY + SERVICES + virtual_service(f"[{{{TO_SHOP}}}]"))
    view = declared.view()
    cells = len(declared.graph)
    ran: list[str] = []
    declared.graph.trace = ran

    for type_url in TypeUrl:
        ran.clear()
        origins_by_name(declared.graph, view, type_url)
        assert ran
        assert len(ran) == len(set(ran)), type_url

    assert len(declared.graph) == cells


def test_after_an_internal_error_no_route_is_given_the_lines_of_another() -> None:
    declared = Declared(GATEWAY + SERVICES + virtual_service(f"[{{{TO_SHOP}}}]"))
    graph, faults = declared.graph, list[Fault]()
    graph.on_fault = faults.append
    declared.resources()

    def failing(function: Derived[..., Any], graph: Graph, *args: object) -> Any:
        if function is encoded_routes:
            raise ValueError("injected")
        return function.function(graph, *args)

    graph.around = failing
    declared.edit(virtual_service(f"[{{name: other, {TO_SHOP}}}]"))
    declared.resources()

    assert routes(declared) == []
    assert [fault.function for fault in faults] == ["encoded_routes"]
