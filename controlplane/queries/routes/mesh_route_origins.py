"""Where the route tables of a sidecar come from: every virtual host and every route of them.

Computed on demand and not kept, by the functions that build the tables; a VirtualService whose
routes are not, byte for byte, those that proxies have is left out.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from controlplane.base.diagnostics import Report
from controlplane.base.hosts import subset_of
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, key_is_of
from controlplane.base.provenance import BuiltIn, Origin, Provenance
from controlplane.base.shelf import SHARDS
from controlplane.graph import Graph
from controlplane.kinds.istio.sidecar import SIDECAR
from controlplane.kinds.istio.virtual_service import VirtualServiceKey
from controlplane.model.egress import EgressListener
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import MeshTable
from controlplane.model.routing import Routed
from controlplane.model.service import Protocol, Service
from controlplane.queries.clusters.cluster_origins import port_origins
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.egress import listeners_of_scope, unknown_traffic
from controlplane.queries.registry.mesh_parents import MeshRouteSet, parent_refs
from controlplane.queries.routes.http_routes import routes_of
from controlplane.queries.routes.mesh_hosts import (
    DEFAULT_ROUTE,
    RoutedHost,
    is_served,
    routed_host,
    routed_hosts,
    service_on,
    services_on,
)
from controlplane.queries.routes.mesh_ports import imported_services
from controlplane.queries.routes.mesh_routes import (
    mesh_backend,
    mesh_listener,
    mesh_set_routes,
    served_routes,
)
from controlplane.queries.routes.mesh_rules import MeshRule
from controlplane.queries.routes.mesh_tables import catch_all_name, table_plans
from controlplane.queries.routes.mesh_view import route_view, view_in_shard
from controlplane.queries.routes.mesh_virtual_hosts import virtual_host, virtual_host_name
from controlplane.queries.routes.mesh_virtual_services import mesh_port, mesh_routes, mesh_target
from controlplane.queries.routes.virtual_services import (
    encodable,
    hosts_of_virtual_service,
    joined,
    routes_at,
)

_Origins = tuple[Origin, ...]
_BUILT_IN: Final[_Origins] = (BuiltIn.UNKNOWN_TRAFFIC,)


def mesh_table_origins(graph: Graph, view: OutboundView, shards: range) -> Iterator[Provenance]:
    """Each table of a view with its virtual hosts in some shards, the last one in the first."""
    seen = route_view(view)
    for table in table_plans(graph, view):
        parts = tuple(_virtual_hosts(graph, table, seen, shards))
        if 0 not in shards:
            yield Provenance(name=table.name, origins=(), parts=parts)
            continue
        last = _catch_all(graph, view)
        of_ports = dict.fromkeys(_ports_of_table(graph, table, seen))
        origins = tuple(of_ports) or tuple(o for part in parts for o in part.origins)
        yield Provenance(name=table.name, origins=origins or last.origins, parts=(*parts, last))
    for listener in listeners_of_scope(graph, view.scope):
        if listener.port is None or listener.protocol is Protocol.AUTO:
            yield from _sniffed(graph, listener, seen, shards)


def _ports_of_table(graph: Graph, table: MeshTable, view: OutboundView) -> Iterator[Origin]:
    """The ports of services that the table is for."""
    for shard in range(SHARDS):
        for _, service in services_on(graph, table, view_in_shard(graph, view, shard), shard):
            if is_served(service, table.served):
                yield from port_origins(graph, service.host, service.namespace, table.served)


def _catch_all(graph: Graph, view: OutboundView) -> Provenance:
    """The virtual host of what is not imported, which a Sidecar may decide about."""
    name = catch_all_name(unknown_traffic(graph, view.scope))
    scope, origins = view.scope, _BUILT_IN
    if scope is not None and key_is_of(scope.sidecar, SIDECAR):
        declared = object_of(graph, scope.sidecar)
        if declared is not None and declared.spec.outbound_traffic_policy is not None:
            origins = (FieldRef(scope.sidecar, ("spec", "outboundTrafficPolicy")),)
    part = Provenance(name=name, origins=origins)
    return Provenance(name=name, origins=origins, parts=(part,))


def _virtual_hosts(
    graph: Graph, table: MeshTable, view: OutboundView, shards: range
) -> Iterator[Provenance]:
    for shard in shards:
        seen = view_in_shard(graph, view, shard)
        for routed in routed_hosts(graph, table, seen, shard):
            if virtual_host(graph, table, seen, routed.host) is not None:
                yield _virtual_host(graph, table, seen, routed)


def _virtual_host(
    graph: Graph, table: MeshTable, view: OutboundView, routed: RoutedHost
) -> Provenance:
    service = service_on(graph, table, view, routed.host)
    of_service = (
        port_origins(graph, service.host, service.namespace, table.served)
        if service is not None
        else ()
    )
    name = virtual_host_name(table, routed.host)
    if routed.rule is None:
        part = Provenance(name=DEFAULT_ROUTE, origins=of_service)
        return Provenance(name=name, origins=of_service, parts=(part,))
    return Provenance(
        name=name,
        origins=(*_bound_by(graph, routed.rule, routed.host), *of_service),
        parts=tuple(
            Provenance(name=each.route.name, origins=each.origins)
            for each in _explained_rule(graph, routed.rule, table, view)
        ),
    )


def _bound_by(graph: Graph, rule: MeshRule, host: Host) -> tuple[FieldRef, ...]:
    """The hosts of a VirtualService, or the parentRefs of routes, by which they are for a host."""
    if isinstance(rule, MeshRouteSet):
        return parent_refs(graph, rule)
    return _meeting(graph, rule, host)


def _explained_rule(
    graph: Graph, rule: MeshRule, table: MeshTable, view: OutboundView
) -> tuple[Routed, ...]:
    if isinstance(rule, MeshRouteSet):
        return _explained_set(graph, rule, table, view)
    return _explained(graph, rule, table, view)


def _explained_set(
    graph: Graph, rule: MeshRouteSet, table: MeshTable, view: OutboundView
) -> tuple[Routed, ...]:
    """The routes of a set, with the same exception as those of a VirtualService."""
    at = mesh_listener(table)
    ranked = sorted(
        (each.rank, routed, framed)
        for key in served_routes(graph, rule)
        for each in routes_of(graph, key, at, view, partial(mesh_backend, graph, key, table, view))
        for routed, framed in encodable(Report(), (each.routed,))
    )
    catching = (i for i, (_, each, _) in enumerate(ranked) if each.route.match.catches_all)
    taken = [(routed, framed) for _, routed, framed in ranked[: next(catching, len(ranked)) + 1]]
    encoded, served = joined(taken), mesh_set_routes(graph, rule, table, view)
    if served is None or (encoded.specific, encoded.catch_all) != (
        served.specific,
        served.catch_all,
    ):
        return ()
    return tuple(routed for routed, _ in taken)


def _meeting(graph: Graph, key: VirtualServiceKey, host: Host) -> tuple[FieldRef, ...]:
    """The hosts of a VirtualService by which it is for a host."""
    hosts = [each.lower() for each in hosts_of_virtual_service(graph, key)]
    same = [i for i, each in enumerate(hosts) if each == host.lower()]
    wider = [i for i, each in enumerate(hosts) if subset_of(host.lower(), each)]
    return tuple(FieldRef(key, ("spec", "hosts", i)) for i in same or wider)


def _explained(
    graph: Graph, key: VirtualServiceKey, table: MeshTable, view: OutboundView
) -> tuple[Routed, ...]:
    """The routes in the order of the virtual host; none where proxies have something else, which
    happens when a function has just raised and kept its last value.
    """
    targets = partial(mesh_target, graph, table, view)
    routes = encodable(Report(), routes_at(graph, key, mesh_port(table), view, targets))
    encoded, served = joined(routes), mesh_routes(graph, key, table, view)
    if served is None or (encoded.specific, encoded.catch_all) != (
        served.specific,
        served.catch_all,
    ):
        return ()
    found = [routed for routed, _ in routes]
    return (
        *(routed for routed in found if not routed.route.match.catches_all),
        *(routed for routed in found if routed.route.match.catches_all),
    )


def _sniffed(
    graph: Graph, listener: EgressListener, view: OutboundView, shards: range
) -> Iterator[Provenance]:
    """The tables of single services."""
    for shard in shards:
        seen = view_in_shard(graph, view, shard)
        for service in imported_services(graph, listener.imports, seen, shard):
            for port in service.ports:
                if port.protocol is Protocol.AUTO:
                    table = MeshTable(
                        name=str(port.number), imports=listener.imports, port=port.number
                    )
                    yield _sniffed_table(graph, table, seen, service)


def _sniffed_table(
    graph: Graph, table: MeshTable, view: OutboundView, service: Service
) -> Provenance:
    routed = routed_host(graph, table, view, service.host)
    return Provenance(
        name=f"{service.host}:{table.served}",
        origins=port_origins(graph, service.host, service.namespace, table.served),
        parts=(_virtual_host(graph, table, view, routed),) if routed is not None else (),
    )
