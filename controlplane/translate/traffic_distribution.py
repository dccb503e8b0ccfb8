"""How close a service's traffic should stay, in the words that Services and ServiceEntries share.

Source: https://kubernetes.io/docs/concepts/services-networking/service/#traffic-distribution
"""

from collections.abc import Mapping
from typing import Final

from controlplane.model.service import TrafficDistribution

TRAFFIC_DISTRIBUTION: Final = "networking.istio.io/traffic-distribution"
_DISTRIBUTIONS: Final[Mapping[str, TrafficDistribution]] = {
    "preferclose": TrafficDistribution.ZONE,
    "prefersamezone": TrafficDistribution.ZONE,
    "prefersamenode": TrafficDistribution.NODE,
}


def traffic_distribution(*said: str | None) -> TrafficDistribution | None:
    """The first that is set decides; an unknown value asks for nothing."""
    word = next((word for word in said if word is not None), "")
    return _DISTRIBUTIONS.get(word.lower())
