"""``localityLbSetting`` and ``zoneAwareLbSetting`` become the model's locality policy.

Source: https://istio.io/latest/docs/reference/config/networking/destination-
rule/#LocalityLoadBalancerSetting
"""

from controlplane.kinds.istio.traffic_policy import LocalityLb, ZoneAwareLb
from controlplane.model.locality import (
    Distribute,
    Distribution,
    Failover,
    LocalityPolicy,
    NoPreference,
    ZoneAware,
)


def locality_policy(
    localities: LocalityLb | None, zones: ZoneAwareLb | None
) -> LocalityPolicy | None:
    """The policy that the user wrote; ``None`` where neither setting was."""
    if zones is not None:
        return ZoneAware(
            is_enabled=zones.enabled is not False,
            min_cluster_size=zones.min_cluster_size,
            failover=Failover(
                regions=tuple((f.from_, f.to) for f in zones.failover),
                labels=zones.failover_priority,
            ),
        )
    if localities is None:
        return None
    if localities.enabled is False:
        return NoPreference()
    if localities.distribute:
        return Distribute(
            tuple(
                Distribution(entry.from_, tuple(sorted(entry.to.items())))
                for entry in localities.distribute
            )
        )
    return Failover(
        regions=tuple((f.from_, f.to) for f in localities.failover),
        labels=localities.failover_priority,
    )
