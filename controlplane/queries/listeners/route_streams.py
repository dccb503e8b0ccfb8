"""Where TLSRoutes and TCPRoutes of the Gateway API send connections.

Sources: https://gateway-api.sigs.k8s.io/api-types/tlsroute/, https://gateway-api.sigs.k8s.io/api-types/tcproute/
"""

from collections.abc import Iterator

from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.common import BackendRef
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.model.gateway_api import Conformance, ListenerId
from controlplane.model.outbound_view import OutboundView
from controlplane.queries.gateway_api.attachment import (
    StreamRouteKey,
    listeners_of_route,
    route_hosts,
    route_order,
    stream_routes_at,
)
from controlplane.queries.gateway_api.backends import plain, unresolved
from controlplane.queries.gateway_api.listeners import attached
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.destinations import destination_cluster
from controlplane.translate.gateway_api.backend_ref import UNKNOWN_CLUSTER, backend_host
from controlplane.translate.gateway_api.stream_route import (
    StreamBackends,
    routed_names,
    stream_backends,
)
from controlplane.translate.server import Server, TlsPassthrough

Weighted = tuple[str, int]
"""A cluster and its weight."""


@derived
def stream_routes_of(graph: Graph, listener: ListenerId) -> tuple[StreamRouteKey, ...]:
    """The TLS and TCP routes that are attached to a listener, the oldest first.

    Runs again when one attaches or detaches, or changes its age.
    """
    found = [
        key
        for key in stream_routes_at(graph, listener.parent)
        if listener in listeners_of_route(graph, key)
    ]
    at = attached(graph, listener) if found else None
    answers = at.conformance if at is not None else Conformance.SPECIFICATION
    return tuple(sorted(found, key=lambda key: route_order(graph, key, answers)))


@guarded(first=())
def names_of_route(graph: Graph, key: StreamRouteKey, listener: ListenerId) -> tuple[Host, ...]:
    """The server names that a TLSRoute gets from a listener."""
    declared, at = object_of(graph, key), attached(graph, listener)
    if declared is None or at is None:
        return ()
    return routed_names(route_hosts(declared), at)


@guarded
def backends_of_route(graph: Graph, key: StreamRouteKey) -> StreamBackends | None:
    """Where a route sends connections; runs again when its rules change."""
    declared = object_of(graph, key)
    return stream_backends(declared) if declared is not None else None


def names_taken(graph: Graph, key: StreamRouteKey, server: Server) -> Iterator[tuple[Host, ...]]:
    """The sets of server names that a route takes of a server, each for a chain of its own; an
    empty one is all of them.

    Istio's listeners that end TLS give everything to one route, whatever its hostnames are.
    """
    listener = server.listener
    assert listener is not None, "routes attach to listeners"
    if key.kind != TLS_ROUTE or (server.tls is not None and not by_name(graph, server)):
        yield ()
        return
    names = names_of_route(graph, key, listener)
    if isinstance(server.protocol, TlsPassthrough) and not by_name(graph, server):
        if names:
            yield names
    else:
        yield from ((name,) for name in names)


def by_name(graph: Graph, server: Server) -> bool:
    """Whether each server name is the oldest route's that has it, as the specification demands."""
    at = attached(graph, server.listener) if server.listener is not None else None
    return at is not None and at.conformance is Conformance.SPECIFICATION


def weighted_clusters(
    graph: Graph,
    view: OutboundView,
    key: StreamRouteKey,
    backends: StreamBackends,
    port: PortNumber,
) -> tuple[Weighted, ...]:
    """The clusters of a route's backends with their weights. Those of backends that are not
    resolved do not exist, so their share of the connections is closed.
    """
    if not backends.refs:
        return ((UNKNOWN_CLUSTER, 1),)
    return tuple((_cluster(graph, view, key, ref, port), ref.weight) for ref in backends.refs)


def first_host(key: StreamRouteKey, backends: StreamBackends) -> Host | None:
    """The host whose DestinationRule says how long connections last."""
    return backend_host(backends.refs[0], key.namespace) if backends.refs else None


def _cluster(
    graph: Graph, view: OutboundView, key: StreamRouteKey, ref: BackendRef, listened: PortNumber
) -> str:
    if unresolved(graph, key.kind, Namespace(key.namespace), plain(ref)) is not None:
        return UNKNOWN_CLUSTER
    host = backend_host(ref, key.namespace)
    assert host is not None, "what is resolved has a host"
    return destination_cluster(
        graph,
        client=view.namespace,
        owner=None,
        host=host,
        port=PortNumber(ref.port) if ref.port is not None else None,
        subset=None,
        listened=listened,
    ).name
