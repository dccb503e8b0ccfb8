"""Which VirtualService of the mesh routes a host, for whom, and on which ports."""

from controlplane.kinds.istio.mesh_config import (
    MeshConfig,
    OutboundMode,
    OutboundTrafficPolicy,
)
from tests.support.declared import Declared
from tests.support.mesh_routes import (
    clusters,
    domains,
    entry,
    routed,
    service,
    sidecar,
    tables,
)

CART = service("cart")
TO_CART = ["outbound|80||cart.shop.svc.cluster.local"]
BOTH = "[{name: http, port: 80}, {name: more, port: 8080, appProtocol: http}]"


def test_two_virtualservices_for_one_host_are_not_merged() -> None:
    first = routed("a", "[cart]", "a.example.com", match="[{uri: {prefix: /a}}]")
    declared = Declared(CART + routed("b", "[cart]", "b.example.com") + first)

    assert clusters(declared, "80", "cart") == ["outbound|80||a.example.com"]


def test_private_comes_before_exported_by_name_and_that_before_public() -> None:
    public = routed("a", "[cart]", "public.example.com")
    named = routed(
        "b", '["cart.shop.svc.cluster.local"]', "named.example.com", "bank", spec="exportTo: [shop]"
    )
    private = routed("c", "[cart]", "private.example.com", spec='exportTo: ["."]')

    def first(text: str) -> list[str]:
        return clusters(Declared(CART + text), "80", "cart")

    assert first(public + named + private) == ["outbound|80||private.example.com"]
    assert first(public + named) == ["outbound|80||named.example.com"]
    assert first(public) == ["outbound|80||public.example.com"]


def test_one_that_is_not_exported_to_the_caller_does_not_exist_for_it() -> None:
    rule = routed("v", "[cart]", "v.example.com", spec='exportTo: ["."]')
    declared = Declared(CART + rule)

    assert clusters(declared, "80", "cart.shop", sidecar("bank")) == TO_CART
    assert clusters(declared, "80", "cart.shop") == ["outbound|80||v.example.com"]


def test_one_that_is_bound_to_gateways_alone_is_not_for_sidecars() -> None:
    declared = Declared(CART + routed("v", "[cart]", "v.example.com", spec="gateways: [shop/gw]"))

    assert clusters(declared, "80", "cart") == TO_CART


def test_a_virtualservice_without_a_rule_for_the_port_leaves_the_default_route() -> None:
    rule = routed("v", "[cart]", "v.example.com", match="[{port: 8080}]")
    declared = Declared(service("cart", ports=BOTH) + rule)

    assert clusters(declared, "80", "cart") == TO_CART
    assert clusters(declared, "8080", "cart") == ["outbound|8080||v.example.com"]


def test_a_virtualservice_without_a_rule_for_the_port_leaves_the_host_to_the_next() -> None:
    rules = routed("a", "[cart]", "a.example.com", match="[{port: 8080}]")
    declared = Declared(
        service("cart", ports=BOTH) + rules + routed("b", "[cart]", "b.example.com")
    )

    assert clusters(declared, "80", "cart") == ["outbound|80||b.example.com"]
    assert clusters(declared, "8080", "cart") == ["outbound|8080||a.example.com"]


def test_a_rule_for_other_labels_or_another_namespace_is_none() -> None:
    labels = routed("v", "[cart]", "v.example.com", match="[{sourceLabels: {app: web}}]")
    namespace = routed("v", "[cart]", "v.example.com", match="[{sourceNamespace: bank}]")
    web = sidecar(labels=(("app", "web"), ("version", "v1")))

    assert clusters(Declared(CART + labels), "80", "cart") == TO_CART
    assert clusters(Declared(CART + labels), "80", "cart", web) == ["outbound|80||v.example.com"]
    assert clusters(Declared(CART + namespace), "80", "cart.shop") == TO_CART
    assert clusters(Declared(CART + namespace), "80", "cart.shop", sidecar("bank")) == [
        "outbound|80||v.example.com"
    ]


