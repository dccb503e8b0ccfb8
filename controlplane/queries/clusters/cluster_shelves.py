"""The clusters of a client and their endpoints: every service that its namespace sees.

A host's clusters are in the host's shard, so an edit of one service or rule costs a shard and a
join. Source: Istio ``pilot/pkg/networking/core/cluster.go``; a gateway gets all that it sees,
whether routes use it or not.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from itertools import chain
from operator import or_
from types import MappingProxyType
from typing import Final

from controlplane.base.shelf import GROUP, GROUPS, SHARDS, Shelf, shard_of
from controlplane.envoy.clusters.cluster import black_hole
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.graph import Graph, derived, guarded
from controlplane.model.cluster_name import BLACK_HOLE
from controlplane.model.outbound_view import ANYWHERE, ClientLocality, LocalityUse, OutboundView
from controlplane.model.tls import SecretName
from controlplane.model.tls_upstream import SecretUse
from controlplane.queries.clusters.clusters import (
    ClusterKey,
    assignment,
    cluster,
    cluster_keys,
    locality_use_of,
    mesh_defaults,
    secrets_of,
)
from controlplane.queries.clusters.datagram_clusters import (
    datagram_assignments,
    datagram_clusters,
)
from controlplane.queries.clusters.special_clusters import (
    has_special_clusters,
    special_clusters,
    special_secrets,
)
from controlplane.queries.policy.public_view import own_shards, view_for_shard
from controlplane.queries.registry.imported import hosts_in_view, is_unused
from controlplane.queries.registry.services import service_of

_EMPTY: Final[Mapping[str, Resource]] = MappingProxyType({})


@guarded(first=())
def sni_dnat_destinations(graph: Graph, view: OutboundView) -> tuple[ClusterKey, ...]:
    """The destinations that AUTO_PASSTHROUGH servers lead to, by SNI; runs again when one comes or
    goes.
    """
    return tuple(
        destination
        for shard in range(SHARDS)
        for destination in _sni_dnat_of_shard(graph, view_for_shard(graph, view, shard), shard)
    )


def clusters(graph: Graph, view: OutboundView, client: ClientLocality) -> Shelf[Resource]:
    """Every cluster of a view, by name.

    Runs again when one of a shard's changes.
    """
    return _shelf(graph, TypeUrl.CLUSTER, view, client)


def endpoints(graph: Graph, view: OutboundView, client: ClientLocality) -> Shelf[Resource]:
    """The endpoints of every EDS cluster, by the name of the cluster."""
    return _shelf(graph, TypeUrl.ENDPOINT, view, client)


@derived
def _shelf(
    graph: Graph, kind: TypeUrl, view: OutboundView, client: ClientLocality
) -> Shelf[Resource]:
    """What is public, with the view's own shards laid over."""
    if view.is_public:
        groups = (_of_group(graph, kind, view, client, first) for first in GROUPS)
        return Shelf(tuple(chain.from_iterable(groups)))
    public = _shelf(graph, kind, view.public, _in_public(graph, view, client))
    return public.over(_own(graph, kind, view, client))


@derived
def _of_group(
    graph: Graph, kind: TypeUrl, view: OutboundView, client: ClientLocality, first: int
) -> tuple[Mapping[str, Resource], ...]:
    """The shards of a group, so that an edit of one does not look at all."""
    shards = range(first, first + GROUP)
    return tuple(_in(graph, kind, view, client, shard) for shard in shards)


@derived
def _own(
    graph: Graph, kind: TypeUrl, view: OutboundView, client: ClientLocality
) -> Mapping[int, Mapping[str, Resource]]:
    """Separate from ``_shelf``, so that an edit of what is public reads none of these."""
    own = own_shards(graph, view)
    return {shard: _in(graph, kind, view, client, shard) for shard in own}


def _in(
    graph: Graph, kind: TypeUrl, view: OutboundView, client: ClientLocality, shard: int
) -> Mapping[str, Resource]:
    if kind is TypeUrl.CLUSTER:
        is_empty = is_unused(graph, view, shard) and not has_special_clusters(shard)
        found = clusters_of_shard
    else:
        is_empty, found = is_unused(graph, view, shard), endpoints_of_shard
    return _EMPTY if is_empty else found(graph, view, _in_shard(graph, view, client, shard), shard)


@guarded(first=LocalityUse())
def locality_use(graph: Graph, view: OutboundView) -> LocalityUse:
    """What of a client's place some cluster of a view uses; mostly nothing.

    Runs again when a destination comes or goes, or ranks its endpoints otherwise.
    """
    if view.is_public:
        return _united(_use_of_group(graph, view, first) for first in GROUPS)
    own = own_shards(graph, view)
    public = locality_use(graph, view.public)
    return _united((public, *(_use_in(graph, view, shard) for shard in own)))


@derived
def _use_of_group(graph: Graph, view: OutboundView, first: int) -> LocalityUse:
    return _united(_use_in(graph, view, shard) for shard in range(first, first + GROUP))


def _use_in(graph: Graph, view: OutboundView, shard: int) -> LocalityUse:
    return LocalityUse() if is_unused(graph, view, shard) else _use_of_shard(graph, view, shard)


