"""The names of the fields that ``status`` has, which no user writes but in a copy from a cluster.

Only names are looked at: the API server drops a status that is written, whatever its values.
"""

from typing import Final

from controlplane.kinds.served import StatusNames

_NONE: Final[StatusNames] = {}
_CONDITION: Final[StatusNames] = dict.fromkeys(
    ("type", "status", "reason", "message", "lastTransitionTime", "observedGeneration"), _NONE
)
_PARENT: Final[StatusNames] = dict.fromkeys(
    ("group", "kind", "namespace", "name", "sectionName", "port"), _NONE
)
_LISTENER: Final[StatusNames] = {
    "name": _NONE,
    "supportedKinds": {"group": _NONE, "kind": _NONE},
    "attachedRoutes": _NONE,
    "conditions": _CONDITION,
}
GATEWAY_STATUS: Final[StatusNames] = {
    "addresses": {"type": _NONE, "value": _NONE},
    "conditions": _CONDITION,
    "listeners": _LISTENER,
    "attachedListenerSets": _NONE,
}
LISTENER_SET_STATUS: Final[StatusNames] = {"conditions": _CONDITION, "listeners": _LISTENER}
CLASS_STATUS: Final[StatusNames] = {
    "conditions": _CONDITION,
    "supportedFeatures": {"name": _NONE},
}
"""Of a GatewayClass and an XMesh."""
ROUTE_STATUS: Final[StatusNames] = {
    "parents": {"parentRef": _PARENT, "controllerName": _NONE, "conditions": _CONDITION}
}
"""Of routes of all kinds, and of an XBackend."""
POLICY_STATUS: Final[StatusNames] = {
    "ancestors": {"ancestorRef": _PARENT, "controllerName": _NONE, "conditions": _CONDITION}
}
WITHOUT_STATUS: Final[StatusNames] = {}
"""Of a ReferenceGrant."""
