"""Which listeners routes attach to, and which routes are attached to a listener."""

from collections.abc import Iterator
from typing import Final

from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.base.shelf import shard_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE, GrpcRoute
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE, HttpRoute
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE, TcpRoute
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE, TlsRoute
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE, UdpRoute
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Conformance, ListenerId
from controlplane.queries.gateway_api.listeners import attached, gateway_of, parent_listeners
from controlplane.queries.gateway_api.namespaces import is_admitted
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.gateway_api import attachment as translate
from controlplane.translate.gateway_api.attachment import EVERY_HOST, Attachment

RequestRoute = HttpRoute | GrpcRoute
RequestRouteKey = ObjectKey[RequestRoute]
AnyRoute = RequestRoute | TlsRoute | TcpRoute | UdpRoute
RouteKey = ObjectKey[AnyRoute]
StreamRoute = TlsRoute | TcpRoute
StreamRouteKey = ObjectKey[StreamRoute]
RouteAge = tuple[str, str, str]
_PARENT_KINDS: Final = (KUBERNETES_GATEWAY, LISTENER_SET)


def parent_key(ref: ParentReference, namespace: Namespace) -> ObjectKey | None:
    """What a route in ``namespace`` attaches to; ``None`` where it is neither a Gateway nor a
    ListenerSet.
    """
    for kind in _PARENT_KINDS:
        if (ref.group, ref.kind) == (kind.group, kind.name):
            return ObjectKey(kind, Namespace(ref.namespace) or namespace, ref.name)
    return None


def route_hosts(route: Object[AnyRoute]) -> tuple[Host, ...]:
    """The hostnames of a route; ``*`` where it names none, or its kind has none."""
    if isinstance(route.spec, HttpRoute | GrpcRoute | TlsRoute):
        return tuple(dict.fromkeys(map(Host, route.spec.hostnames))) or EVERY_HOST
    return EVERY_HOST


def bindings(route: Object[AnyRoute]) -> Iterator[tuple[ObjectKey, Host]]:
    """Each parent that may have listeners, with each hostname."""
    refs = (parent_key(ref, route.namespace) for ref in route.spec.parent_refs)
    for parent in dict.fromkeys(key for key in refs if key is not None):
        for host in route_hosts(route):
            yield parent, host


@index(HTTP_ROUTE, GRPC_ROUTE)
def http_routes_at(
    route: Object[RequestRoute],
) -> Iterator[tuple[tuple[ObjectKey, Host], RequestRouteKey]]:
    """The HTTP and gRPC routes with a parent, by hostname."""
    for binding in bindings(route):
        yield binding, route.key


@index(HTTP_ROUTE, GRPC_ROUTE)
def hosts_of_http_routes(
    route: Object[RequestRoute],
) -> Iterator[tuple[tuple[ObjectKey, int], Host]]:
    """The hostnames of HTTP and gRPC routes with a parent, by shard."""
    for parent, host in bindings(route):
        yield (parent, shard_of(host.lower())), host


@index(HTTP_ROUTE, GRPC_ROUTE)
def shards_of_http_routes(route: Object[RequestRoute]) -> Iterator[tuple[ObjectKey, int]]:
    """The shards with hostnames of the HTTP and gRPC routes of a parent."""
    for parent, host in bindings(route):
        yield parent, shard_of(host.lower())


@index(TLS_ROUTE, TCP_ROUTE)
def stream_routes_at(route: Object[StreamRoute]) -> Iterator[tuple[ObjectKey, StreamRouteKey]]:
    """The TLS and TCP routes with a parent."""
    for parent, _ in bindings(route):
        yield parent, route.key


@index(HTTP_ROUTE, GRPC_ROUTE, TLS_ROUTE, TCP_ROUTE, UDP_ROUTE)
def routes_naming(route: Object[AnyRoute]) -> Iterator[tuple[ObjectKey, RouteKey]]:
    """The routes of all kinds with a parent."""
    for parent, _ in bindings(route):
        yield parent, route.key


@guarded
def attachment(graph: Graph, route: RouteKey, parent: int) -> Attachment | None:
    """What one parentRef of a route comes to; ``None`` where it names nothing that is served here.

    Runs again when the route, a listener of the parent or the labels of the namespace change; what
    does not affect where it attaches stops here.
    """
    declared = object_of(graph, route)
    if declared is None or parent >= len(declared.spec.parent_refs):
        return None
    ref = declared.spec.parent_refs[parent]
    key = parent_key(ref, declared.namespace)
    if key is None or gateway_of(graph, key) is None:
        return None
    return translate.attachment(
        ref,
        declared.kind,
        route_hosts(declared),
        parent_listeners(graph, key),
        is_admitted=lambda each: is_admitted(graph, each.namespaces, declared.namespace),
    )


@derived
def listeners_of_route(graph: Graph, route: RouteKey) -> frozenset[ListenerId]:
    """Every listener that a route attaches to; runs again when one of its attachments changes."""
    found = (attachment(graph, route, i) for i in range(parent_count(graph, route)))
    return frozenset(listener for each in found if each for listener in each.listeners)


@derived
def attached_routes(graph: Graph, listener: ListenerId) -> tuple[RouteKey, ...]:
    """The routes of all kinds that attach to a listener, sorted; also those that are not served
    there. Runs again when one of the parent's routes attaches otherwise.
    """
    named = routes_naming(graph, listener.parent)
    return tuple(key for key in named if listener in listeners_of_route(graph, key))


@derived
def parent_count(graph: Graph, route: RouteKey) -> int:
    declared = object_of(graph, route)
    return len(declared.spec.parent_refs) if declared is not None else 0


@derived
def http_routes_of(graph: Graph, listener: ListenerId, host: Host) -> tuple[RequestRouteKey, ...]:
    """The HTTP and gRPC routes that are attached to a listener with a hostname, by age, namespace
    and name. None where a sibling has the hostname: its requests are the sibling's alone.
    """
    keys = http_routes_at(graph, (listener.parent, host))
    at = attached(graph, listener) if keys else None
    if at is None or at.has_reserved(host):
        return ()
    found = [key for key in keys if listener in listeners_of_route(graph, key)]
    return tuple(sorted(found, key=lambda key: route_order(graph, key, at.conformance)))


def route_order(graph: Graph, route: RouteKey, conformance: Conformance) -> RouteAge:
    """Sort key of a route among those of its kind, oldest first. Ties break by namespace and name:
    with Istio by the name of the VirtualService that it makes, which goes on with a tilde, by the
    specification by both in one text.
    """
    created, namespace, name = route_age(graph, route)
    if conformance is Conformance.ISTIO:
        return created, namespace, f"{name}~"
    return created, f"{namespace}/{name}", ""


@derived
def route_age(graph: Graph, route: RouteKey) -> RouteAge:
    """When a route was created, its namespace, and its name."""
    declared = object_of(graph, route)
    return (declared.created if declared is not None else "", route.namespace, route.name)
