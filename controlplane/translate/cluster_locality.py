"""By which policy the endpoints of a cluster are ranked by where they are.

Source: Istio ``pilot/pkg/networking/core/cluster_traffic_policy.go``.
"""

from controlplane.model.cluster import LocalityWeighting, ZoneAwareness
from controlplane.model.locality import (
    NEAR_NODE,
    NEAR_ZONE,
    Distribute,
    Failover,
    LocalityPolicy,
    NoPreference,
    ZoneAware,
)
from controlplane.model.service import TrafficDistribution
from controlplane.translate.cluster_inputs import ClusterInputs, MeshDefaults


def locality_policy(inputs: ClusterInputs, mesh: MeshDefaults) -> LocalityPolicy | None:
    """The policy by which endpoints are ranked or weighted; ``None`` where localities mean nothing.

    Without outlier detection Envoy would never turn to the next priority, so there are none.
    """
    said = _locality_said(inputs, mesh)
    match said:
        case None | NoPreference():
            return None
        case Distribute():
            return said
        case Failover(is_forced=True):
            return said
        case Failover() | ZoneAware():
            return said if inputs.policy.outlier is not None else None


def weighting(inputs: ClusterInputs, mesh: MeshDefaults) -> LocalityWeighting | ZoneAwareness:
    said = _locality_said(inputs, mesh)
    if isinstance(said, ZoneAware):
        return ZoneAwareness(said.is_enabled, said.min_cluster_size)
    policy = locality_policy(inputs, mesh)
    is_ranked = isinstance(policy, Failover) and bool(policy.regions or policy.labels)
    if isinstance(policy, Distribute) or is_ranked:
        return LocalityWeighting.BY_WEIGHT
    return LocalityWeighting.NONE


def _locality_said(inputs: ClusterInputs, mesh: MeshDefaults) -> LocalityPolicy | None:
    balancer = inputs.policy.load_balancer
    if balancer is not None and balancer.locality is not None:
        return balancer.locality
    match inputs.service.traffic_distribution:
        case TrafficDistribution.ZONE:
            return NEAR_ZONE
        case TrafficDistribution.NODE:
            return NEAR_NODE
        case None:
            return mesh.locality
