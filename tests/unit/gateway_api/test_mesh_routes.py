"""HTTPRoutes and GRPCRoutes whose parent is a Service: whom they are for, and in which order."""

from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import ResolvedProxy
from tests.support.declared import Declared
from tests.support.http_routes import request_route
from tests.support.mesh_routes import clusters, entry, routed, service, sidecar, virtual_host

BANK = sidecar("bank")
SHOP = sidecar("shop")
OTHER = sidecar("other")
PORTS = "[{name: http, port: 80}, {name: http-admin, port: 81}]"
SERVICES = service("reviews", "bank", ports=PORTS) + service("v2", "bank") + service("v3", "shop")
REVIEWS = "outbound|80||reviews.bank.svc.cluster.local"
V2 = "outbound|80||v2.bank.svc.cluster.local"
V3 = "outbound|80||v3.shop.svc.cluster.local"
TO_V2 = "backendRefs: [{name: v2, namespace: bank, port: 80}]"
TO_V3 = "backendRefs: [{name: v3, namespace: shop, port: 80}]"


def parent(name: str = "reviews", *, namespace: str = "bank", port: int = 0) -> str:
    at = f", port: {port}" if port else ""
    return f'{{group: "", kind: Service, name: {name}, namespace: {namespace}{at}}}'


def mesh_route(
    *rules: str,
    name: str = "reviews",
    namespace: str = "bank",
    parents: str = parent(),
    kind: str = "HTTPRoute",
    created: str = "",
    hosts: str = "[]",
) -> str:
    return request_route(
        *rules,
        kind=kind,
        name=name,
        namespace=namespace,
        parents=f"[{parents}]",
        created=created,
        hosts=hosts,
    )


def matching(path: str, to: str = TO_V2) -> str:
    return f"{{matches: [{{path: {{value: {path}}}}}], {to}}}"


def always(to: str = TO_V2) -> str:
    return f"{{{to}}}"


def calls(text: str, proxy: ResolvedProxy = SHOP, *, port: str = "80") -> list[str]:
    """Where calls of reviews lead from a proxy."""
    return clusters(Declared(SERVICES + text), port, "reviews.bank", proxy)


def test_a_route_of_the_services_namespace_is_for_every_caller() -> None:
    producer = mesh_route(always())

    assert [calls(producer, proxy) for proxy in (BANK, SHOP, OTHER)] == [[V2]] * 3


def test_calls_that_no_match_takes_have_no_route() -> None:
    assert calls(mesh_route(matching("/v2"))) == [V2]


def test_a_route_of_another_namespace_replaces_it_for_the_callers_there_alone() -> None:
    text = mesh_route(always()) + mesh_route(always(TO_V3), namespace="shop")

    assert calls(text, SHOP) == [V3]
    assert calls(text, BANK) == [V2]
    assert calls(text, OTHER) == [V2]


def test_a_route_of_another_namespace_leaves_other_callers_the_service() -> None:
    consumer = mesh_route(always(TO_V3), namespace="shop")

    assert calls(consumer, SHOP) == [V3]
    assert calls(consumer, OTHER) == [REVIEWS]


def test_a_route_leads_nowhere_but_where_it_says() -> None:
    found = Declared(SERVICES + mesh_route(always()))

    assert clusters(found, "80", "v2.bank", SHOP) == [V2]
    assert clusters(found, "80", "v3", SHOP) == [V3]


def test_routes_of_one_namespace_are_merged_by_rank() -> None:
    text = (
        mesh_route(matching("/a"), name="a")
        + mesh_route(matching("/a/b", TO_V3), name="b")
        + mesh_route(always(), name="c")
        + mesh_route(
            f"{{matches: [{{method: {{service: a.b.C, method: Get}}}}], {TO_V3}}}",
            name="d",
            kind="GRPCRoute",
        )
    )

    assert calls(text) == [V3, V3, V2, V2]


def test_a_port_of_the_parent_confines_the_route_to_it() -> None:
    text = mesh_route(always(), parents=parent(port=81))

    assert calls(text, port="80") == [REVIEWS]
    assert calls(text, port="81") == [V2]


def test_without_a_port_a_route_is_for_all_of_them() -> None:
    assert calls(mesh_route(always()), port="81") == [V2]


def test_of_routes_with_and_without_a_port_the_older_decides_alone() -> None:
    general = mesh_route(always(TO_V3), name="general", created="2025-01-01T00:00:00Z")
    older = mesh_route(always(), parents=parent(port=80), created="2024-01-01T00:00:00Z")
    younger = mesh_route(always(), parents=parent(port=80), created="2026-01-01T00:00:00Z")

    assert calls(general + older) == [V2]
    assert calls(general + younger) == [V3]


def test_hostnames_do_not_matter() -> None:
    assert calls(mesh_route(always(), hosts="[somewhere.example.com]")) == [V2]


def test_beside_a_virtualservice_the_older_decides_alone() -> None:
    dated = "2025-06-01T00:00:00Z"
    rule = routed(
        "reviews", "[reviews.bank.svc.cluster.local]", "v3.shop.svc.cluster.local", "bank"
    ).replace("namespace: bank}", f'namespace: bank, creationTimestamp: "{dated}"}}')

    assert calls(rule + mesh_route(always(), created="2025-01-01T00:00:00Z")) == [V2]
    assert calls(rule + mesh_route(always(), created="2026-01-01T00:00:00Z")) == [V3]