def _united(uses: Iterable[LocalityUse]) -> LocalityUse:
    return reduce(or_, uses, LocalityUse())


@guarded(first=frozenset())
def cluster_secrets(graph: Graph, view: OutboundView) -> frozenset[tuple[SecretUse, SecretName]]:
    """The secrets that the clusters of a view name: for what, and ``kubernetes://name``.

    Runs again when the names in a shard change, not when a policy does.
    """
    return frozenset().union(*_secrets_by_shard(graph, view).values())


@derived
def _secrets_by_shard(
    graph: Graph, view: OutboundView
) -> Mapping[int, frozenset[tuple[SecretUse, SecretName]]]:
    """The shards with clusters that name secrets, which are few."""
    found: dict[int, frozenset[tuple[SecretUse, SecretName]]] = {}
    if view.is_public:
        for first in GROUPS:
            found |= _secrets_of_group(graph, view, first)
    else:
        own = own_shards(graph, view)
        found |= _secrets_by_shard(graph, view.public)
        found |= {shard: _secrets_in(graph, view, shard) for shard in own}
    return {shard: named for shard, named in found.items() if named}


@derived
def _secrets_of_group(
    graph: Graph, view: OutboundView, first: int
) -> Mapping[int, frozenset[tuple[SecretUse, SecretName]]]:
    found = {s: _secrets_in(graph, view, s) for s in range(first, first + GROUP)}
    return {shard: named for shard, named in found.items() if named}


def _secrets_in(
    graph: Graph, view: OutboundView, shard: int
) -> frozenset[tuple[SecretUse, SecretName]]:
    if is_unused(graph, view, shard) and not has_special_clusters(shard):
        return frozenset()
    return secrets_of_shard(graph, view, shard)


def _in_shard(
    graph: Graph, view: OutboundView, client: ClientLocality, shard: int
) -> ClientLocality:
    return client if client == ANYWHERE else client.only(_use_in(graph, view, shard))


def _in_public(graph: Graph, view: OutboundView, client: ClientLocality) -> ClientLocality:
    return client if client == ANYWHERE else client.only(locality_use(graph, view.public))


@guarded(first=MappingProxyType({}))
def clusters_of_shard(
    graph: Graph, view: OutboundView, client: ClientLocality, shard: int
) -> Mapping[str, Resource]:
    """The clusters of the shard's hosts for exactly this view and client.

    Runs again when a cluster of one of the shard's hosts comes, goes or changes.
    """
    made = (
        cluster(graph, destination, _locality_in_cluster(graph, destination, client))
        for destination in _of_shard(graph, view, shard)
    )
    found = {resource.name: resource for resource in made if resource is not None}
    if shard == shard_of(BLACK_HOLE):
        found[BLACK_HOLE] = resource(
            TypeUrl.CLUSTER, BLACK_HOLE, black_hole(is_measured=mesh_defaults(graph).measures_calls)
        )
    special = special_clusters(graph, view, shard)
    return {**found, **special, **datagram_clusters(graph, view, shard)}


@guarded(first=MappingProxyType({}))
def endpoints_of_shard(
    graph: Graph, view: OutboundView, client: ClientLocality, shard: int
) -> Mapping[str, Resource]:
    """The endpoints of the shard's hosts for exactly this view and client.

    Runs again when the endpoints of one of the shard's hosts change, or are ranked otherwise.
    """
    made = (
        assignment(graph, destination, client.only(locality_use_of(graph, destination)))
        for destination in _of_shard(graph, view, shard)
    )
    found = {resource.name: resource for resource in made if resource is not None}
    return {**found, **datagram_assignments(graph, view, shard)}


@guarded(first=LocalityUse())
def _use_of_shard(graph: Graph, view: OutboundView, shard: int) -> LocalityUse:
    return _united(locality_use_of(graph, each) for each in _of_shard(graph, view, shard))


@guarded(first=frozenset())
def secrets_of_shard(
    graph: Graph, view: OutboundView, shard: int
) -> frozenset[tuple[SecretUse, SecretName]]:
    of_services = (
        named
        for destination in _of_shard(graph, view, shard)
        for named in secrets_of(graph, destination)
    )
    return special_secrets(graph, view, shard).union(of_services)


@guarded(first=())
def _sni_dnat_of_shard(graph: Graph, view: OutboundView, shard: int) -> tuple[ClusterKey, ...]:
    return tuple(d for d in _of_shard(graph, view, shard) if d.is_sni_dnat)


def _of_shard(graph: Graph, view: OutboundView, shard: int) -> Iterator[ClusterKey]:
    for host in hosts_in_view(graph, view, shard):
        yield from cluster_keys(graph, host, view)


def _locality_in_cluster(
    graph: Graph, destination: ClusterKey, client: ClientLocality
) -> ClientLocality:
    """Only a cluster that holds its endpoints itself differs by where the client is."""
    found = service_of(graph, destination.host, destination.namespace)
    if found is None or not found.resolution.uses_dns:
        return ANYWHERE
    return client.only(locality_use_of(graph, destination))
