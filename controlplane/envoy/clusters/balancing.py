"""How one of the endpoints is chosen.

Source: envoy/config/cluster/v3/cluster.proto (``LbPolicy``, ``CommonLbConfig``).
"""

from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster as ClusterMessage
from envoy.config.core.v3.base_pb2 import RuntimeDouble
from envoy.type.v3.percent_pb2 import Percent

from controlplane.envoy.optional import opt, uint64
from controlplane.model.cluster import (
    Cluster,
    Discovery,
    Dns,
    Eds,
    Fixed,
    LocalityWeighting,
    ZoneAwareness,
)
from controlplane.model.traffic_policy import (
    Balancer,
    LeastRequest,
    Maglev,
    Passthrough,
    Random,
    RingHash,
    RoundRobin,
    Warmup,
)

FIRST_PERCENT: Final = 10.0  # Istio, WarmupConfiguration.minimumPercent, default
AGGRESSION: Final = 1.0  # Istio, WarmupConfiguration.aggression, default


def lb_policy(where: Discovery, balancer: Balancer) -> "ClusterMessage.LbPolicy":
    if not isinstance(where, Eds | Dns | Fixed):
        return ClusterMessage.CLUSTER_PROVIDED
    match balancer:
        case LeastRequest() | Passthrough():
            return ClusterMessage.LEAST_REQUEST
        case RoundRobin():
            return ClusterMessage.ROUND_ROBIN
        case Random():
            return ClusterMessage.RANDOM
        case RingHash():
            return ClusterMessage.RING_HASH
        case Maglev():
            return ClusterMessage.MAGLEV


def ring_hash(balancer: Balancer) -> ClusterMessage.RingHashLbConfig | None:
    if not isinstance(balancer, RingHash) or balancer.minimum_size is None:
        return None
    return ClusterMessage.RingHashLbConfig(minimum_ring_size=uint64(balancer.minimum_size))


def maglev(balancer: Balancer) -> ClusterMessage.MaglevLbConfig | None:
    if not isinstance(balancer, Maglev) or balancer.table_size is None:
        return None
    return ClusterMessage.MaglevLbConfig(table_size=uint64(balancer.table_size))


def least_request(balancer: Balancer) -> ClusterMessage.LeastRequestLbConfig | None:
    if not isinstance(balancer, LeastRequest) or balancer.warmup is None:
        return None
    return ClusterMessage.LeastRequestLbConfig(slow_start_config=_slow_start(balancer.warmup))


def round_robin(balancer: Balancer) -> ClusterMessage.RoundRobinLbConfig | None:
    if not isinstance(balancer, RoundRobin) or balancer.warmup is None:
        return None
    return ClusterMessage.RoundRobinLbConfig(slow_start_config=_slow_start(balancer.warmup))


def common(cluster: Cluster) -> ClusterMessage.CommonLbConfig:
    """Unready endpoints are sent, so Envoy must never panic and use them, unless the user set a
    threshold.
    """
    healthy = cluster.outlier.min_health_percent if cluster.outlier is not None else 0
    weighting = cluster.weighting
    return ClusterMessage.CommonLbConfig(
        healthy_panic_threshold=Percent(value=healthy),
        zone_aware_lb_config=(
            _zone_aware(weighting) if isinstance(weighting, ZoneAwareness) else None
        ),
        locality_weighted_lb_config=(
            ClusterMessage.CommonLbConfig.LocalityWeightedLbConfig()
            if weighting is LocalityWeighting.BY_WEIGHT
            else None
        ),
    )


def _zone_aware(zones: ZoneAwareness) -> ClusterMessage.CommonLbConfig.ZoneAwareLbConfig:
    return ClusterMessage.CommonLbConfig.ZoneAwareLbConfig(
        routing_enabled=None if zones.is_enabled else Percent(value=0),
        min_cluster_size=opt(uint64, zones.min_cluster_size),
    )


def _slow_start(warmup: Warmup) -> ClusterMessage.SlowStartConfig:
    return ClusterMessage.SlowStartConfig(
        slow_start_window=warmup.window,
        aggression=RuntimeDouble(
            default_value=AGGRESSION if warmup.aggression is None else warmup.aggression,
            runtime_key="",
        ),
        min_weight_percent=Percent(
            value=FIRST_PERCENT if warmup.minimum_percent is None else warmup.minimum_percent
        ),
    )
