"""Which VirtualServices are bound to the servers of a route table at a host, in which order, and
the routes of each there.

Source: Istio ``pilot/pkg/networking/core/gateway.go`` (``buildGatewayHTTPRouteConfig``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import subset_of, wider
from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.virtual_service import VirtualServiceKey
from controlplane.model.outbound_view import OutboundView
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
from controlplane.translate.istio.server_hosts import HostBinding, ServerPort

HostBindings = tuple[tuple[Host, HostBinding], ...]
"""What one server admits to a host, for each spelling of it."""
MERGE_CHUNK: Final = 32  # VirtualServices at one host that are looked at together


@dataclass(frozen=True, slots=True)
class BoundVirtualService:
    """A VirtualService bound to a server at ``host``, and the binding."""

    key: VirtualServiceKey
    host: Host
    binding: HostBinding


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundRoutes:
    """What a virtual host is made of: the routes of a VirtualService bound to a server there, or,
    without one, a server that redirects all requests to HTTPS. ``routed_at`` is the server whose
    port and gateway its matches are compared with.
    """

    gateway: str
    virtual_service: VirtualServiceKey | None
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
        count = len(bound_virtual_services(graph, bindings, view.namespace))
        for first in range(0, count, MERGE_CHUNK):
            yield from bound_routes_chunk(graph, bindings, first, view)
    for host, binding in bindings:
        if binding.redirects_everybody:
            yield BoundRoutes(
                gateway=binding.server_port.gateway,
                virtual_service=None,
                host=host,
                port=binding.server_port.port,
                redirects=True,
                routes=NO_ROUTES,
                routed_at=binding.server_port,
            )


def _binding_count(graph: Graph, bindings: HostBindings) -> int:
    """About how many VirtualServices are bound."""
    return sum(len(bound_at(graph, (at.server_port.gateway, host))) for host, at in bindings)


@derived
def bound_virtual_services(
    graph: Graph, bindings: HostBindings, client: Namespace
) -> tuple[BoundVirtualService, ...]:
    """Where many are bound: runs again when one comes, goes or changes its place; a change of its
    routes stops here.
    """
    return _bound(graph, bindings, client)


@derived
def bound_routes_chunk(
    graph: Graph, bindings: HostBindings, first: int, view: OutboundView
) -> tuple[BoundRoutes, ...]:
    """Where many are bound: some of them, so that an edit of one reads one chunk, not all."""
    bound = bound_virtual_services(graph, bindings, view.namespace)
    return tuple(_routed(graph, bound[first : first + MERGE_CHUNK], view))


def _bound(
    graph: Graph, bindings: HostBindings, client: Namespace
) -> tuple[BoundVirtualService, ...]:
    ranked = (
        (order, key, BoundVirtualService(key, host, binding))
        for host, binding in bindings
        for order, key in _admitted(graph, host, binding, client)
    )
    return tuple(bound for *_, bound in sorted(ranked, key=lambda found: found[:2]))


def _routed(
    graph: Graph, bound: tuple[BoundVirtualService, ...], view: OutboundView
) -> Iterator[BoundRoutes]:
    for one in bound:
        at = one.binding.server_port
        found = _routes_of(graph, one, view)
        if found is not None:
            routes, routed_at = found
            yield BoundRoutes(
                gateway=at.gateway,
                virtual_service=one.key,
                host=one.host,
                port=at.port,
                redirects=one.binding.redirects,
                routes=routes,
                routed_at=routed_at,
            )


def _routes_of(
    graph: Graph, bound: BoundVirtualService, view: OutboundView
) -> tuple[EncodedRoutes, ServerPort] | None:
    """Its routes at the first server of the Gateway where it has any."""
    binding, key = bound.binding, bound.key
    hosts = hosts_of_virtual_service(graph, key) if binding.earlier else ()
    for server_port in binding.server_ports(key.namespace, hosts):
        routes = encoded_routes(graph, key, server_port, view)
        if routes is not None:
            return routes, server_port
    return None


def _admitted(
    graph: Graph, host: Host, binding: HostBinding, client: Namespace
) -> list[tuple[MergeOrder, VirtualServiceKey]]:
    """The VirtualServices bound at a host, with their merge order."""
    gateway = binding.server_port.gateway
    keys = {key for key in bound_at(graph, (gateway, host)) if binding.admits_same(key.namespace)}
    if binding.listed:
        keys.update(
            key
            for wide in _wider_bound(graph, gateway, host)
            for key in bound_at(graph, (gateway, wide))
            if binding.admits_wider(key.namespace)
        )
    return [(order, key) for key in keys if (order := merge_order(graph, key, client)) is not None]


def _wider_bound(graph: Graph, gateway: str, host: Host) -> Iterator[Host]:
    yield from (wide for wide in wider(host) if wide != host)
    yield from (w for w in odd_wildcards(graph, gateway) if w != host and subset_of(host, w))