def test_a_match_that_names_the_mesh_ignores_labels_and_one_that_names_a_gateway_is_none() -> None:
    mesh = "[{gateways: [mesh], sourceLabels: {app: web}}]"
    gateway = "[{gateways: [shop/gw]}]"
    bound = "gateways: [mesh, shop/gw]"

    def leads(match: str) -> list[str]:
        rule = routed("v", "[cart]", "v.example.com", match=match, spec=bound)
        return clusters(Declared(CART + rule), "80", "cart")

    assert leads(mesh) == ["outbound|80||v.example.com"]
    assert leads(gateway) == TO_CART


def test_a_wildcard_routes_the_services_it_covers_that_no_narrower_one_does() -> None:
    services = "".join(map(entry, ("api.example.com", "web.example.com", "a.blog.example.com")))
    wide = routed("all", '["*.example.com"]', "all.example.org")
    narrow = routed("zz", '["*.blog.example.com"]', "blog.example.org")
    exact = routed("web", '["web.example.com"]', "web.example.org", match="[{port: 9999}]")
    declared = Declared(services + wide + narrow + exact)

    assert clusters(declared, "80", "api.example.com") == ["outbound|80||all.example.org"]
    assert clusters(declared, "80", "a.blog.example.com") == ["outbound|80||blog.example.org"]
    assert clusters(declared, "80", "web.example.com") == ["outbound|80||web.example.com"]
    assert "*.example.com:80" not in domains(declared, "80")


def test_a_wildcard_that_covers_no_service_is_a_virtual_host_on_port_80() -> None:
    declared = Declared(
        service("cart", ports=BOTH) + routed("v", '["*.example.com"]', "v.example.org")
    )

    assert domains(declared, "80")["*.example.com:80"] == ["*.example.com"]
    assert clusters(declared, "80", "*.example.com") == ["outbound|80||v.example.org"]
    assert "*.example.com:8080" not in domains(declared, "8080")


def test_a_host_that_no_service_has_is_routed_on_port_80_alone() -> None:
    declared = Declared(
        service("cart", ports=BOTH) + routed("v", '["Shop.example.com"]', "v.example.org")
    )

    assert domains(declared, "80")["shop.example.com:80"] == ["shop.example.com"]
    assert "shop.example.com:8080" not in domains(declared, "8080")


def test_a_host_without_a_service_needs_some_service_on_port_80() -> None:
    declared = Declared(
        entry("a.example.com", ports="[{number: 8080, name: http, protocol: HTTP}]")
        + routed("v", '["shop.example.com"]', "a.example.com")
    )

    assert list(tables(declared)) == ["8080"]


def test_a_host_beside_one_of_a_service_is_routed_on_the_services_ports() -> None:
    declared = Declared(
        service("cart", ports=BOTH)
        + entry("b.example.com", ports="[{number: 9090, name: http, protocol: HTTP}]")
        + routed("v", "[cart, shop.example.com]", "b.example.com")
    )

    assert clusters(declared, "8080", "shop.example.com") == ["outbound|8080||b.example.com"]
    assert "shop.example.com:9090" not in domains(declared, "9090")


def test_a_service_without_the_port_is_on_port_80_as_if_it_were_none() -> None:
    eight = service("cart", ports="[{name: http, port: 8080}]")
    declared = Declared(eight + service("web") + routed("v", "[cart]", "web"))

    assert domains(declared, "80")["cart.shop.svc.cluster.local:80"] == [
        "cart.shop.svc.cluster.local"
    ]


def test_a_destination_without_a_port_is_on_the_one_that_was_called() -> None:
    one_port = entry("one.example.com", ports="[{number: 9000, name: http, protocol: HTTP}]")
    declared = Declared(CART + one_port + routed("v", "[cart]", "one.example.com"))

    assert clusters(declared, "80", "cart") == ["outbound|80||one.example.com"]


def test_an_alias_as_destination_is_followed_where_it_has_the_port() -> None:
    with_port = service("old", spec="type: ExternalName, externalName: cart.shop.svc.cluster.local")
    without = service(
        "bare", ports="[]", spec="type: ExternalName, externalName: cart.shop.svc.cluster.local"
    )
    web = service("web")
    to_old = Declared(CART + web + with_port + routed("v", "[web]", "old"))
    to_bare = Declared(CART + web + without + routed("v", "[web]", "bare"))

    assert clusters(to_old, "80", "web") == TO_CART
    assert clusters(to_bare, "80", "web") == ["outbound|80||bare.shop.svc.cluster.local"]


