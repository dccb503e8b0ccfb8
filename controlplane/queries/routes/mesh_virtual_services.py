"""Which VirtualServices of the mesh are for a host, in which order, and the routes of each there.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/,
Istio ``pilot/pkg/model/virtualservice.go`` (``SelectVirtualServices``).
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_wildcard, specificity, subset_of
from controlplane.base.names import Host, PortNumber
from controlplane.base.shelf import shard_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    Destination,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.model.cluster_name import outbound
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import MeshTable
from controlplane.queries.clusters.offers import offer
from controlplane.queries.inputs.objects import index
from controlplane.queries.policy.policies import hash_policies
from controlplane.queries.registry.imported import imported_by
from controlplane.queries.routes.virtual_services import (
    Declared,
    EncodedRoutes,
    MergeOrder,
    encodable,
    hosts_of_virtual_service,
    joined,
    merge_order,
    routes_at,
)
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.server_hosts import ServerPort
from controlplane.translate.istio.virtual_service import (
    virtual_service_gateways,
    virtual_service_hosts,
)
from controlplane.translate.route_target import RouteTarget

WHOLE_MESH: Final = "mesh"
Ordered = tuple[MergeOrder, VirtualServiceKey]


def mesh_hosts(declared: Declared) -> tuple[str, ...]:
    """The hosts of a VirtualService that is bound to the mesh, in lower case."""
    if MESH not in virtual_service_gateways(declared):
        return ()
    return tuple(dict.fromkeys(host.lower() for host in virtual_service_hosts(declared)))


@index(VIRTUAL_SERVICE)
def mesh_rules_of_shard(declared: Declared) -> Iterator[tuple[int, tuple[str, VirtualServiceKey]]]:
    """The hosts of the mesh's VirtualServices in lower case, by shard."""
    for host in mesh_hosts(declared):
        yield shard_of(host), (host, declared.key)


@index(VIRTUAL_SERVICE)
def mesh_wildcards(declared: Declared) -> Iterator[tuple[str, tuple[str, VirtualServiceKey]]]:
    for host in mesh_hosts(declared):
        if is_wildcard(host):
            yield WHOLE_MESH, (host, declared.key)


@index(SERVICE_ENTRY)
def capital_hosts(declared: Object[ServiceEntry]) -> Iterator[tuple[str, tuple[str, Host]]]:
    """Hosts with capitals, by their lower-case form."""
    for host in declared.spec.hosts:
        if host != host.lower():
            yield WHOLE_MESH, (host.lower(), Host(host))


def in_capitals(graph: Graph, host: str) -> Iterator[Host]:
    """Other spellings of a host that are declared."""
    for lower, spelled in capital_hosts(graph, WHOLE_MESH):
        if lower == host.lower() and spelled != host:
            yield spelled


def virtual_services_for(
    graph: Graph, table: MeshTable, view: OutboundView, host: str
) -> list[Ordered]:
    """The VirtualServices that a view sees and imports for exactly this host, in their order."""
    return _in_order(graph, table, view, virtual_services_naming(graph, host))


def virtual_services_naming(graph: Graph, host: str) -> list[VirtualServiceKey]:
    """The VirtualServices of the mesh with exactly this host, whoever sees them."""
    named = mesh_rules_of_shard(graph, shard_of(host))
    return [key for other, key in named if other == host]


def wildcard_rule(graph: Graph, table: MeshTable, view: OutboundView, host: str) -> Ordered | None:
    """The VirtualService that a view sees and imports for the most specific wildcard that covers a
    host; the first of several.
    """
    wide: dict[str, list[VirtualServiceKey]] = {}
    for wildcard, key in mesh_wildcards(graph, WHOLE_MESH):
        if wildcard != host and subset_of(host, wildcard):
            wide.setdefault(wildcard, []).append(key)
    for wildcard in sorted(wide, key=specificity):
        found = _in_order(graph, table, view, wide[wildcard])
        if found:
            return found[0]
    return None


def _in_order(
    graph: Graph, table: MeshTable, view: OutboundView, keys: list[VirtualServiceKey]
) -> list[Ordered]:
    return sorted(
        (order, key)
        for key in keys
        if (order := merge_order(graph, key, view.namespace)) is not None
        and table.imports.admits_rules(key.namespace, hosts_of_virtual_service(graph, key))
    )


@guarded
def mesh_routes(
    graph: Graph, key: VirtualServiceKey, table: MeshTable, view: OutboundView
) -> EncodedRoutes | None:
    """The routes that a VirtualService gives the callers of a view; ``None`` where it gives none.

    Shared by all its hosts. Runs again when it or a delegate of it changes, a service or
    DestinationRule that it leads to, or what MeshConfig says of routes.
    """
    report = Report()
    targets = partial(mesh_target, graph, table, view)
    routes = routes_at(graph, key, mesh_port(table), view, targets)
    encoded = joined(encodable(report, routes))
    return replace(encoded, refused=tuple(report)) if routes else None


def mesh_port(table: MeshTable) -> ServerPort:
    """Where requests of a table come in, as rules see it."""
    return ServerPort(MESH, table.listened)


def mesh_target(graph: Graph, table: MeshTable, view: OutboundView, to: Destination) -> RouteTarget:
    """Where a destination leads; without a port, to the one that was called."""
    port = PortNumber(to.port.number) if to.port is not None else None
    return target_in_table(graph, table, view, Host(to.host), port, to.subset)


def target_in_table(
    graph: Graph,
    table: MeshTable,
    view: OutboundView,
    host: Host,
    port: PortNumber | None,
    subset: str = "",
) -> RouteTarget:
    """Where a host and port of a rule lead, for requests of a table."""
    return _target(graph, table, replace(view, source_labels=()), host, port, subset)


@derived
def _target(
    graph: Graph,
    table: MeshTable,
    view: OutboundView,
    host: Host,
    port: PortNumber | None,
    subset: str,
) -> RouteTarget:
    """Runs again when the service or the DestinationRule behind it changes: what does not affect
    routes stops here.

    An alias is followed where it declares the port that was called itself.
    """
    found = imported_by(graph, host, view.namespace, table.imports, None)
    if found is not None and table.port is not None and found.port(table.port) is None:
        found = None
    only = found.ports[0].number if found and not table.port and len(found.ports) == 1 else None
    chosen = port or only or table.listened
    to = (found.alias if found is not None else None) or host
    return RouteTarget(
        cluster=outbound(chosen, subset or None, to),
        described=f"{to}:{chosen}",
        hash_policies=hash_policies(graph, view, host, port, subset or None),
        offer=offer(graph, view, to, chosen, subset or None),
    )
