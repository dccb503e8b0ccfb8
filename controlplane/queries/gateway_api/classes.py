"""Which GatewayClasses are served here.

Source: Istio ``pilot/pkg/config/kube/gatewaycommon/gatewayclass_collection.go``.
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.gateway import KubernetesGatewayKey
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS, GatewayClassKey
from controlplane.model.gateway_api import (
    CLASS,
    CONTROLLER,
    ISTIO_CLASS,
    ISTIO_CONTROLLER,
    Conformance,
)
from controlplane.queries.inputs.objects import object_of

CONTROLLERS: Final[Mapping[str, Conformance]] = {
    ISTIO_CONTROLLER: Conformance.ISTIO,
    CONTROLLER: Conformance.SPECIFICATION,
}
NAMES: Final = {conformance: name for name, conformance in CONTROLLERS.items()}
"""The controllers that statuses name."""
BUILT_IN: Final[Mapping[str, str]] = {ISTIO_CLASS: ISTIO_CONTROLLER, CLASS: CONTROLLER}
"""Classes that need not be declared, with their controllers."""


@guarded(first="")
def controller_of(graph: Graph, key: GatewayClassKey) -> str:
    """The controller of a class; ``""`` where nothing declares it. Runs again when its GatewayClass
    changes.
    """
    declared = object_of(graph, key)
    if declared is not None:
        return declared.spec.controller_name
    return BUILT_IN.get(key.name, "")


def class_conformance(graph: Graph, class_name: str) -> Conformance | None:
    """Whose answers Gateways of a class give; ``None`` where they are served elsewhere."""
    key = ObjectKey(GATEWAY_CLASS, Namespace(""), class_name)
    return CONTROLLERS.get(controller_of(graph, key))


@derived
def gateway_conformance(graph: Graph, key: KubernetesGatewayKey) -> Conformance | None:
    """Whose answers a Gateway gives; ``None`` where it is not served here."""
    gateway = object_of(graph, key)
    return class_conformance(graph, gateway.spec.gateway_class_name) if gateway else None
