"""Which TCPRoutes and TLSRoutes are for the connections that sidecars take to a service.

A route in the service's namespace is for every caller, one in another namespace for the callers of
that namespace alone, to whom it comes first. They come in one order with VirtualServices, and where
they lead needs no grant.
Source: Istio ``pilot/pkg/config/kube/gateway/route_collections.go`` (``TCPRouteCollection``,
``TLSRouteCollection``), by which each becomes a VirtualService.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.hosts import is_wildcard, subset_of
from controlplane.base.names import Host, Namespace
from controlplane.graph import Graph, guarded
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE, TlsRoute
from controlplane.kinds.istio.selection import PortSelector
from controlplane.kinds.istio.virtual_service import Destination, RouteDestination
from controlplane.kinds.object import Object
from controlplane.model.egress import Imports
from controlplane.queries.gateway_api.attachment import StreamRoute, StreamRouteKey, route_age
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.policy.public_view import apart_for_host
from controlplane.queries.registry.mesh_parents import parent_hosts, routes_visibility
from controlplane.queries.registry.services import declarations_of_host
from controlplane.queries.routes.http_routes import routes_tier
from controlplane.queries.routes.virtual_services import MergeOrder
from controlplane.translate.gateway_api.backend_ref import backend_host
from controlplane.translate.gateway_api.mesh_route import (
    EVERY_PORT,
    ServiceKey,
    mesh_parent,
    parent_port,
)
from controlplane.translate.gateway_api.stream_route import stream_backends
from controlplane.translate.istio.mesh_streams import Caller, MeshStream
from controlplane.translate.istio.stream_routes import StreamRule

NOWHERE: Final = RouteDestination(
    destination=Destination(host="internal.cluster.local", port=PortSelector(number=65535))
)
"""A cluster that no proxy has: connections to it are closed. The name is Istio's."""


@index(TCP_ROUTE, TLS_ROUTE)
def stream_routes_of_service(
    route: Object[StreamRoute],
) -> Iterator[tuple[ServiceKey, StreamRouteKey]]:
    """The routes whose parent is a Service or ServiceEntry."""
    for ref in route.spec.parent_refs:
        parent = mesh_parent(ref, route.namespace)
        if parent is not None:
            yield parent, route.key


def stream_routes_naming(graph: Graph, host: Host) -> set[StreamRouteKey]:
    """The routes whose parent declares a host; as with HTTP, none where that is a wildcard."""
    if is_wildcard(host):
        return set()
    return {
        key
        for parent in declarations_of_host(graph, host)
        for key in stream_routes_of_service(graph, parent)
    }


def stream_routes_for(
    graph: Graph, host: Host, client: Namespace, imports: Imports
) -> Iterator[tuple[MergeOrder, StreamRouteKey]]:
    """The routes for connections of a client to ``host``, with their order."""
    for key in stream_routes_naming(graph, host):
        tier = routes_tier(graph, key.namespace, client)
        declaring = (parent.namespace for parent in declarations_of_host(graph, host))
        is_for = key.namespace == client or key.namespace in declaring
        if tier is not None and is_for and imports.admits_rules(key.namespace, (host,)):
            yield (tier, route_age(graph, key)[0], f"{key.name}~", key.namespace), key


def namespaces_apart(graph: Graph, host: Host) -> Iterator[Namespace]:
    """The namespaces for which routes for connections to ``host`` are others than for all."""
    for key in stream_routes_naming(graph, host):
        yield key.namespace
        yield from routes_visibility(graph, key.namespace).namespaces
        for to in _hosts_led_to(graph, key):
            yield from apart_for_host(graph, to)


@guarded(first=())
def _hosts_led_to(graph: Graph, key: StreamRouteKey) -> tuple[Host, ...]:
    declared = object_of(graph, key)
    if declared is None:
        return ()
    found = (backend_host(ref, key.namespace) for ref in stream_backends(declared).refs)
    return tuple(dict.fromkeys(host for host in found if host is not None))


@guarded(first=())
def routed_connections(
    graph: Graph, key: StreamRouteKey, host: Host, caller: Caller
) -> tuple[MeshStream, ...]:
    """What a route does with the connections of a caller to ``host``: nothing on a port that its
    parentRefs do not mean. Runs again when it changes, or a parent of it comes or goes.
    """
    declared = object_of(graph, key)
    if declared is None or not _is_for_port(graph, declared, host, caller):
        return ()
    backends = stream_backends(declared)
    names = _server_names(declared.spec, host) if isinstance(declared.spec, TlsRoute) else ()
    if isinstance(declared.spec, TlsRoute) and not names:
        return ()
    rule = StreamRule(
        place=backends.place,
        title=f"{key.name}.{key.namespace}",
        namespace=key.namespace,
        destinations=tuple(_destinations(declared)) or (NOWHERE,),
        server_names=names,
        claimed_names=names,
    )
    return (MeshStream(rule=rule, networks=None, is_last=key.kind == TCP_ROUTE),)


def _is_for_port(graph: Graph, route: Object[StreamRoute], host: Host, caller: Caller) -> bool:
    return any(
        parent_port(ref) in (EVERY_PORT, caller.port)
        for ref in route.spec.parent_refs
        if (parent := mesh_parent(ref, route.namespace)) is not None
        and host in parent_hosts(graph, parent)
    )


def _server_names(spec: TlsRoute, host: Host) -> tuple[str, ...]:
    """The names that a route takes; without any of its own, that of the service. Of several, those
    that the service's host is one of.
    """
    written = tuple(name.lower() for name in spec.hostnames)
    if not written:
        return (host.lower(),)
    if len(written) == 1:
        return written
    return tuple(sorted({name for name in written if subset_of(Host(host.lower()), Host(name))}))


def _destinations(route: Object[StreamRoute]) -> Iterator[RouteDestination]:
    refs = stream_backends(route).refs
    for ref in refs:
        host = backend_host(ref, route.namespace)
        weight = 0 if len(refs) == 1 else ref.weight
        if host is None:
            yield RouteDestination(destination=NOWHERE.destination, weight=weight)
            continue
        port = PortSelector(number=ref.port) if ref.port is not None else None
        yield RouteDestination(destination=Destination(host=host, port=port), weight=weight)
