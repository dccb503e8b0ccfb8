"""What the status of objects of the Gateway API says, without times and generations.

Source: https://gateway-api.sigs.k8s.io/reference/spec/
"""

from dataclasses import dataclass

from controlplane.base.names import Kind, ObjectKey, PortNumber
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.model.gateway_api import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerStatus:
    """``kinds`` are those of routes that may attach; ``attached_routes`` says how many do."""

    name: str
    port: PortNumber
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
    """Of a GatewayClass or an XMesh. ``supported_features`` are the names that conformance tests
    go by, sorted.
    """

    conditions: tuple[Condition, ...]
    supported_features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAncestor:
    """What a policy comes to for one ancestor: a Gateway, or its target itself for callers in the
    mesh. ``controller`` is the name of whoever says so.
    """

    ancestor: ObjectKey
    section_name: str = ""
    controller: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStatus:
    ancestors: tuple[PolicyAncestor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteParent:
    """What a route comes to at one of its parents; ``ref`` names it as the route does."""

    ref: ParentReference
    controller: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStatus:
    """``parents`` are in the order of the route's parentRefs, without those that are served
    elsewhere.
    """

    parents: tuple[RouteParent, ...] = ()


Status = GatewayClassStatus | GatewayStatus | ListenerSetStatus | PolicyStatus | RouteStatus
