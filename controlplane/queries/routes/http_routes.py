"""The routes of HTTPRoutes and GRPCRoutes: each object is encoded once for all listeners of a port,
and those at one listener and hostname are merged by rank.

Source: https://gateway-api.sigs.k8s.io/api-types/httproute/; Istio
``pilot/pkg/config/kube/gateway/route_collections.go`` (``mergeHTTPRoutes``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Final

from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.common import BackendObjectReference
from controlplane.model.gateway_api import Conformance, ListenerId, generated_gateway
from controlplane.model.outbound_view import OutboundView
from controlplane.model.proxy import Labels
from controlplane.queries.gateway_api.attachment import (
    RequestRouteKey,
    http_routes_of,
    route_age,
    route_order,
)
from controlplane.queries.gateway_api.backends import plain, unresolved
from controlplane.queries.gateway_api.listeners import attached
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.mesh_parents import routes_visibility
from controlplane.queries.routes.virtual_services import (
    OWN_ROUTES,
    PUBLIC_TIER,
    EncodedRoutes,
    MergeOrder,
    encodable,
    route_defaults,
    route_target,
    visibility_tier,
)
from controlplane.translate.gateway_api.backend_ref import (
    NOWHERE,
    Backend,
    Backends,
    ListenerPort,
    backend_host,
)
from controlplane.translate.gateway_api.http_route import (
    Rank,
    RankedRoute,
    RouteDefaults,
    ranked_routes,
)
from controlplane.translate.gateway_api.route_faults import demanded_mirrors, route_faults
from controlplane.translate.gateway_api.route_rule import route_rules
from controlplane.translate.istio.http_retry import retry_policy

MERGE_CHUNK: Final = 32  # routes at one listener and hostname that are merged together
FramedRoute = tuple[Rank, bool, bytes]
"""The rank of a route, whether it catches all requests, and its place in a virtual host."""


@dataclass(frozen=True, slots=True, order=True)
class RouteSet:
    """All HTTP and gRPC routes that are attached to a listener with the same hostname."""

    listener: ListenerId
    host: Host

    def __str__(self) -> str:
        return f"{self.listener.parent}/{self.listener.name}/{self.host}"


@dataclass(frozen=True, slots=True)
class FramedRoutes:
    """The routes of one object, first come first; ``refused`` are those that are left out because
    Envoy would refuse them.
    """

    routes: tuple[FramedRoute, ...]
    refused: Diagnostics = ()


@guarded
def set_order(graph: Graph, routes: RouteSet, client: Namespace) -> MergeOrder | None:
    """The place of a set among others that a host has at a listener; ``None`` where it is empty or
    the client must not see it.

    By the specification the more specific hostname comes first. Istio makes a VirtualService of a
    set, as old as its oldest route, by whose name ties break.
    """
    keys = http_routes_of(graph, routes.listener, routes.host)
    at = attached(graph, routes.listener) if keys else None
    if at is None:
        return None
    created, space, _ = route_age(graph, keys[0])
    namespace = Namespace(space)
    if at.conformance is Conformance.ISTIO:
        tier = routes_tier(graph, namespace, client)
    else:
        tier = PUBLIC_TIER - len(routes.host.removeprefix("*"))
    if tier is None:
        return None
    name = generated_gateway(routes.listener).replace("/", "~")
    return (tier, created, f"{name}~{routes.host}", namespace)


def routes_tier(graph: Graph, namespace: Namespace, client: Namespace) -> int | None:
    """The tier, for a client, of a namespace's routes among VirtualServices; ``None`` where
    the mesh does not show the client those of that namespace. Its own come first.
    """
    seen = routes_visibility(graph, namespace)
    if not seen.admits(client):
        return None
    tier = visibility_tier(seen, namespace, client)
    return tier + OWN_ROUTES if namespace == client else tier


@guarded
def encoded_set(
    graph: Graph, routes: RouteSet, at: ListenerPort, view: OutboundView
) -> EncodedRoutes | None:
    """The routes of a set in their places of a virtual host, up to the first that catches all.

    Runs again when a route attaches or detaches, or one of their routes changes: an edit encodes
    one object, and reads one chunk of many.
    """
    keys = http_routes_of(graph, routes.listener, routes.host)
    if len(keys) <= MERGE_CHUNK:
        merged = merged_routes(framed_routes(graph, key, at, view).routes for key in keys)
    else:
        firsts = range(0, len(keys), MERGE_CHUNK)
        merged = merged_routes(framed_chunk(graph, routes, first, at, view) for first in firsts)
    return joined_routes(merged) if merged else None


@derived
def framed_chunk(
    graph: Graph, routes: RouteSet, first: int, at: ListenerPort, view: OutboundView
) -> tuple[FramedRoute, ...]:
    """Where many are attached: the routes of some of them."""
    keys = http_routes_of(graph, routes.listener, routes.host)[first : first + MERGE_CHUNK]
    return tuple(merged_routes(framed_routes(graph, key, at, view).routes for key in keys))


def merged_routes(parts: Iterable[tuple[FramedRoute, ...]]) -> list[FramedRoute]:
    """Sorted lists joined into one; ranks are never equal."""
    return sorted(chain.from_iterable(parts), key=itemgetter(0))


def joined_routes(routes: list[FramedRoute]) -> EncodedRoutes:
    catching = (i for i, (_, catches_all, _) in enumerate(routes) if catches_all)
    end = next(catching, len(routes))
    return EncodedRoutes(
        b"".join([framed for _, _, framed in routes[:end]]),
        routes[end][2] if end < len(routes) else b"",
    )


@guarded(first=FramedRoutes(()))
def framed_routes(
    graph: Graph, key: RequestRouteKey, at: ListenerPort, view: OutboundView
) -> FramedRoutes:
    """The routes of one object at a port, shared by all listeners and hostnames there.

    Runs again when it changes, or a service, DestinationRule or grant that it leads to.
    """
    report = Report()
    routes = routes_of(graph, key, at, view, partial(backend, graph, key, at, view))
    return FramedRoutes(framed_values(report, routes), tuple(report))


def framed_values(report: Report, routes: Iterable[RankedRoute]) -> tuple[FramedRoute, ...]:
    """The routes that Envoy accepts, encoded; one that it would refuse is reported."""
    return tuple(
        (each.rank, each.routed.route.match.catches_all, encoded)
        for each in routes
        for _, encoded in encodable(report, (each.routed,))
    )


def routes_of(
    graph: Graph,
    key: RequestRouteKey,
    at: ListenerPort,
    view: OutboundView,
    backends: Backends,
) -> tuple[RankedRoute, ...]:
    """The routes of one object as values, first come first; none where a fault takes them away."""
    declared = object_of(graph, key)
    if declared is None:
        return ()
    rules = route_rules(declared)
    if at.conformance is Conformance.ISTIO and route_faults(rules, at.conformance):
        return ()
    mirrors = map(backends, demanded_mirrors(rules, key.kind, at.conformance))
    if any(not found.is_resolved and not found.lacks_port for found in mirrors):
        return ()
    return ranked_routes(
        key,
        route_order(graph, key, at.conformance),
        rules,
        listener=at,
        backends=backends,
        defaults=http_route_defaults(graph, view.route_settings),
    )


def backend(
    graph: Graph,
    key: RequestRouteKey,
    at: ListenerPort,
    view: OutboundView,
    ref: BackendObjectReference,
) -> Backend:
    """Where a backend of the route ``key`` leads."""
    problem = unresolved(graph, key.kind, key.namespace, plain(ref))
    host = backend_host(ref, key.namespace) if problem is None else problem.host
    if host is None:
        return NOWHERE
    port = PortNumber(ref.port) if ref.port is not None else None
    target = route_target(graph, view.for_clusters, key.namespace, host, port, None, at.port)
    lacks_port = problem is not None and problem.lacks_port
    return Backend(target, is_resolved=problem is None, lacks_port=lacks_port)


@guarded(first=RouteDefaults())
def http_route_defaults(graph: Graph, settings: Labels) -> RouteDefaults:
    """The settings of the mesh that affect these routes; its other changes stop here."""
    defaults = route_defaults(graph, settings)
    return RouteDefaults(
        retry=retry_policy(defaults.retries, sticky=False),
        sticky_retry=retry_policy(defaults.retries, sticky=True),
        appends_forwarded_host=defaults.appends_forwarded_host,
        names_objects=defaults.names_objects,
    )
