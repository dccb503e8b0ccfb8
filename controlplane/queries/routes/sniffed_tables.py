"""The route tables of single services: of ports that speak what their caller does and are listened
for at addresses of their own.

Source: Istio ``pilot/pkg/networking/core/httproute.go`` (``getVirtualHostsForSniffedServicePort``).
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from controlplane.base.names import Host, PortNumber
from controlplane.base.shelf import GROUP, GROUPS
from controlplane.envoy.resource import Resource, part
from controlplane.envoy.routes.table import route_table
from controlplane.graph import Graph, derived, guarded
from controlplane.model.egress import Imports
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import MeshTable
from controlplane.model.service import Protocol
from controlplane.queries.registry.imported import candidates
from controlplane.queries.routes.mesh_hosts import routed_host
from controlplane.queries.routes.mesh_ports import imported_services
from controlplane.queries.routes.mesh_view import shards_apart, view_in_shard
from controlplane.queries.routes.mesh_virtual_hosts import framed

_NONE: Final[Mapping[str, Resource]] = MappingProxyType({})


def sniffed_tables(
    graph: Graph, imports: Imports, view: OutboundView
) -> Iterator[Mapping[str, Resource]]:
    """The tables of single services, by shard."""
    if view.is_public:
        for first in GROUPS:
            yield from sniffed_of_group(graph, imports, view, first)
        return
    own = own_sniffed_tables(graph, imports, view)
    public = enumerate(sniffed_tables(graph, imports, view.public))
    yield from (own.get(shard, found) for shard, found in public)


@derived
def sniffed_of_group(
    graph: Graph, imports: Imports, view: OutboundView, first: int
) -> tuple[Mapping[str, Resource], ...]:
    shards = range(first, first + GROUP)
    return tuple(_sniffed_in(graph, imports, view, shard) for shard in shards)


@derived
def own_sniffed_tables(
    graph: Graph, imports: Imports, view: OutboundView
) -> Mapping[int, Mapping[str, Resource]]:
    own = shards_apart(graph, view.namespace)
    return {shard: _sniffed_in(graph, imports, view, shard) for shard in own}


def _sniffed_in(
    graph: Graph, imports: Imports, view: OutboundView, shard: int
) -> Mapping[str, Resource]:
    if not candidates(graph, imports, shard):
        return _NONE
    return sniffed_of_shard(graph, imports, view_in_shard(graph, view, shard), shard)


@guarded(first=MappingProxyType({}))
def sniffed_of_shard(
    graph: Graph, imports: Imports, view: OutboundView, shard: int
) -> Mapping[str, Resource]:
    """The tables of services whose port speaks what its caller does, at addresses of their own:
    each has one virtual host, for every request.
    """
    tables = (
        sniffed_table(graph, imports, view, service.host, port.number)
        for service in imported_services(graph, imports, view, shard)
        for port in service.ports
        if port.protocol is Protocol.AUTO
    )
    return {table.name: table for table in tables if table is not None}


@guarded
def sniffed_table(
    graph: Graph, imports: Imports, view: OutboundView, host: Host, port: PortNumber
) -> Resource | None:
    table = MeshTable(name=str(port), imports=imports, port=port)
    routed = routed_host(graph, table, view, host)
    found = () if routed is None else (part((framed(graph, table, view, routed, ("*",)),)),)
    return route_table(f"{host}:{port}", found)
