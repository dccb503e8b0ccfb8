"""What is bound to the servers of a route table at a host, in which order, and the routes of each
there: VirtualServices, and the sets of HTTP and gRPC routes that are attached to a listener.

Istio makes a VirtualService of such a set, so both are sorted and joined alike.
Source: Istio ``pilot/pkg/networking/core/gateway.go`` (``buildGatewayHTTPRouteConfig``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import subset_of, wider
from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.virtual_service import VirtualServiceKey
from controlplane.model.gateway_api import Conformance, ListenerId
from controlplane.model.outbound_view import OutboundView
from controlplane.queries.gateway_api.listeners import attached
from controlplane.queries.routes.http_routes import RouteSet, encoded_set, set_order
from controlplane.queries.routes.virtual_services import (
    NO_ROUTES,
    EncodedRoutes,
    MergeOrder,
    bound_at,
    encoded_routes,
    hosts_of_virtual_service,
    merge_order,
    odd_wildcards,
)
from controlplane.translate.gateway_api.backend_ref import ListenerPort
from controlplane.translate.istio.server_hosts import HostBinding, ServerPort

HostBindings = tuple[tuple[Host, HostBinding], ...]
"""What one server admits to a host, for each spelling of it."""
MERGE_CHUNK: Final = 32  # VirtualServices at one host that are looked at together


BoundKey = VirtualServiceKey | RouteSet


@dataclass(frozen=True, slots=True)
class Bound:
    """A VirtualService or a set of routes bound to a server at ``host``, and the binding."""

    key: BoundKey
    host: Host
    binding: HostBinding


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundRoutes:
    """What a virtual host is made of: the routes of what is bound to a server there. Without a
    ``key`` nothing is: the server redirects all requests to HTTPS, or has the host for itself.
    ``routed_at`` is the server whose port and gateway its matches are compared with.
    """

    gateway: str
    key: BoundKey | None
    host: Host
    port: PortNumber
    redirects: bool
    routes: EncodedRoutes
    routed_at: ServerPort


def bound_routes(graph: Graph, bindings: HostBindings, view: OutboundView) -> Iterator[BoundRoutes]:
    """What is bound at one server: VirtualServices in the order they merge."""
    if _binding_count(graph, bindings) <= MERGE_CHUNK:
        yield from _routed(graph, _bound(graph, bindings, view.namespace), view)
    else:
        count = len(bound_in_order(graph, bindings, view.namespace))
        for first in range(0, count, MERGE_CHUNK):
            yield from bound_routes_chunk(graph, bindings, first, view)
    for host, binding in bindings:
        if binding.redirects_everybody or _keeps_host(graph, binding):
            yield BoundRoutes(
                gateway=binding.server_port.gateway,
                key=None,
                host=host,
                port=binding.server_port.port,
                redirects=binding.redirects_everybody,
                routes=NO_ROUTES,
                routed_at=binding.server_port,
            )


def _keeps_host(graph: Graph, binding: HostBinding) -> bool:
    """Whether requests for the host are the server's even where nothing is bound: by the
    specification they are answered 404, not by a listener with a wider hostname.
    """
    at = attached(graph, binding.listener) if binding.listener and binding.listed else None
    return at is not None and at.conformance is Conformance.SPECIFICATION


def _binding_count(graph: Graph, bindings: HostBindings) -> int:
    """About how many VirtualServices are bound."""
    return sum(len(bound_at(graph, (at.server_port.gateway, host))) for host, at in bindings)


@derived
def bound_in_order(graph: Graph, bindings: HostBindings, client: Namespace) -> tuple[Bound, ...]:
    """Where many are bound: runs again when one comes, goes or changes its place; a change of its
    routes stops here.
    """
    return _bound(graph, bindings, client)


@derived
def bound_routes_chunk(
    graph: Graph, bindings: HostBindings, first: int, view: OutboundView
) -> tuple[BoundRoutes, ...]:
    """Where many are bound: some of them, so that an edit of one reads one chunk, not all."""
    bound = bound_in_order(graph, bindings, view.namespace)
    return tuple(_routed(graph, bound[first : first + MERGE_CHUNK], view))


def _bound(graph: Graph, bindings: HostBindings, client: Namespace) -> tuple[Bound, ...]:
    ranked = (
        (order, key, Bound(key, host, binding))
        for host, binding in bindings
        for order, key in _admitted(graph, host, binding, client)
    )
    return tuple(bound for *_, bound in sorted(ranked, key=lambda found: found[0]))


def _routed(graph: Graph, bound: tuple[Bound, ...], view: OutboundView) -> Iterator[BoundRoutes]:
    for one in bound:
        at = one.binding.server_port
        found = _routes_of(graph, one, view)
        if found is not None:
            routes, routed_at = found
            yield BoundRoutes(
                gateway=at.gateway,
                key=one.key,
                host=one.host,
                port=at.port,
                redirects=one.binding.redirects,
                routes=routes,
                routed_at=routed_at,
            )


def _routes_of(
    graph: Graph, bound: Bound, view: OutboundView
) -> tuple[EncodedRoutes, ServerPort] | None:
    """Its routes; of a VirtualService, at the first server of the Gateway where it has any."""
    binding, key = bound.binding, bound.key
    if isinstance(key, RouteSet):
        at = binding.server_port
        found = encoded_set(graph, key, listener_port(graph, at, key.listener), view)
        return (found, at) if found is not None else None
    hosts = hosts_of_virtual_service(graph, key) if binding.earlier else ()
    for server_port in binding.server_ports(key.namespace, hosts):
        routes = encoded_routes(graph, key, server_port, view)
        if routes is not None:
            return routes, server_port
    return None


def listener_port(graph: Graph, at: ServerPort, listener: ListenerId) -> ListenerPort:
    """Where requests come in, as HTTP and gRPC routes see it."""
    found = attached(graph, listener)
    return ListenerPort(
        port=at.port,
        https=at.https,
        conformance=found.conformance if found is not None else Conformance.SPECIFICATION,
    )


def _admitted(
    graph: Graph, host: Host, binding: HostBinding, client: Namespace
) -> Iterator[tuple[MergeOrder, BoundKey]]:
    """What is bound at a host, with its merge order."""
    yield from _virtual_services(graph, host, binding, client)
    if binding.listener is not None:
        yield from _route_sets(graph, host, binding, binding.listener, client)


def _route_sets(
    graph: Graph, host: Host, binding: HostBinding, listener: ListenerId, client: Namespace
) -> Iterator[tuple[MergeOrder, RouteSet]]:
    """The routes that are attached with the host, or with a wider one that the listener narrows."""
    for bound in wider(host) if binding.listed else (host,):
        routes = RouteSet(listener, bound)
        order = set_order(graph, routes, client)
        if order is not None:
            yield order, routes


def _virtual_services(
    graph: Graph, host: Host, binding: HostBinding, client: Namespace
) -> Iterator[tuple[MergeOrder, VirtualServiceKey]]:
    gateway = binding.server_port.gateway
    keys = {key for key in bound_at(graph, (gateway, host)) if binding.admits_same(key.namespace)}
    if binding.listed:
        keys.update(
            key
            for wide in _wider_bound(graph, gateway, host)
            for key in bound_at(graph, (gateway, wide))
            if binding.admits_wider(key.namespace)
        )
    for key in keys:
        order = merge_order(graph, key, client)
        if order is not None:
            yield order, key


def _wider_bound(graph: Graph, gateway: str, host: Host) -> Iterator[Host]:
    yield from (wide for wide in wider(host) if wide != host)
    yield from (w for w in odd_wildcards(graph, gateway) if w != host and subset_of(host, w))
