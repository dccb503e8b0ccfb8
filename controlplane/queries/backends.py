"""The clusters of a client and their endpoints: every service that its namespace sees.

A host's clusters are in the host's shard, so an edit of one service or rule costs a shard and a
join. Source: Istio ``pilot/pkg/networking/core/cluster.go``; a gateway gets all that it sees,
routed to or not.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from controlplane.base.hashing import hashed_once
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
from controlplane.model.locality import Vantage
from controlplane.model.proxy import Client
from controlplane.model.proxy import Labels
from controlplane.model.proxy import Role
from controlplane.model.server import PassMeshTls
from controlplane.model.tls import SecretName
from controlplane.model.tls_upstream import SecretUse
from controlplane.queries.clusters import ANYWHERE
from controlplane.queries.clusters import Destination
from controlplane.queries.clusters import Reach
from controlplane.queries.clusters import assignment
from controlplane.queries.clusters import cluster
from controlplane.queries.clusters import destinations
from controlplane.queries.clusters import secrets_of
from controlplane.queries.clusters import vantage_of
from controlplane.queries.gateways import gateway_servers
from controlplane.queries.gateways import selected_gateways
from controlplane.queries.rules import ranking_label_names
from controlplane.queries.rules import viewpoint
from controlplane.queries.services import hosts_of_shard
from controlplane.queries.services import service_of


@hashed_once
@dataclass(frozen=True, slots=True)
class Scope:
    """What of a client bears on its clusters; ``vantage`` bears on few of them."""

    reach: Reach
    vantage: Vantage
    _hash: int = field(default=0, init=False, repr=False, compare=False)


@derived
def scope(graph: Graph, client: Client) -> Scope:
    """Runs again when a rule that selects clients by label, or ranks endpoints by labels, comes or
    goes, or a Gateway of the client's.
    """
    ranking = ranking_label_names(graph)
    return Scope(
        reach(graph, client),
        Vantage(
            locality=client.locality,
            labels=tuple(pair for pair in client.labels if pair[0] in ranking),
        ),
    )


def reach(graph: Graph, client: Client) -> Reach:
    passes = client.role is Role.GATEWAY and passes_mesh_tls(graph, client.labels)
    seen_from = viewpoint(graph, client.namespace, client.labels)
    return Reach(seen_from, client.role, client.families, passes)


@derived
def passes_mesh_tls(graph: Graph, labels: Labels) -> bool:
    """Whether a Gateway for proxies with ``labels`` has an AUTO_PASSTHROUGH server."""
    return any(
        isinstance(server.service, PassMeshTls)
        for key in selected_gateways(graph, labels)
        for server in gateway_servers(graph, key)
    )


@derived
def mesh_tls_destinations(graph: Graph, client: Client) -> tuple[Destination, ...]:
    """The destinations that AUTO_PASSTHROUGH servers lead to, by SNI; runs again when one comes or
    goes.
    """
    seen = reach(graph, client)
    return tuple(d for i in range(SHARDS) for d in _mesh_tls_of_shard(graph, seen, i))


@derived
def clusters(graph: Graph, client: Client) -> Shelf[Resource]:
    """Every cluster of a client, by name. Runs again when one of a shard's changes; joins 256 of
    them.
    """
    return _clusters(graph, scope(graph, client))


@derived
def endpoints(graph: Graph, client: Client) -> Shelf[Resource]:
    """The endpoints of every cluster that is told them by EDS, by the name of the cluster."""
    return _assignments(graph, scope(graph, client))


@derived
def client_secrets(graph: Graph, client: Client) -> frozenset[tuple[SecretUse, SecretName]]:
    """The secrets that the client's clusters name: for what, and ``kubernetes://name``.

    Runs again when the names in a shard change, not when a policy does.
    """
    seen = reach(graph, client)
    return frozenset().union(*(_secrets_of_shard(graph, seen, i) for i in range(SHARDS)))


@derived
def _clusters(graph: Graph, seen: Scope) -> Shelf[Resource]:
    return Shelf(tuple(_clusters_of_shard(graph, seen, i) for i in range(SHARDS)))


@derived
def _assignments(graph: Graph, seen: Scope) -> Shelf[Resource]:
    return Shelf(tuple(_assignments_of_shard(graph, seen, i) for i in range(SHARDS)))


@derived
def _clusters_of_shard(graph: Graph, seen: Scope, shard: int) -> Mapping[str, Resource]:
    """Runs again when a cluster of one of the shard's hosts comes, goes or changes."""
    made = (
        cluster(graph, destination, _vantage_in_cluster(graph, destination, seen.vantage))
        for destination in _of_shard(graph, seen.reach, shard)
    )
    found = {resource.name: resource for resource in made if resource is not None}
    if shard == shard_of(BLACK_HOLE):
        found[BLACK_HOLE] = resource(TypeUrl.CLUSTER, BLACK_HOLE, black_hole())
    return found


@derived
def _assignments_of_shard(graph: Graph, seen: Scope, shard: int) -> Mapping[str, Resource]:
    """Runs again when the endpoints of one of the shard's hosts change, or are ranked otherwise."""
    made = (
        assignment(graph, destination, vantage_of(graph, destination, seen.vantage))
        for destination in _of_shard(graph, seen.reach, shard)
    )
    return {resource.name: resource for resource in made if resource is not None}


@derived
def _secrets_of_shard(
    graph: Graph, seen: Reach, shard: int
) -> frozenset[tuple[SecretUse, SecretName]]:
    return frozenset(
        named
        for destination in _of_shard(graph, seen, shard)
        for named in secrets_of(graph, destination)
    )


@derived
def _mesh_tls_of_shard(graph: Graph, seen: Reach, shard: int) -> tuple[Destination, ...]:
    return tuple(d for d in _of_shard(graph, seen, shard) if d.is_indicated)


def _of_shard(graph: Graph, seen: Reach, shard: int) -> Iterator[Destination]:
    for host in hosts_of_shard(graph, shard):
        yield from destinations(graph, host, seen)


def _vantage_in_cluster(graph: Graph, destination: Destination, client: Vantage) -> Vantage:
    """Only a cluster that holds its endpoints itself differs from vantage to vantage."""
    found = service_of(graph, destination.host, destination.namespace)
    if found is None or not found.resolution.is_looked_up:
        return ANYWHERE
    return vantage_of(graph, destination, client)
