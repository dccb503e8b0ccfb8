"""The cluster of each UDPRoute with several backends, which are its localities, because Envoy
forwards the datagrams of a listener to one cluster.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#udproute
"""

from collections.abc import Iterator, Mapping
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace
from controlplane.base.provenance import Provenance
from controlplane.base.shelf import shard_of
from controlplane.envoy.clusters.cluster import cluster_message
from controlplane.envoy.endpoints import load_assignment
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.graph import Graph, guarded
from controlplane.kinds.gateway_api.common import BackendRef
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE, UdpRoute, UdpRouteKey
from controlplane.kinds.object import Object
from controlplane.model.cluster import Cluster, Eds, LocalityWeighting
from controlplane.model.cluster_name import datagrams
from controlplane.model.endpoint import Endpoint
from controlplane.model.locality import Group
from controlplane.model.outbound_view import OutboundView
from controlplane.model.proxy import Locality
from controlplane.model.traffic_policy import ConnectionPool, RoundRobin
from controlplane.queries.clusters.clusters import mesh_defaults
from controlplane.queries.gateway_api.backends import plain, unresolved
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.registry.endpoints import LocatedEndpoint, located_endpoints
from controlplane.queries.registry.services import declaring_namespaces
from controlplane.translate.gateway_api.backend_ref import backend_host, namespace_of
from controlplane.translate.gateway_api.stream_route import stream_backends

DISCARDED: Final = Endpoint(address="127.0.0.1", port=9)
"""Where the share of a backend goes that cannot take it: RFC 863's port, at which nothing listens
and whatever did would discard it.
"""


@index(UDP_ROUTE)
def udp_routes_of_shard(route: Object[UdpRoute]) -> Iterator[tuple[int, UdpRouteKey]]:
    if len(stream_backends(route).refs) > 1:
        yield shard_of(datagrams(route.namespace, route.name)), route.key


def datagram_clusters(graph: Graph, view: OutboundView, shard: int) -> Mapping[str, Resource]:
    """Those of a shard; every gateway has all of them, as it has those of all services."""
    made = (datagram_cluster(graph, key) for key in _routes(graph, view, shard))
    return {found.name: found for found in made if found is not None}


def datagram_assignments(graph: Graph, view: OutboundView, shard: int) -> Mapping[str, Resource]:
    """The endpoints of those of a shard."""
    made = (datagram_assignment(graph, key) for key in _routes(graph, view, shard))
    return {found.name: found for found in made if found is not None}


@guarded
def datagram_cluster(graph: Graph, key: UdpRouteKey) -> Resource | None:
    """Runs again when the route comes or goes, or the mesh's defaults change."""
    if object_of(graph, key) is None:
        return None
    made = Cluster(
        name=datagrams(key.namespace, key.name),
        origin=None,
        discovery=Eds(),
        balancer=RoundRobin(),
        pool=ConnectionPool(),
        connect_timeout=mesh_defaults(graph).connect_timeout,
        speaks_http=False,
        weighting=LocalityWeighting.BY_WEIGHT,
    )
    return resource(TypeUrl.CLUSTER, made.name, cluster_message(made))


@guarded
def datagram_assignment(graph: Graph, key: UdpRouteKey) -> Resource | None:
    """Runs again when the route, a grant for a backend of it or an endpoint of one changes."""
    if object_of(graph, key) is None:
        return None
    name = datagrams(key.namespace, key.name)
    groups = (
        Group(
            locality=Locality(sub_zone=str(i)),
            endpoints=tuple(endpoint for endpoint, _ in endpoints),
            weight=ref.weight,
        )
        for i, (ref, endpoints) in enumerate(_backends(graph, key))
    )
    return resource(TypeUrl.ENDPOINT, name, load_assignment(name, groups, is_measured=False))


def datagram_cluster_origins(graph: Graph, view: OutboundView, shard: int) -> Iterator[Provenance]:
    for key in _routes(graph, view, shard):
        at = FieldRef(key) / "spec" / "rules" / 0
        yield Provenance(name=datagrams(key.namespace, key.name), origins=(at,))


def datagram_endpoint_origins(graph: Graph, view: OutboundView, shard: int) -> Iterator[Provenance]:
    for key in _routes(graph, view, shard):
        parts = tuple(
            Provenance(name=f"{endpoint.address}:{endpoint.port}", origins=(at,))
            for _, endpoints in _backends(graph, key)
            for endpoint, at in endpoints
        )
        at = FieldRef(key) / "spec" / "rules" / 0
        yield Provenance(name=datagrams(key.namespace, key.name), origins=(at,), parts=parts)


def _routes(graph: Graph, view: OutboundView, shard: int) -> tuple[UdpRouteKey, ...]:
    return udp_routes_of_shard(graph, shard) if view.role.forwards_datagrams else ()


_Shares = Iterator[tuple[BackendRef, tuple[tuple[Endpoint, FieldRef], ...]]]


def _backends(graph: Graph, key: UdpRouteKey) -> _Shares:
    """Each backend with its endpoints, and where each comes from. A backend without any that is
    ready has one that takes nothing, so its share is dropped and not shared among the others.
    """
    route = object_of(graph, key)
    if route is None:
        return
    backends = stream_backends(route)
    for ref in backends.refs:
        located = _located(graph, key, ref)
        if any(found[0].is_ready for found in located):
            yield ref, tuple((found[0], FieldRef(found[1], found[2])) for found in located)
        else:
            yield ref, ((DISCARDED, backends.place),)


def _located(graph: Graph, key: UdpRouteKey, ref: BackendRef) -> tuple[LocatedEndpoint, ...]:
    host = backend_host(ref, key.namespace)
    if host is None or unresolved(graph, key.kind, key.namespace, plain(ref)) is not None:
        return ()
    where = _declaring(graph, host, namespace_of(ref, key.namespace))
    return located_endpoints(graph, host, where, ref.port or 0)


def _declaring(graph: Graph, host: Host, preferred: Namespace) -> Namespace:
    found = declaring_namespaces(graph, host)
    return preferred if preferred in found or not found else found[0]
