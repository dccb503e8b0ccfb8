"""The clusters of a sidecar for calls to what is in no service."""

from collections.abc import Iterator, Mapping
from typing import Final

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.shelf import shard_of
from controlplane.envoy.clusters.cluster import cluster_message
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.model.cluster import Cluster
from controlplane.model.cluster_name import ANY_DYNAMIC_DNS, BLACK_HOLE, PASSTHROUGH
from controlplane.model.egress import LookUp
from controlplane.model.outbound_view import OutboundView
from controlplane.model.proxy import IpFamily
from controlplane.model.tls import SecretName, files_of
from controlplane.model.tls_upstream import Originate, SecretUse, secrets_named
from controlplane.model.traffic_policy import ConnectionPool
from controlplane.queries.clusters.clusters import defaults_of
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.policies import mesh_policy
from controlplane.queries.registry.egress import unknown_traffic
from controlplane.translate import special_clusters as translated
from controlplane.translate.cluster_inputs import MeshDefaults
from controlplane.translate.istio.client_tls import client_tls

_SHARDS: Final = frozenset(map(shard_of, (BLACK_HOLE, PASSTHROUGH, ANY_DYNAMIC_DNS)))


def special_clusters(graph: Graph, view: OutboundView, shard: int) -> Mapping[str, Resource]:
    """Those of a shard. A cluster that looks up the host of requests is only where it is wanted."""
    return {
        name: special_cluster(graph, name, view.families, view.keeps_header_case)
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
def special_cluster(
    graph: Graph, name: str, families: tuple[IpFamily, ...], keeps_case: bool | None
) -> Resource:
    """Runs again when what the mesh says of every cluster changes."""
    pool = mesh_policy(graph).pool or ConnectionPool()
    defaults = defaults_of(graph, keeps_case)
    made = _made(graph, defaults, name, pool, families)
    return resource(TypeUrl.CLUSTER, name, cluster_message(made))


def _made(
    graph: Graph,
    defaults: MeshDefaults,
    name: str,
    pool: ConnectionPool,
    families: tuple[IpFamily, ...],
) -> Cluster:
    if name == ANY_DYNAMIC_DNS:
        return translated.any_dynamic_dns(pool, defaults, families, unknown_tls(graph))
    return translated.passthrough(pool, defaults)


def unknown_tls(graph: Graph) -> Originate | None:
    """The TLS to hosts of which nothing is known but their name. Certificates in Secrets are for
    gateways, so with these it is plaintext, as with a rule for all sidecars of a namespace.
    """
    at = FieldRef(MESH_CONFIG_KEY, ("outboundTrafficPolicy", "tls"))
    found = client_tls(Report(), at, mesh_config(graph).outbound_traffic_policy.tls)
    if not isinstance(found, Originate):
        return None
    return found if all(files_of(name) for _, name in secrets_named(found)) else None


def special_secrets(
    graph: Graph, view: OutboundView, shard: int
) -> frozenset[tuple[SecretUse, SecretName]]:
    """The secrets that the special clusters of a shard name."""
    if shard != shard_of(ANY_DYNAMIC_DNS) or ANY_DYNAMIC_DNS not in special_clusters_of(
        graph, view
    ):
        return frozenset()
    return frozenset(secrets_named(unknown_tls(graph)))
