"""Where UDPRoutes send the datagrams of a listener."""

from dataclasses import dataclass

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, PortNumber
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.common import BackendRef
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE
from controlplane.model.cluster_name import datagrams
from controlplane.model.gateway_api import ListenerId
from controlplane.queries.gateway_api.backends import plain, unresolved
from controlplane.queries.gateway_api.udp_routes import udp_backends, udp_route_of
from controlplane.queries.registry.destinations import destination_cluster
from controlplane.translate.gateway_api.backend_ref import UNKNOWN_CLUSTER, backend_host


@dataclass(frozen=True, slots=True)
class RoutedDatagrams:
    """The cluster that gets them all, and the rule that says so."""

    cluster: str
    place: FieldRef


@derived
def routed_datagrams(
    graph: Graph, client: Namespace, listener: ListenerId, port: PortNumber
) -> RoutedDatagrams | None:
    """Where everything goes that comes to a listener of UDP; ``None`` where no route is attached.
    What leads to a backend that is not resolved is dropped.

    Runs again when another UDPRoute is the oldest one, or its backend changes.
    """
    key = udp_route_of(graph, listener)
    backends = udp_backends(graph, key) if key is not None else None
    if key is None or backends is None:
        return None
    match backends.refs:
        case ():
            cluster = UNKNOWN_CLUSTER
        case (ref,):
            cluster = _cluster(graph, client, key.namespace, ref, port)
        case _:
            cluster = datagrams(key.namespace, key.name)
    return RoutedDatagrams(cluster, backends.place)


def _cluster(
    graph: Graph, client: Namespace, owner: Namespace, ref: BackendRef, listened: PortNumber
) -> str:
    host = backend_host(ref, owner)
    if host is None or unresolved(graph, UDP_ROUTE, owner, plain(ref)) is not None:
        return UNKNOWN_CLUSTER
    return destination_cluster(
        graph,
        client=client,
        owner=None,
        host=host,
        port=PortNumber(ref.port) if ref.port is not None else None,
        subset=None,
        listened=listened,
    ).name
