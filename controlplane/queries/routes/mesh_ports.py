"""On which ports a sidecar's requests are routed by host: one route table for each.

Source: Istio ``pilot/pkg/networking/core/listener.go`` (``buildSidecarOutboundHTTPListenerOpts``).
"""

from collections.abc import Iterator

from controlplane.base.names import PortNumber
from controlplane.base.shelf import GROUP, GROUPS
from controlplane.graph import Graph, derived, guarded
from controlplane.model.egress import Imports
from controlplane.model.outbound_view import OutboundView
from controlplane.model.service import Protocol, Resolution, Service
from controlplane.queries.registry.imported import candidates, imported_by
from controlplane.queries.routes.mesh_view import shards_apart, view_in_shard


@derived
def http_ports(graph: Graph, imports: Imports, view: OutboundView) -> frozenset[PortNumber]:
    """The ports on which some imported service is routed by host; perhaps also one on which only
    what the namespace sees otherwise is.

    A service that comes with such a port of others stops here.
    """
    if view.is_public:
        return frozenset().union(*(_ports_of_group(graph, imports, view, f) for f in GROUPS))
    own = shards_apart(graph, view.namespace)
    public = http_ports(graph, imports, view.public)
    return public.union(*(_ports_of_shard(graph, imports, view, shard) for shard in own))


@derived
def _ports_of_group(
    graph: Graph, imports: Imports, view: OutboundView, first: int
) -> frozenset[PortNumber]:
    shards = range(first, first + GROUP)
    return frozenset().union(*(_ports_of_shard(graph, imports, view, s) for s in shards))


def _ports_of_shard(
    graph: Graph, imports: Imports, view: OutboundView, shard: int
) -> frozenset[PortNumber]:
    if not candidates(graph, imports, shard):
        return frozenset()
    return ports_of_shard(graph, imports, view_in_shard(graph, view, shard), shard)


@guarded(first=frozenset())
def ports_of_shard(
    graph: Graph, imports: Imports, view: OutboundView, shard: int
) -> frozenset[PortNumber]:
    return frozenset(
        port.number
        for service in imported_services(graph, imports, view, shard)
        for port in service.ports
        if port.protocol.is_http or port.protocol is Protocol.AUTO
    )


def imported_services(
    graph: Graph, imports: Imports, view: OutboundView, shard: int
) -> Iterator[Service]:
    for host in candidates(graph, imports, shard):
        found = imported_by(graph, host, view.namespace, imports, None)
        if found is not None and found.resolution is not Resolution.ALIAS:
            yield found
