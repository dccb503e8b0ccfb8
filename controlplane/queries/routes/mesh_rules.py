"""What routes the calls of a host between workloads: VirtualServices and sets of HTTP and gRPC
routes, which Istio makes VirtualServices of. They do not merge: the first that has a route for a
caller and port decides alone.
"""

from typing import assert_never

from controlplane.base.names import Host, ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.istio.virtual_service import VirtualServiceKey
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import MeshTable
from controlplane.queries.registry.mesh_parents import MeshRouteSet, mesh_sets
from controlplane.queries.routes.mesh_routes import mesh_set_order, mesh_set_routes
from controlplane.queries.routes.mesh_virtual_services import mesh_routes, virtual_services_for
from controlplane.queries.routes.virtual_services import EncodedRoutes, MergeOrder

MeshRule = VirtualServiceKey | MeshRouteSet
OrderedRule = tuple[MergeOrder, MeshRule]


def rules_for(graph: Graph, table: MeshTable, view: OutboundView, host: Host) -> list[OrderedRule]:
    """The rules that a view sees and imports for exactly this host, in their order; also those that
    are not for its callers, which hide VirtualServices for wildcards all the same.
    """
    sets = [
        (order, each)
        for each in mesh_sets(graph, host)
        if (order := mesh_set_order(graph, each, view.namespace)) is not None
        and table.imports.admits_rules(each.namespace, (host,))
    ]
    services = virtual_services_for(graph, table, view, host)
    return sorted([*services, *sets], key=lambda found: found[0])


def routes_of_rule(
    graph: Graph, rule: MeshRule, table: MeshTable, view: OutboundView
) -> EncodedRoutes | None:
    """The routes that a rule gives the callers of a view; ``None`` where it gives none."""
    match rule:
        case MeshRouteSet():
            return mesh_set_routes(graph, rule, table, view)
        case ObjectKey():
            return mesh_routes(graph, rule, table, view)
    assert_never(rule)
