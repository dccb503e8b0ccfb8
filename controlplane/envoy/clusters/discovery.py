"""How Envoy finds the endpoints of a cluster: EDS, DNS, the original destination, the name in the
request.

Names are looked up every few seconds whatever their time to live: Docker answers with ten minutes,
and a container that moved would be lost for as long. Istio respects the time to live. Source:
envoy/config/cluster/v3/cluster.proto.
"""

from datetime import timedelta
from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster as ClusterMessage
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2 import ClusterConfig
from envoy.extensions.common.dynamic_forward_proxy.v3.dns_cache_pb2 import DnsCacheConfig
from envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2 import (
    CaresDnsResolverConfig,
)

from controlplane.envoy.clusters.protocol import extension_options, names_from_request
from controlplane.envoy.config_source import ads
from controlplane.envoy.endpoints import assignment_of_one, load_assignment as assignment
from controlplane.envoy.optional import uint32
from controlplane.envoy.packing import packed
from controlplane.model.cluster import (
    Cluster,
    Discovery,
    Dns,
    DynamicForwardProxy,
    Eds,
    Fixed,
    OriginalDestination,
)
from controlplane.model.proxy import IpFamily
from controlplane.model.tls_upstream import OnEveryEndpoint, Originate

FAILURE_REFRESH: Final = timedelta(seconds=1)
"""A name that is not known yet, such as that of a container which starts later, is asked for again
soon.
"""
JITTER: Final = timedelta(milliseconds=100)  # Istio, PILOT_DNS_JITTER_DURATION
NEVER: Final = timedelta(seconds=9_223_372_035)  # Istio, the longest that Envoy can count
QUERIES_PER_SOCKET: Final = 100  # Istio, PILOT_DNS_CARES_UDP_MAX_QUERIES: avoids stuck UDP channels


def discovery_type(where: Discovery) -> "ClusterMessage.DiscoveryType | None":
    match where:
        case Eds():
            return ClusterMessage.EDS
        case Dns():
            return ClusterMessage.LOGICAL_DNS if where.is_logical else ClusterMessage.STRICT_DNS
        case Fixed():
            return ClusterMessage.STATIC
        case OriginalDestination():
            return ClusterMessage.ORIGINAL_DST
        case DynamicForwardProxy():
            return None


def cluster_type(cluster: Cluster) -> ClusterMessage.CustomClusterType | None:
    where = cluster.discovery
    if not isinstance(where, DynamicForwardProxy):
        return None
    return ClusterMessage.CustomClusterType(
        name="envoy.clusters.dynamic_forward_proxy",
        typed_config=packed(
            ClusterConfig(
                dns_cache_config=dns_cache(where),
                allow_insecure_cluster_options=_needs_leave(cluster),
            )
        ),
    )


def dns_cache(where: DynamicForwardProxy) -> DnsCacheConfig:
    """The cache that cluster and filter share; Envoy refuses two of one name that differ."""
    return DnsCacheConfig(name=where.cache, dns_lookup_family=_family(where.families))


def eds_cluster_config(where: Discovery) -> ClusterMessage.EdsClusterConfig | None:
    """The endpoints are named as the cluster is."""
    return ClusterMessage.EdsClusterConfig(eds_config=ads()) if isinstance(where, Eds) else None


def load_assignment(
    name: str, where: Discovery, *, is_measured: bool
) -> ClusterLoadAssignment | None:
    match where:
        case Dns():
            return assignment(name, where.groups, is_measured=is_measured)
        case Fixed():
            return assignment_of_one(name, where.address, where.port)
        case _:
            return None


def cleanup_interval(where: Discovery) -> timedelta | None:
    if not isinstance(where, OriginalDestination) or not where.is_kept:
        return None
    return NEVER


def refresh_rate(where: Discovery) -> timedelta | None:
    return where.refresh if isinstance(where, Dns) else None


def jitter(where: Discovery) -> timedelta | None:
    return JITTER if isinstance(where, Dns) else None


def failure_refresh_rate(where: Discovery) -> ClusterMessage.RefreshRate | None:
    if not isinstance(where, Dns):
        return None
    return ClusterMessage.RefreshRate(
        base_interval=min(FAILURE_REFRESH, where.refresh), max_interval=where.refresh
    )


def lookup_family(where: Discovery) -> "ClusterMessage.DnsLookupFamily | None":
    if not isinstance(where, Dns):
        return None
    return ClusterMessage.ALL if where.first_connect_wins else _family(where.families)


def resolver(where: Discovery) -> TypedExtensionConfig | None:
    if not isinstance(where, Dns):
        return None
    return TypedExtensionConfig(
        name="envoy.network.dns_resolver.cares",
        typed_config=packed(CaresDnsResolverConfig(udp_max_queries=uint32(QUERIES_PER_SOCKET))),
    )


def original_destination(where: Discovery) -> ClusterMessage.OriginalDstLbConfig | None:
    if not isinstance(where, OriginalDestination) or where.port is None:
        return None
    return ClusterMessage.OriginalDstLbConfig(upstream_port_override=uint32(where.port))


def _family(families: tuple[IpFamily, ...]) -> "ClusterMessage.DnsLookupFamily":
    if families == (IpFamily.IPV4,):
        return ClusterMessage.V4_ONLY
    if families == (IpFamily.IPV6,):
        return ClusterMessage.V6_ONLY
    return ClusterMessage.ALL


def _needs_leave(cluster: Cluster) -> bool:
    """Whether Envoy wants it confirmed that TLS, or its absence, does not follow the name in the
    request: also of a cluster that has options of HTTP for another reason.
    """
    return _has_fixed_names(cluster) or (
        names_from_request(cluster) is None and bool(extension_options(cluster))
    )


def _has_fixed_names(cluster: Cluster) -> bool:
    tls = cluster.tls
    if not isinstance(tls, OnEveryEndpoint):
        return False
    return not isinstance(tls.tls, Originate) or not tls.tls.proves_host