def test_a_delegates_rules_are_in_place_of_the_rule_that_delegates() -> None:
    root = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: shop}
spec: {hosts: [cart], http: [{delegate: {name: leaf, namespace: bank}}]}
---
"""
    leaf = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: leaf, namespace: bank}
spec: {http: [{route: [{destination: {host: vault}}]}]}
---
"""
    declared = Declared(CART + root + leaf)

    assert clusters(declared, "80", "cart") == ["outbound|80||vault.bank.svc.cluster.local"]


def test_a_port_that_speaks_what_its_caller_does_has_a_table_of_its_own() -> None:
    text = service("db", ip="10.96.0.5", ports="[{name: main, port: 7000}]")
    declared = Declared(text + routed("v", "[db]", "cart", match="[{uri: {prefix: /a}}]"))

    assert domains(declared, "db.shop.svc.cluster.local:7000") == {
        "db.shop.svc.cluster.local:7000": ["*"]
    }
    assert clusters(declared, "db.shop.svc.cluster.local:7000", "*") == [
        "outbound|7000||cart.shop.svc.cluster.local"
    ]


def test_such_a_port_without_an_address_is_found_by_host() -> None:
    declared = Declared(entry("db.example.com", ports="[{number: 7000, name: main}]"))

    assert "7000" in tables(declared)
    assert clusters(declared, "7000", "db.example.com") == ["outbound|7000||db.example.com"]


def test_a_tcp_port_has_no_virtual_host() -> None:
    declared = Declared(CART + service("db", ports="[{name: tcp, port: 80}]"))

    assert "db.shop.svc.cluster.local:80" not in domains(declared, "80")


def test_what_nothing_is_known_of_passes_or_is_refused_as_the_mesh_says() -> None:
    def leads(mode: OutboundMode) -> list[str]:
        policy = OutboundTrafficPolicy(mode=mode)
        declared = Declared(CART, mesh=MeshConfig(outbound_traffic_policy=policy))
        return clusters(declared, "80", "unknown.example.com")

    assert leads(OutboundMode.ALLOW_ANY) == ["PassthroughCluster"]
    assert leads(OutboundMode.REGISTRY_ONLY) == ["502"]
    assert leads(OutboundMode.ALLOW_ANY_DYNAMIC_DNS) == ["AllowAnyDynamicDNSCluster"]


def test_the_meshs_proxy_port_finds_services_on_port_80() -> None:
    mesh = MeshConfig(proxy_http_port=15080)
    declared = Declared(
        service("cart", ports=BOTH)
        + service("web", ports="[{name: http, port: 8080}]")
        + routed("v", "[cart, other.example.com]", "web", match="[{port: 80}, {uri: {prefix: /}}]"),
        mesh=mesh,
    )

    found = domains(declared, "http_proxy")

    assert set(found) == {"cart.shop.svc.cluster.local:80", "other.example.com:80", "allow_any"}
    assert clusters(declared, "http_proxy", "cart") == ["outbound|8080||web.shop.svc.cluster.local"]


def test_a_service_whose_hash_policy_envoy_would_refuse_keeps_its_route() -> None:
    rule = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: shop}
spec:
  host: cart
  trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: "x\\ny"}}}
"""
    declared = Declared(CART + rule)

    assert clusters(declared, "80", "cart") == TO_CART


def test_a_route_that_envoy_would_refuse_is_reported_whoever_it_is_for() -> None:
    cookie = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: shop}
spec:
  host: cart
  trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: "x\\ny"}}}
---
"""
    for_some = routed("v", "[cart]", "cart", match="[{sourceNamespace: bank, port: 8080}]")

    def reported(rule: str) -> set[str]:
        return {each for each in Declared(CART + cookie + rule).reported() if "CP0309" in each}

    assert reported(routed("v", "[cart]", "cart")) == {"CP0309 VirtualService/shop/v.spec.http[0]"}
    assert reported(for_some) == {"CP0309 VirtualService/shop/v.spec.http[0].match[0]"}
