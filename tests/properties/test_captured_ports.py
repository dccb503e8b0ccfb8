"""What sidecars listen for is shared by all that see the same, and no one gets another's."""

from dataclasses import replace

from hypothesis import given, settings, strategies as st

from controlplane.base.shelf import shard_of
from controlplane.envoy.resource import Resource
from controlplane.model.cluster_name import BLACK_HOLE, PASSTHROUGH
from controlplane.model.outbound_view import ANYWHERE, Interception
from controlplane.model.plan.listener import ListenerPlan
from controlplane.model.plan.network_filters import HttpConnectionManager, NamedTable
from controlplane.model.proxy import ResolvedProxy
from controlplane.queries.clusters.cluster_shelves import clusters, clusters_of_shard
from controlplane.queries.listeners.captured_ports import captured_in_shard, captured_ports
from controlplane.queries.listeners.outbound_listeners import outbound_listeners
from controlplane.queries.policy.public_view import view_for_shard
from controlplane.queries.registry.egress import egress_listeners
from controlplane.queries.registry.imported import scoped_services
from tests.support.declared import Declared
from tests.support.properties import examples
from tests.support.service_meshes import Document, text
from tests.support.sidecar_meshes import HOSTS, SIDECARS, documents

SHARDS_USED = sorted({shard_of(host) for host in HOSTS})


@settings(max_examples=examples(25))
@given(declared=st.lists(documents, min_size=2, max_size=7))
def test_a_view_captures_what_the_proxy_itself_would(declared: list[Document]) -> None:
    found = Declared(text(*declared))

    for proxy in SIDECARS:
        view = found.view(proxy).outbound.for_listeners
        for listener in egress_listeners(found.graph, view):
            shared = captured_ports(found.graph, view, listener)
            for shard in SHARDS_USED:
                assert shared[shard] == captured_in_shard(found.graph, view, listener, shard)


@settings(max_examples=examples(25))
@given(declared=st.lists(documents, min_size=2, max_size=7))
def test_a_view_imports_what_the_proxy_itself_would(declared: list[Document]) -> None:
    found = Declared(text(*declared))

    for proxy in SIDECARS:
        view = found.view(proxy).outbound
        for shard in SHARDS_USED if view.scope is not None else ():
            shared = view_for_shard(found.graph, view, shard)
            assert scoped_services(
                found.graph, shared.namespace, view.scope, shard
            ) == scoped_services(found.graph, view.namespace, view.scope, shard)


@settings(max_examples=examples(20))
@given(declared=st.lists(documents, min_size=2, max_size=7))
def test_clusters_of_a_scope_are_those_that_the_proxy_itself_would_get(
    declared: list[Document],
) -> None:
    found = Declared(text(*declared))

    for proxy in SIDECARS:
        view = found.view(proxy).outbound.for_clusters
        own: dict[str, Resource] = {}
        for shard in {*SHARDS_USED, *map(shard_of, (BLACK_HOLE, PASSTHROUGH))}:
            own |= clusters_of_shard(found.graph, view, ANYWHERE, shard)
        assert dict(clusters(found.graph, view, ANYWHERE)) == own


@settings(max_examples=examples(12))
@given(
    first=st.lists(documents, min_size=1, max_size=6),
    edits=st.lists(documents, min_size=1, max_size=4),
    proxy=st.sampled_from(SIDECARS),
)
def test_listeners_are_the_same_after_edits_as_from_the_start(
    first: list[Document], edits: list[Document], proxy: ResolvedProxy
) -> None:
    edited = Declared(text(*first))
    for edit in edits:
        planned(edited, proxy)
        edited.edit(text(edit))

    assert planned(edited, proxy) == planned(Declared(text(*first, *edits)), proxy)


@settings(max_examples=examples(25))
@given(declared=st.lists(documents, min_size=2, max_size=7))
def test_no_two_chains_of_a_listener_want_the_same_connections(declared: list[Document]) -> None:
    found = Declared(text(*declared))

    for proxy in SIDECARS:
        for plan in planned(found, proxy):
            wanted = [
                (network, name, chain.transport, protocol, chain.destination_port)
                for chain in (each.chain.match for each in plan.chains)
                for network in chain.networks or ("",)
                for name in chain.server_names or ("",)
                for protocol in chain.application_protocols or ("",)
            ]
            assert len(wanted) == len(set(wanted))


def planned(declared: Declared, proxy: ResolvedProxy) -> list[ListenerPlan]:
    view = declared.view(proxy).outbound.for_listeners
    return [key.plan for key in outbound_listeners(declared.graph, view)]


@settings(max_examples=examples(15))
@given(declared=st.lists(documents, min_size=2, max_size=7), mode=st.sampled_from(Interception))
def test_every_table_that_a_listener_names_is_there(
    declared: list[Document], mode: Interception
) -> None:
    found = Declared(text(*declared))

    for proxy in SIDECARS[:3]:
        proxy = replace(proxy, metadata=(("INTERCEPTION_MODE", mode.value),))
        tables = set(found.resources(proxy).routes)
        named = {
            filter_.routes.name
            for plan in planned(found, proxy)
            for chain in plan.chains
            for filter_ in chain.chain.network_filters
            if isinstance(filter_, HttpConnectionManager) and isinstance(filter_.routes, NamedTable)
        }
        assert named <= tables
