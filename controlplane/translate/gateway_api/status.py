"""What the status of Gateways, ListenerSets and GatewayClasses says, without times and generations.

Source: https://gateway-api.sigs.k8s.io/reference/spec/
"""

from dataclasses import dataclass

from controlplane.base.names import Kind
from controlplane.model.gateway_api import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerStatus:
    """``kinds`` are those of routes that may attach; ``attached_routes`` says how many do."""

    name: str
    kinds: tuple[Kind, ...]
    attached_routes: int
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerStatus, ...] = ()
    attached_listener_sets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSetStatus:
    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayClassStatus:
    """``supported_features`` are the names that conformance tests go by, sorted."""

    conditions: tuple[Condition, ...]
    supported_features: tuple[str, ...] = ()
