"""Proxies are computed for by their views: what is in none of them costs nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.base.names import Namespace
from controlplane.base.shelf import SHARDS, Shelf, shard_of
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import Resource
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Labels, Locality, Proxy, ResolvedProxy, Role
from controlplane.queries.clusters.cluster_shelves import clusters
from tests.support.declared import INGRESS, Declared
from tests.support.routes import GATEWAY, SERVICES, virtual_service

SHOP = virtual_service("[{route: [{destination: {host: shop.default.svc.cluster.local}}]}]")
FOR_BLUE = virtual_service(
    "[{match: [{sourceLabels: {color: blue}}], directResponse: {status: 200}}]", name="blue"
)
ANSWER = virtual_service("[{directResponse: {status: 200}}]", name="new", host="new.example.com")
PROXY = Proxy(
    name="ingress",
    role=Role.GATEWAY,
    namespace=Namespace("istio-system"),
    service_account="ingress",
    labels=(("istio", "ingressgateway"),),
)


def engine(text: str) -> Engine:
    made = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
    made.apply([(Path("mesh.yaml"), text)])
    return made


def labelled(*pairs: tuple[str, str]) -> Labels:
    return tuple(sorted((*INGRESS.labels, *pairs)))


def test_gateways_that_differ_in_a_label_that_nothing_asks_for_have_one_view() -> None:
    declared = Declared(GATEWAY + SERVICES + SHOP + FOR_BLUE)

    views = {declared.view(replace(INGRESS, labels=labelled(("pod", str(i))))) for i in range(40)}

    assert len(views) == 1


@pytest.mark.parametrize(
    ("color", "asked"), [("blue", (("color", "blue"),)), ("red", ())], ids=["asked for", "not"]
)
def test_of_the_labels_only_pairs_that_a_match_asks_for_are_in_a_view(
    color: str, asked: Labels
) -> None:
    declared = Declared(GATEWAY + SERVICES + FOR_BLUE)

    view = declared.view(replace(INGRESS, labels=labelled(("color", color), ("pod", "7"))))

    assert view.outbound.source_labels == asked


def test_an_edit_puts_only_held_views_that_it_concerns_in_doubt() -> None:
    plane = engine(GATEWAY + SERVICES + SHOP)
    elsewhere = replace(PROXY, labels=(("istio", "other"),), role=Role.SIDECAR)
    for proxy in (PROXY, elsewhere):
        plane.connected.join(proxy)
        plane.connected.hold(plane.view(proxy))
        plane.resources(plane.view(proxy))
    plane.take_doubt()

    plane.apply([(Path("more.yaml"), ANSWER)])
    doubt = plane.take_doubt()

    assert (doubt.proxies, doubt.views) == ((), (plane.view(PROXY),))
    assert plane.take_doubt().views == ()


def test_a_proxy_whose_own_declaration_changes_is_in_doubt() -> None:
    plane = engine(GATEWAY)
    proxy = replace(PROXY, addresses=("10.0.0.1",))
    plane.connected.join(proxy)
    before = plane.view(proxy)
    plane.take_doubt()

    entry = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: a, namespace: istio-system}
spec: {address: 10.0.0.1, labels: {istio: other}}
"""
    plane.apply([(Path("entry.yaml"), entry)])

    assert plane.take_doubt().proxies == (proxy,)
    assert plane.view(proxy) != before


def rule(namespace: str, export_to: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: shop, namespace: {namespace}}}
spec: {{host: shop.default.svc.cluster.local, exportTo: ["{export_to}"]}}
---
"""


def of_namespace(declared: Declared, namespace: str) -> Shelf[Resource]:
    view = declared.view(ResolvedProxy(role=Role.SIDECAR, namespace=Namespace(namespace)))
    return clusters(declared.graph, view.outbound.for_clusters, view.locality)


def shards_of_its_own(declared: Declared, namespace: str) -> list[int]:
    everybodys = of_namespace(declared, "elsewhere").shards
    own = of_namespace(declared, namespace).shards
    return [i for i in range(SHARDS) if own[i] is not everybodys[i]]


def test_namespaces_that_see_what_everybody_sees_have_one_shelf() -> None:
    declared = Declared(SERVICES + rule("default", "*"))

    assert of_namespace(declared, "default") is of_namespace(declared, "elsewhere")


def test_a_namespace_with_a_rule_of_its_own_has_one_shard_of_its_own() -> None:
    declared = Declared(SERVICES + rule("default", "*") + rule("team", "."))

    shard = shard_of("shop.default.svc.cluster.local")
    assert shards_of_its_own(declared, "team") == [shard]
    assert shards_of_its_own(declared, "default") == []


def test_a_namespace_that_a_rule_is_exported_to_has_a_shard_of_its_own() -> None:
    declared = Declared(SERVICES + rule("default", "team"))

    shard = shard_of("shop.default.svc.cluster.local")
    assert shards_of_its_own(declared, "team") == [shard]


def test_a_namespace_that_a_rule_of_the_root_is_exported_to_has_a_shard_of_its_own() -> None:
    declared = Declared(SERVICES + rule("infra", "team"), mesh=MeshConfig(root_namespace="infra"))

    shard = shard_of("shop.default.svc.cluster.local")
    assert shards_of_its_own(declared, "team") == [shard]


def test_a_rule_that_a_third_namespace_exports_concerns_that_namespace_alone() -> None:
    declared = Declared(SERVICES + rule("other", "team"))

    assert shards_of_its_own(declared, "team") == []
    assert shards_of_its_own(declared, "other") == [shard_of("shop.default.svc.cluster.local")]


def test_an_edit_is_computed_once_however_many_namespaces_see_it() -> None:
    declared = Declared(SERVICES + rule("default", "*"))
    namespaces = [f"n{i}" for i in range(20)]
    for namespace in namespaces:
        of_namespace(declared, namespace)
    declared.edit(rule("default", "*").replace("exportTo", "trafficPolicy: {tls: {}}, exportTo"))
    declared.graph.trace = []

    for namespace in namespaces:
        of_namespace(declared, namespace)

    ran = [call.partition("(")[0] for call in declared.graph.trace]
    assert (ran.count("cluster"), ran.count("clusters_of_shard")) == (1, 1)


def test_places_of_proxies_matter_where_endpoints_are_ranked_by_them() -> None:
    ranked = rule("default", "*").replace(
        "exportTo", "trafficPolicy: {outlierDetection: {interval: 1s}}, exportTo"
    )
    near, far = (replace(INGRESS, locality=Locality(region)) for region in ("r1", "r2"))

    plain, placed = Declared(SERVICES + rule("default", "*")), Declared(SERVICES + ranked)

    assert plain.view(near) == plain.view(far)
    assert placed.view(near) != placed.view(far)


def test_a_place_that_the_clusters_of_a_proxy_do_not_use_costs_nothing() -> None:
    ranked = rule("default", ".").replace(
        "exportTo", "trafficPolicy: {outlierDetection: {interval: 1s}}, exportTo"
    )
    declared = Declared(SERVICES + ranked)
    near, far = (replace(INGRESS, locality=Locality(region)) for region in ("r1", "r2"))

    assert declared.resources(near).endpoints is declared.resources(far).endpoints
