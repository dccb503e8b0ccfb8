"""VirtualServices as HTTPRoutes: destinations, delegates, the mesh, and the order of rules."""

import pytest

from tests.support.migrated import GATEWAY, Migrated, migration, virtual_service

TO_SHOP = "route: [{destination: {host: shop}}]"
TO_CART = "route: [{destination: {host: cart}}]"


def of(http: str, *more: str, hosts: str = "[shop.example.com]") -> Migrated:
    return migration("---".join((GATEWAY, virtual_service(http, hosts=hosts), *more)))


def test_a_service_of_another_namespace_needs_a_grant() -> None:
    found = of("[{route: [{destination: {host: pay.bank.svc.cluster.local, port: {number: 80}}}]}]")

    assert found.rules()[0]["backendRefs"] == [{"name": "pay", "namespace": "bank", "port": 80}]
    assert found.one("ReferenceGrant") == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "httproutes-of-default", "namespace": "bank"},
        "spec": {
            "from": [
                {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "default"}
            ],
            "to": [{"group": "", "kind": "Service", "name": "pay"}],
        },
    }


def test_the_host_of_a_service_entry_is_a_hostname() -> None:
    found = of("[{route: [{destination: {host: outside.example.org}}]}]")

    assert found.rules()[0]["backendRefs"] == [
        {
            "group": "networking.istio.io",
            "kind": "Hostname",
            "name": "outside.example.org",
            "port": 80,
        }
    ]


def test_weights_are_written_where_there_are_several() -> None:
    found = of(
        "[{route: [{destination: {host: shop}, weight: 90}, {destination: {host: cart}, weight: 10,"
        " headers: {response: {set: {x-new: 'yes'}}}}]}]"
    )

    assert found.rules()[0]["backendRefs"] == [
        {"name": "shop", "port": 80, "weight": 90},
        {
            "name": "cart",
            "port": 80,
            "weight": 10,
            "filters": [
                {
                    "type": "ResponseHeaderModifier",
                    "responseHeaderModifier": {"set": [{"name": "x-new", "value": "yes"}]},
                }
            ],
        },
    ]


@pytest.mark.parametrize(
    ("destination", "reason"),
    [
        ("{host: shop, subset: v1}", '18 CP0780: Gateway API has no subsets, so none is "v1"'),
        (
            "{host: nobody}",
            "18 CP0783: no Service and no ServiceEntry in these files has the host "
            '"nobody.default"',
        ),
        (
            "{host: pay.bank.svc.cluster.local}",
            "18 CP0783: the destination names no port, and pay.bank has several: 80, 81",
        ),
        (
            "{host: shop, port: {number: 81}}",
            "18 CP0783: shop.default has no port 81 (its ports: 80)",
        ),
    ],
)
def test_a_destination_without_a_counterpart_keeps_its_rules(destination: str, reason: str) -> None:
    found = of(f"[{{route: [{{destination: {destination}}}]}}]")

    assert found.reasons[0] == reason
    assert "VirtualService default/shop" in found.kinds()


def test_what_a_virtual_service_says_to_the_mesh_stays() -> None:
    found = migration(
        f"{GATEWAY}---"
        + virtual_service(f"[{{{TO_SHOP}}}]").replace(
            "istio-system/shop]", "istio-system/shop, mesh]"
        )
    )

    assert found.kinds() == [
        "Gateway istio-system/shop",
        "HTTPRoute default/shop",
        "VirtualService default/shop",
    ]
    assert found.one("VirtualService")["spec"]["gateways"] == ["mesh"]


def test_a_delegate_is_written_into_the_route_of_its_root() -> None:
    delegate = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: leaf, namespace: bank}
spec:
  http:
  - match: [{uri: {prefix: /cart/x}}]
    route: [{destination: {host: pay, port: {number: 80}}}]