def test_to_callers_of_its_namespace_a_route_comes_before_an_older_virtualservice() -> None:
    rule = routed(
        "reviews", "[reviews.bank.svc.cluster.local]", "v3.shop.svc.cluster.local", "bank"
    ).replace("namespace: bank}", 'namespace: bank, creationTimestamp: "2020-01-01T00:00:00Z"}')
    route = mesh_route(always(), created="2026-01-01T00:00:00Z")

    assert calls(rule + route, BANK) == [V2]
    assert calls(rule + route, SHOP) == [V3]


def test_a_private_virtualservice_comes_before_a_public_route() -> None:
    rule = routed(
        "reviews",
        "[reviews.bank.svc.cluster.local]",
        "v3.shop.svc.cluster.local",
        "bank",
        spec='exportTo: ["."]',
    )

    assert calls(rule + mesh_route(always(), created="2020-01-01T00:00:00Z"), BANK) == [V3]


def test_a_route_for_others_hides_a_virtualservice_for_a_wildcard() -> None:
    wide = routed("wide", '["*.bank.svc.cluster.local"]', "v3.shop.svc.cluster.local", "bank")
    stranger = mesh_route(always(), namespace="other")

    assert calls(wide) == [V3]
    assert calls(wide + stranger) == [REVIEWS]


def test_a_route_for_a_service_that_is_not_declared_is_for_nobody() -> None:
    text = mesh_route(always(), parents=parent("unknown"))

    assert clusters(Declared(SERVICES + text), "80", "unknown.bank", SHOP) == ["PassthroughCluster"]


def test_backends_of_other_namespaces_need_no_grant_and_missing_ones_answer_500() -> None:
    foreign = mesh_route(always(TO_V3))
    missing = mesh_route(always("backendRefs: [{name: missing, port: 80}]"))
    (route,) = virtual_host(Declared(SERVICES + missing), "80", "reviews.bank", SHOP).routes

    assert calls(foreign, OTHER) == [V3]
    assert route.route.cluster == "outbound|80||missing.bank.svc.cluster.local"
    assert route.route.cluster_not_found_response_code == 2  # INTERNAL_SERVER_ERROR


def test_a_rule_without_backends_answers_500() -> None:
    assert calls(mesh_route("{matches: [{path: {value: /none}}]}")) == ["500"]


def test_a_serviceentry_may_be_the_parent() -> None:
    ref = "{group: networking.istio.io, kind: ServiceEntry, name: api-example-com}"
    text = entry("api.example.com", "bank") + mesh_route(always(), parents=ref)

    assert clusters(Declared(SERVICES + text), "80", "api.example.com", SHOP) == [V2]


def test_a_wildcard_of_a_serviceentry_gets_no_routes() -> None:
    ref = "{group: networking.istio.io, kind: ServiceEntry, name: any-example-com}"
    wild = entry("*.example.com", "bank").replace("resolution: STATIC", "resolution: NONE")
    found = Declared(SERVICES + wild + mesh_route(always(), parents=ref))

    assert clusters(found, "80", "*.example.com", SHOP) == ["outbound|80||*.example.com"]


def test_a_route_with_an_unsupported_filter_gives_no_routes() -> None:
    ref = "extensionRef: {group: example.com, kind: Foo, name: foo}"
    route = mesh_route(f"{{filters: [{{type: ExtensionRef, {ref}}}], {TO_V2}}}")

    assert calls(route) == [REVIEWS]


def test_a_grpcroute_with_a_mirror_that_is_not_there_gives_no_routes() -> None:
    mirror = "{type: RequestMirror, requestMirror: {backendRef: {name: missing, port: 80}}}"
    rule = f"{{filters: [{mirror}], {TO_V2}}}"

    assert calls(mesh_route(rule, kind="GRPCRoute")) == [REVIEWS]
    assert calls(mesh_route(rule)) == [V2]


def test_a_sidecar_that_imports_the_service_has_clusters_for_where_its_route_leads() -> None:
    scope = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: other}
spec: {egress: [{hosts: [bank/reviews.bank.svc.cluster.local]}]}
---
"""
    found = Declared(SERVICES + scope + mesh_route(always(TO_V3)))

    assert clusters(found, "80", "reviews.bank", OTHER) == [V3]
    assert V3 in found.resources(OTHER).clusters
    assert V2 not in found.resources(OTHER).clusters


def test_a_sidecar_that_does_not_import_the_routes_namespace_has_none_of_its_routes() -> None:
    scope = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["bank/*"]}]}
---
"""
    consumer = mesh_route(always(), namespace="shop")

    assert calls(consumer + scope, SHOP) == [REVIEWS]
    assert calls(consumer + scope.replace("bank/*", "*/*"), SHOP) == [V2]


def test_a_default_of_the_mesh_that_hides_virtualservices_hides_routes() -> None:
    found = Declared(
        SERVICES + mesh_route(always()),
        mesh=MeshConfig(default_virtual_service_export_to=(".",)),
    )

    assert clusters(found, "80", "reviews.bank", SHOP) == [REVIEWS]
    assert clusters(found, "80", "reviews.bank", BANK) == [V2]
