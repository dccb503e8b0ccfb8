"""The routes that HTTPRoutes and GRPCRoutes give the callers of a service.

Those of the service's own namespace are for every caller, those of another one for the callers of
that namespace alone, to whom they come first. Those of one namespace and port are merged by rank.
Sources: https://gateway-api.sigs.k8s.io/mesh/; Istio
``pilot/pkg/networking/core/route/route.go`` (``buildSidecarVirtualHostsForVirtualService``),
``pilot/pkg/model/virtualservice.go`` (``SelectVirtualServices``).
"""

from functools import partial
from typing import Final

from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_wildcard
from controlplane.base.names import Namespace, PortNumber
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.common import BackendObjectReference
from controlplane.model.gateway_api import Conformance
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import MeshTable
from controlplane.queries.gateway_api.attachment import RequestRouteKey, route_age, route_order
from controlplane.queries.gateway_api.backends import plain, undeclared
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.public_view import apart_for_host
from controlplane.queries.registry.imported import imported_by
from controlplane.queries.registry.mesh_parents import (
    MeshRouteSet,
    backends_of_route,
    routes_in_set,
    routes_visibility,
)
from controlplane.queries.routes.http_routes import (
    FramedRoutes,
    framed_values,
    joined_routes,
    merged_routes,
    routes_of,
    routes_tier,
)
from controlplane.queries.routes.mesh_virtual_services import target_in_table
from controlplane.queries.routes.virtual_services import (
    EncodedRoutes,
    MergeOrder,
)
from controlplane.translate.gateway_api.backend_ref import (
    NOWHERE,
    Backend,
    ListenerPort,
    backend_host,
)
from controlplane.translate.gateway_api.mesh_route import EVERY_PORT
from controlplane.translate.gateway_api.route_faults import demanded_mirrors, route_faults
from controlplane.translate.gateway_api.route_rule import route_rules

ANSWERS: Final = Conformance.ISTIO
"""Whose answers these routes give: sidecars have no class that could say so."""


@guarded
def mesh_set_order(graph: Graph, routes: MeshRouteSet, client: Namespace) -> MergeOrder | None:
    """The place of a set among the VirtualServices for its host, by the age of its oldest route;
    ``None`` where the client must not see it or it has no routes.
    """
    keys = served_routes(graph, routes)
    tier = routes_tier(graph, routes.namespace, client) if keys else None
    if tier is None:
        return None
    return (tier, route_age(graph, keys[0])[0], routes.name, routes.namespace)


@derived
def served_routes(graph: Graph, routes: MeshRouteSet) -> tuple[RequestRouteKey, ...]:
    """The routes of a set that can be served, the oldest first."""
    found = (key for key in routes_in_set(graph, routes) if is_servable(graph, key))
    return tuple(sorted(found, key=lambda key: (route_order(graph, key, ANSWERS), key)))


@guarded(first=False)
def is_servable(graph: Graph, key: RequestRouteKey) -> bool:
    """Whether nothing of a route takes its rules away, as Istio has it."""
    declared = object_of(graph, key)
    if declared is None:
        return False
    rules = route_rules(declared)
    mirrors = demanded_mirrors(rules, key.kind, ANSWERS)
    problems = (undeclared(graph, key.namespace, plain(ref)) for ref in mirrors)
    return not route_faults(rules, ANSWERS) and not any(
        problem is not None and not problem.lacks_port for problem in problems
    )


@guarded
def mesh_set_routes(
    graph: Graph, routes: MeshRouteSet, table: MeshTable, view: OutboundView
) -> EncodedRoutes | None:
    """The routes that a set gives the callers of a view; ``None`` where it is not for them, or not
    for the port of the table.

    Runs again when a route comes to the set or leaves it, or one of their routes changes.
    """
    if not is_for(graph, routes, table, view):
        return None
    keys = served_routes(graph, routes)
    found = merged_routes(framed_mesh_routes(graph, key, table, view).routes for key in keys)
    return joined_routes(found) if found else None


def is_for(graph: Graph, routes: MeshRouteSet, table: MeshTable, view: OutboundView) -> bool:
    """Whether a set is for the callers of a view on the port of a table: those of its namespace,
    or all if the service is in that namespace too.
    """
    if is_wildcard(routes.host) or routes.port not in (EVERY_PORT, table.listened):
        return False
    found = imported_by(graph, routes.host, view.namespace, table.imports, None)
    return found is not None and routes.namespace in (found.namespace, view.namespace)


@guarded(first=FramedRoutes(()))
def framed_mesh_routes(
    graph: Graph, key: RequestRouteKey, table: MeshTable, view: OutboundView
) -> FramedRoutes:
    """The routes of one object for the callers of a view, shared by all hosts that it is for.

    Runs again when it changes, or a service or DestinationRule that it leads to.
    """
    report = Report()
    backends = partial(mesh_backend, graph, key, table, view)
    routes = routes_of(graph, key, mesh_listener(table), view, backends)
    return FramedRoutes(framed_values(report, routes), tuple(report))


def mesh_listener(table: MeshTable) -> ListenerPort:
    """Where requests of a table come in, as HTTP and gRPC routes see it."""
    return ListenerPort(port=table.listened, conformance=ANSWERS)


def mesh_backend(
    graph: Graph,
    key: RequestRouteKey,
    table: MeshTable,
    view: OutboundView,
    ref: BackendObjectReference,
) -> Backend:
    """Where a backend of the route ``key`` leads. No grant is needed, as in Istio."""
    problem = undeclared(graph, key.namespace, plain(ref))
    host = backend_host(ref, key.namespace) if problem is None else problem.host
    if host is None:
        return NOWHERE
    port = PortNumber(ref.port) if ref.port is not None else None
    target = target_in_table(graph, table, view, host, port)
    lacks_port = problem is not None and problem.lacks_port
    return Backend(target, is_resolved=problem is None, lacks_port=lacks_port)


@derived
def mesh_set_apart(graph: Graph, routes: MeshRouteSet) -> frozenset[Namespace]:
    """The namespaces for which a set may mean something else than for others: its own, those that
    alone see it, and those that see a host differently that it leads to.
    """
    backends = (
        host for key in routes_in_set(graph, routes) for host, _ in backends_of_route(graph, key)
    )
    return frozenset(
        (
            routes.namespace,
            *routes_visibility(graph, routes.namespace).namespaces,
            *(each for host in dict.fromkeys(backends) for each in apart_for_host(graph, host)),
        )
    )