"""
    found = of(
        "[{match: [{uri: {prefix: /cart}}], delegate: {name: leaf, namespace: bank}}]", delegate
    )

    assert found.kinds() == [
        "Gateway istio-system/shop",
        "HTTPRoute default/shop",
        "ReferenceGrant bank/httproutes-of-default",
    ]
    assert found.rules()[0]["matches"][0]["path"]["value"] == "/cart/x.*"
    assert found.rules()[0]["backendRefs"] == [{"name": "pay", "namespace": "bank", "port": 80}]


def test_a_rule_that_gateway_api_would_try_too_early_keeps_its_virtual_service() -> None:
    found = of(
        f"[{{match: [{{uri: {{prefix: /a}}}}], {TO_SHOP}}}, "
        f"{{match: [{{uri: {{exact: /ab}}, method: {{exact: GET}}}},"
        f" {{uri: {{prefix: /a}}}}], {TO_CART}}},"
        f" {{match: [{{uri: {{exact: /b}}}}], {TO_CART}}}]"
    )

    assert found.kinds() == ["Gateway istio-system/shop", "HTTPRoute default/shop"]
    paths = [m["path"]["value"] for rule in found.rules() for m in rule["matches"]]
    assert paths == ["/a.*", "/b"]  # what no request reaches is left out


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{uri: {prefix: /a}, method: {exact: GET}}", "{uri: {exact: /ab}}"),
        ("{headers: {x-a: {exact: b}}}", "{uri: {exact: /ab}}"),
        ("{uri: {regex: '/a+'}}", "{uri: {prefix: /aaaaaa}, method: {exact: GET}}"),
        ("{queryParams: {q: {exact: '1'}}}", "{headers: {x-a: {exact: b}}}"),
    ],
)
def test_an_order_that_changes_answers_is_reported_at_its_match(first: str, second: str) -> None:
    found = of(f"[{{match: [{first}], {TO_SHOP}}}, {{match: [{second}], {TO_CART}}}]")

    assert found.reasons[0].startswith("18 CP0781: Gateway API tries this match (")
    assert "VirtualService default/shop" in found.kinds()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{uri: {prefix: /a}}", "{uri: {exact: /b}}"),
        ("{uri: {prefix: /a}, method: {exact: GET}}", "{uri: {exact: /ab}, method: {exact: PUT}}"),
        ("{queryParams: {q: {exact: '1'}}}", "{uri: {exact: /b}, queryParams: {q: {exact: '2'}}}"),
        ("{uri: {regex: '/a+'}}", "{uri: {exact: /b}}"),
    ],
)
def test_matches_that_exclude_each_other_may_change_places(first: str, second: str) -> None:
    found = of(f"[{{match: [{first}], {TO_SHOP}}}, {{match: [{second}], {TO_CART}}}]")

    assert found.reasons == []


def test_rules_that_differ_by_port_are_routes_of_their_own() -> None:
    gateway = GATEWAY + (
        "  - port: {number: 443, name: http-alt, protocol: HTTP}\n    hosts: ['*']\n"
    )
    found = migration(
        f"{gateway}---" + virtual_service(f"[{{match: [{{port: 443}}], {TO_CART}}}, {{{TO_SHOP}}}]")
    )

    assert found.reasons == []
    assert found.kinds() == [
        "Gateway istio-system/shop",
        "HTTPRoute default/shop-shop-80",
        "HTTPRoute default/shop-shop-443",
    ]
    routes = [o["spec"] for o in found.objects if o["kind"] == "HTTPRoute"]
    assert [route["parentRefs"][0]["port"] for route in routes] == [80, 443]
    assert [len(route["rules"]) for route in routes] == [1, 1]


def test_a_longer_virtual_service_is_several_routes_in_its_order() -> None:
    rules = ", ".join(
        f"{{match: [{{uri: {{exact: /{i}}}}}], {(TO_SHOP, TO_CART)[i % 2]}}}" for i in range(20)
    )

    found = of(f"[{rules}]")

    assert found.kinds()[1:] == ["HTTPRoute default/shop-1", "HTTPRoute default/shop-2"]


def test_an_object_that_is_declared_twice_stays() -> None:
    twice = virtual_service(f"[{{{TO_SHOP}}}]")
    found = migration(f"{GATEWAY}---{twice}---{twice}")

    assert found.reasons[0].endswith(
        "it is declared twice, so the other declaration would take its place"
    )


def test_a_name_that_is_taken_keeps_its_virtual_service() -> None:
    found = of(
        f"[{{{TO_SHOP}}}]",
        "\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: shop}\n",
    )

    assert "VirtualService default/shop" in found.kinds()
