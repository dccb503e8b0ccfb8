"""The clusters of a sidecar for calls to what is in no service."""

from collections.abc import Iterator, Mapping
from typing import Final

from controlplane.base.shelf import shard_of
from controlplane.envoy.clusters.cluster import cluster_message
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.graph import Graph, guarded
from controlplane.model.cluster import Cluster
from controlplane.model.cluster_name import ANY_DYNAMIC_DNS, BLACK_HOLE, PASSTHROUGH
from controlplane.model.egress import LookUp
from controlplane.model.outbound_view import OutboundView
from controlplane.model.proxy import IpFamily
from controlplane.model.traffic_policy import ConnectionPool
from controlplane.queries.clusters.clusters import mesh_defaults
from controlplane.queries.policy.policies import mesh_policy
from controlplane.queries.registry.egress import unknown_traffic
from controlplane.translate import special_clusters as translated

_SHARDS: Final = frozenset(map(shard_of, (BLACK_HOLE, PASSTHROUGH, ANY_DYNAMIC_DNS)))


def special_clusters(graph: Graph, view: OutboundView, shard: int) -> Mapping[str, Resource]:
    """Those of a shard. A cluster that looks up the host of requests is only where it is wanted."""
    return {
        name: special_cluster(graph, name, view.families)
        for name in special_clusters_of(graph, view)
        if shard == shard_of(name)
    }


def has_special_clusters(shard: int) -> bool:
    """Whether a shard may have one, or the cluster for requests without a destination."""
    return shard in _SHARDS


def special_clusters_of(graph: Graph, view: OutboundView) -> Iterator[str]:
    """The names of all of a view; gateways have none."""
    if not view.role.captures_connections:
        return
    yield PASSTHROUGH
    if isinstance(unknown_traffic(graph, view.scope), LookUp):
        yield ANY_DYNAMIC_DNS


@guarded
def special_cluster(graph: Graph, name: str, families: tuple[IpFamily, ...]) -> Resource:
    """Runs again when what the mesh says of every cluster changes."""
    pool = mesh_policy(graph).pool or ConnectionPool()
    return resource(TypeUrl.CLUSTER, name, cluster_message(_made(graph, name, pool, families)))


def _made(graph: Graph, name: str, pool: ConnectionPool, families: tuple[IpFamily, ...]) -> Cluster:
    if name == ANY_DYNAMIC_DNS:
        return translated.any_dynamic_dns(pool, mesh_defaults(graph), families)
    return translated.passthrough(pool, mesh_defaults(graph))
