"""UDPRoutes by what they attach to, and by where they lead.

Source: https://gateway-api.sigs.k8s.io/api-types/udproute/
"""

from collections.abc import Iterator
from functools import partial

from controlplane.base.names import Host, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE, UdpRoute, UdpRouteKey
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Conformance, ListenerId
from controlplane.queries.gateway_api.attachment import (
    listeners_of_route,
    parent_key,
    route_order,
)
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.gateway_api.backend_ref import backend_host
from controlplane.translate.gateway_api.stream_route import StreamBackends, stream_backends


@index(UDP_ROUTE)
def udp_routes_at(route: Object[UdpRoute]) -> Iterator[tuple[ObjectKey, UdpRouteKey]]:
    """The UDPRoutes with a parent."""
    for ref in route.spec.parent_refs:
        parent = parent_key(ref, route.namespace)
        if parent is not None:
            yield parent, route.key


@index(UDP_ROUTE)
def sent_datagrams(route: Object[UdpRoute]) -> Iterator[tuple[tuple[Host, int], UdpRouteKey]]:
    """The UDPRoutes that lead to a port of a host."""
    for ref in (ref for rule in route.spec.rules for ref in rule.backend_refs):
        host = backend_host(ref, route.namespace)
        if host is not None and ref.port is not None:
            yield (host, ref.port), route.key


@derived
def udp_route_of(graph: Graph, listener: ListenerId) -> UdpRouteKey | None:
    """The oldest UDPRoute that is attached to a listener: it alone gets what comes there."""
    keys = [
        key
        for key in udp_routes_at(graph, listener.parent)
        if listener in listeners_of_route(graph, key)
    ]
    oldest = partial(route_order, graph, conformance=Conformance.SPECIFICATION)
    return min(keys, key=oldest, default=None)


@derived
def udp_backends(graph: Graph, key: UdpRouteKey) -> StreamBackends | None:
    """The backends of a route that are to get anything; of several rules those of the first."""
    route = object_of(graph, key)
    return stream_backends(route) if route is not None else None
