"""DestinationRule. Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import LabelSelector
from controlplane.kinds.istio.traffic_policy import TrafficPolicy
from controlplane.kinds.spec import Spec


class Subset(Spec, frozen=True):
    name: str = ""
    labels: Mapping[str, str] = {}
    traffic_policy: TrafficPolicy | None = None


class DestinationRule(Spec, frozen=True):
    host: str = ""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: LabelSelector | None = None


DESTINATION_RULE: Final[Kind[DestinationRule]] = Kind("networking.istio.io", "DestinationRule")
DestinationRuleKey = ObjectKey[DestinationRule]
