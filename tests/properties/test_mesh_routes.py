"""Route tables of sidecars: what a view gets is what the proxy itself would get, and Envoy takes
it.
"""

from collections import Counter
from collections.abc import Mapping

from hypothesis import given, settings, strategies as st

from controlplane.base.shelf import SHARDS
from controlplane.model.proxy import ResolvedProxy
from controlplane.queries.registry.egress import listeners_of_scope
from controlplane.queries.routes.mesh_ports import http_ports, ports_of_shard
from controlplane.queries.routes.mesh_tables import table_plans, virtual_hosts
from controlplane.queries.routes.mesh_view import route_view
from controlplane.queries.routes.mesh_virtual_hosts import virtual_hosts_of_shard
from controlplane.queries.routes.sniffed_tables import sniffed_of_shard, sniffed_tables
from tests.support.declared import Declared
from tests.support.mesh_routes import tables
from tests.support.properties import examples
from tests.support.routed_meshes import SIDECARS, Document, documents, text

meshes = st.lists(documents, min_size=2, max_size=7)


@settings(max_examples=examples(12))
@given(declared=meshes, proxy=st.sampled_from(SIDECARS))
def test_a_view_routes_as_the_proxy_itself_would(
    declared: list[Document], proxy: ResolvedProxy
) -> None:
    found = Declared(text(*declared))
    view = found.view(proxy).outbound.for_routes
    graph, seen = found.graph, route_view(view)
    imports = listeners_of_scope(graph, None)[0].imports

    for table in table_plans(graph, view):
        own = (virtual_hosts_of_shard(graph, table, seen, shard) for shard in range(SHARDS))
        assert virtual_hosts(graph, table, seen) == tuple(own)
    assert http_ports(graph, imports, seen) >= frozenset().union(
        *(ports_of_shard(graph, imports, seen, shard) for shard in range(SHARDS))
    )
    assert list(sniffed_tables(graph, imports, seen)) == [
        sniffed_of_shard(graph, imports, seen, shard) for shard in range(SHARDS)
    ]


@settings(max_examples=examples(8))
@given(first=meshes, edits=st.lists(documents, min_size=1, max_size=4))
def test_routes_are_the_same_after_edits_as_from_the_start(
    first: list[Document], edits: list[Document]
) -> None:
    edited = Declared(text(*first))
    for edit in edits:
        _served(edited)
        edited.edit(text(edit))

    assert _served(edited) == _served(Declared(text(*first, *edits)))


@settings(max_examples=examples(12))
@given(declared=meshes, proxy=st.sampled_from(SIDECARS))
def test_no_domain_and_no_name_is_twice_in_a_table(
    declared: list[Document], proxy: ResolvedProxy
) -> None:
    for table in tables(Declared(text(*declared)), proxy).values():
        hosts = table.virtual_hosts
        domains = Counter(domain.lower() for host in hosts for domain in host.domains)
        names = Counter(host.name for host in hosts)
        assert {each: n for each, n in (domains + names).items() if n > 1} == {}


def _served(declared: Declared) -> list[Mapping[str, str]]:
    return [
        {name: resource.version for name, resource in declared.resources(proxy).routes.items()}
        for proxy in SIDECARS[::4]
    ]
