"""What is computed for a view is what would be computed for the proxy itself."""

from collections.abc import Mapping

from hypothesis import given, settings, strategies as st

from controlplane.base.shelf import shard_of
from controlplane.envoy.resource import Resource
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.cluster_name import BLACK_HOLE, PASSTHROUGH
from controlplane.model.outbound_view import ClientLocality
from controlplane.model.proxy import ResolvedProxy
from controlplane.queries.clusters.cluster_shelves import (
    cluster_secrets,
    clusters,
    clusters_of_shard,
    endpoints,
    endpoints_of_shard,
    locality_use,
    secrets_of_shard,
)
from tests.support.declared import Declared
from tests.support.properties import examples
from tests.support.service_meshes import HOSTS, PROXIES, Document, documents, text

Found = tuple[Mapping[str, Resource], Mapping[str, Resource], frozenset[object]]

meshes = st.builds(
    MeshConfig,
    default_destination_rule_export_to=st.sampled_from(((), ("*",), (".",))),
    default_service_export_to=st.sampled_from(((), ("*",), (".",))),
    root_namespace=st.sampled_from(("istio-system", "a")),
)


def by_view(declared: Declared, proxy: ResolvedProxy) -> Found:
    """As proxies get it: the public view's shards, with those of the namespace laid over."""
    graph, view = declared.graph, declared.view(proxy)
    seen = view.outbound.for_clusters
    client = view.locality.only(locality_use(graph, seen))
    found = dict(clusters(graph, seen, client)), dict(endpoints(graph, seen, client))
    return *found, cluster_secrets(graph, seen)


def by_proxy(declared: Declared, proxy: ResolvedProxy) -> Found:
    """Every shard that can hold something, for the proxy's own namespace, rules and place."""
    graph, view = declared.graph, declared.view(proxy).outbound.for_clusters
    place = ClientLocality(locality=proxy.locality, labels=proxy.labels)
    of_clusters: dict[str, Resource] = {}
    of_endpoints: dict[str, Resource] = {}
    secrets: set[object] = set()
    for shard in {shard_of(host) for host in (*HOSTS, BLACK_HOLE, PASSTHROUGH)}:
        of_clusters |= clusters_of_shard(graph, view, place, shard)
        of_endpoints |= endpoints_of_shard(graph, view, place, shard)
        secrets |= secrets_of_shard(graph, view, shard)
    return of_clusters, of_endpoints, frozenset(secrets)


@settings(max_examples=examples(25))
@given(
    mesh=meshes,
    declared=st.lists(documents, min_size=2, max_size=6),
)
def test_a_view_gives_what_the_proxy_itself_would_get(
    mesh: MeshConfig, declared: list[Document]
) -> None:
    found = Declared(text(*declared), mesh=mesh)

    for proxy in PROXIES:
        assert by_view(found, proxy) == by_proxy(found, proxy)


@settings(max_examples=examples(12))
@given(
    first=st.lists(documents, min_size=1, max_size=6),
    edits=st.lists(documents, min_size=1, max_size=4),
    proxy=st.sampled_from(PROXIES),
)
def test_a_view_is_the_same_after_edits_as_from_the_start(
    first: list[Document], edits: list[Document], proxy: ResolvedProxy
) -> None:
    edited = Declared(text(*first))
    for edit in edits:
        by_view(edited, proxy)
        edited.edit(text(edit))

    assert by_view(edited, proxy) == by_view(Declared(text(*first, *edits)), proxy)
