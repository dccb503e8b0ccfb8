"""The clusters of a client and their endpoints: every service that its namespace sees.

A host's clusters are in the host's shard, so an edit of one service or rule costs a shard and a
join. Source: Istio ``pilot/pkg/networking/core/cluster.go``; a gateway gets all that it sees,
routed to or not.
"""

from collections.abc import Iterator
from collections.abc import Mapping

from controlplane.base.shelf import SHARDS
from controlplane.base.shelf import Shelf
from controlplane.base.shelf import shard_of
from controlplane.envoy.clusters.cluster import black_hole
from controlplane.envoy.resource import Resource
from controlplane.envoy.resource import TypeUrl
from controlplane.envoy.resource import resource
from controlplane.graph import Graph
from controlplane.graph import derived
from controlplane.model.cluster_name import BLACK_HOLE
from controlplane.model.outbound_view import ClientLocality
from controlplane.model.outbound_view import OutboundView
from controlplane.model.tls import SecretName
from controlplane.model.tls_upstream import SecretUse
from controlplane.queries.clusters import ANYWHERE
from controlplane.queries.clusters import Destination
from controlplane.queries.clusters import assignment
from controlplane.queries.clusters import cluster
from controlplane.queries.clusters import destinations
from controlplane.queries.clusters import locality_for
from controlplane.queries.clusters import secrets_of
from controlplane.queries.services import hosts_of_shard
from controlplane.queries.services import service_of


@derived
def mesh_tls_destinations(graph: Graph, view: OutboundView) -> tuple[Destination, ...]:
    """The destinations that AUTO_PASSTHROUGH servers lead to, by SNI; runs again when one comes or
    goes.
    """
    return tuple(d for i in range(SHARDS) for d in _mesh_tls_of_shard(graph, view, i))


@derived
def clusters(graph: Graph, view: OutboundView, client: ClientLocality) -> Shelf[Resource]:
    """Every cluster of a view, by name. Runs again when one of a shard's changes; joins 256 of
    them.
    """
    return Shelf(tuple(_clusters_of_shard(graph, view, client, i) for i in range(SHARDS)))


@derived
def endpoints(graph: Graph, view: OutboundView, client: ClientLocality) -> Shelf[Resource]:
    """The endpoints of every cluster that is told them by EDS, by the name of the cluster."""
    return Shelf(tuple(_assignments_of_shard(graph, view, client, i) for i in range(SHARDS)))


@derived
def cluster_secrets(graph: Graph, view: OutboundView) -> frozenset[tuple[SecretUse, SecretName]]:
    """The secrets that the clusters of a view name: for what, and ``kubernetes://name``.

    Runs again when the names in a shard change, not when a policy does.
    """
    return frozenset().union(*(_secrets_of_shard(graph, view, i) for i in range(SHARDS)))


@derived
def _clusters_of_shard(
    graph: Graph, view: OutboundView, client: ClientLocality, shard: int
) -> Mapping[str, Resource]:
    """Runs again when a cluster of one of the shard's hosts comes, goes or changes."""
    made = (
        cluster(graph, destination, _locality_in_cluster(graph, destination, client))
        for destination in _of_shard(graph, view, shard)
    )
    found = {resource.name: resource for resource in made if resource is not None}
    if shard == shard_of(BLACK_HOLE):
        found[BLACK_HOLE] = resource(TypeUrl.CLUSTER, BLACK_HOLE, black_hole())
    return found


@derived
def _assignments_of_shard(
    graph: Graph, view: OutboundView, client: ClientLocality, shard: int
) -> Mapping[str, Resource]:
    """Runs again when the endpoints of one of the shard's hosts change, or are ranked otherwise."""
    made = (
        assignment(graph, destination, locality_for(graph, destination, client))
        for destination in _of_shard(graph, view, shard)
    )
    return {resource.name: resource for resource in made if resource is not None}


@derived
def _secrets_of_shard(
    graph: Graph, view: OutboundView, shard: int
) -> frozenset[tuple[SecretUse, SecretName]]:
    return frozenset(
        named
        for destination in _of_shard(graph, view, shard)
        for named in secrets_of(graph, destination)
    )


@derived
def _mesh_tls_of_shard(graph: Graph, view: OutboundView, shard: int) -> tuple[Destination, ...]:
    return tuple(d for d in _of_shard(graph, view, shard) if d.is_indicated)


def _of_shard(graph: Graph, view: OutboundView, shard: int) -> Iterator[Destination]:
    for host in hosts_of_shard(graph, shard):
        yield from destinations(graph, host, view)


def _locality_in_cluster(
    graph: Graph, destination: Destination, client: ClientLocality
) -> ClientLocality:
    """Only a cluster that holds its endpoints itself differs by where the client is."""
    found = service_of(graph, destination.host, destination.namespace)
    if found is None or not found.resolution.is_looked_up:
        return ANYWHERE
    return locality_for(graph, destination, client)
