"""The status of an object of the Gateway API as Kubernetes would show it, field for field.

Source: https://gateway-api.sigs.k8s.io/reference/spec/ (``…Status``)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import assert_never

from controlplane.base.names import Kind
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.model.gateway_api import Condition
from controlplane.translate.gateway_api.status import (
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    ListenerStatus,
    PolicyAncestor,
    PolicyStatus,
    RouteParent,
    RouteStatus,
    Status,
)

Json = Mapping[str, object]
Stamp = Callable[[str, Condition], Json]
"""What is added to a condition, given what of the object it is about: ``""``, the name of a
listener, a parent. Generation and time.
"""


def nothing_added(_about: str, _condition: Condition) -> Json:
    return {}


def status_value(
    status: Status, stamp: Stamp = nothing_added, addresses: Iterable[Json] = ()
) -> Json:
    """``addresses`` are a Gateway's."""
    match status:
        case GatewayClassStatus():
            features = [{"name": name} for name in status.supported_features]
            return {
                "conditions": _conditions("", status.conditions, stamp),
                **_unless_empty(supportedFeatures=features),
            }
        case GatewayStatus():
            return {
                **_unless_empty(addresses=list(addresses)),
                "attachedListenerSets": status.attached_listener_sets,
                "conditions": _conditions("", status.conditions, stamp),
                "listeners": [_listener(each, stamp) for each in status.listeners],
            }
        case ListenerSetStatus():
            return {
                "conditions": _conditions("", status.conditions, stamp),
                "listeners": [_listener(each, stamp) for each in status.listeners],
            }
        case RouteStatus():
            return {"parents": [_parent(each, stamp) for each in status.parents]}
        case PolicyStatus():
            return {"ancestors": [_ancestor(each, stamp) for each in status.ancestors]}
    assert_never(status)


def _listener(listener: ListenerStatus, stamp: Stamp) -> Json:
    return {
        "attachedRoutes": listener.attached_routes,
        "conditions": _conditions(listener.name, listener.conditions, stamp),
        "name": listener.name,
        "supportedKinds": [_kind(kind) for kind in listener.kinds],
    }


def _kind(kind: Kind) -> Json:
    return {"group": kind.group, "kind": kind.name}


def _parent(parent: RouteParent, stamp: Stamp) -> Json:
    ref = reference(parent.ref)
    return {
        "conditions": _conditions(_about(ref), parent.conditions, stamp),
        "controllerName": parent.controller,
        "parentRef": ref,
    }


def _ancestor(ancestor: PolicyAncestor, stamp: Stamp) -> Json:
    key = ancestor.ancestor
    ref = reference(
        ParentReference(
            group=key.kind.group,
            kind=key.kind.name,
            namespace=key.namespace,
            name=key.name,
            section_name=ancestor.section_name,
        )
    )
    return {
        "ancestorRef": ref,
        "conditions": _conditions(_about(ref), ancestor.conditions, stamp),
        "controllerName": ancestor.controller,
    }


def _about(ref: Json) -> str:
    """A reference as the name of a condition's place."""
    return "/".join(f"{name}={ref[name]}" for name in sorted(ref))


def reference(ref: ParentReference) -> Json:
    """A parentRef as it is written, with the group and kind that it means."""
    optional = {
        "namespace": ref.namespace,
        "port": ref.port,
        "sectionName": ref.section_name,
    }
    named = {name: value for name, value in optional.items() if value}
    return {"group": ref.group, "kind": ref.kind, "name": ref.name, **named}


def _conditions(about: str, conditions: Iterable[Condition], stamp: Stamp) -> list[Json]:
    return [
        {
            **stamp(about, each),
            "message": each.message,
            "reason": each.reason,
            "status": each.status.value,
            "type": each.type,
        }
        for each in conditions
    ]


def _unless_empty(**fields: Sequence[Json]) -> Json:
    return {name: value for name, value in fields.items() if value}
