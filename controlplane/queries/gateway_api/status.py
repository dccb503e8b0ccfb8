"""The status of Gateways, ListenerSets and GatewayClasses, without times and generations.

Each comes from the values that traffic is made of, so the two cannot disagree.
"""

from typing import Final

from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph, guarded
from controlplane.kinds.gateway_api.gateway import KubernetesGatewayKey
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS, GatewayClassKey
from controlplane.kinds.gateway_api.listener_set import ListenerSetKey
from controlplane.kinds.gateway_api.mesh import XMeshKey
from controlplane.model.gateway_api import CONTROLLER, ISTIO_CONTROLLER, ISTIO_MESH_CONTROLLER
from controlplane.queries.gateway_api.attachment import attached_routes
from controlplane.queries.gateway_api.classes import class_conformance, gateway_conformance
from controlplane.queries.gateway_api.faults import gateway_faults
from controlplane.queries.gateway_api.listeners import (
    accepted_sets,
    named_gateway,
    parent_listeners,
)
from controlplane.queries.gateway_api.tls_overlap import overlap
from controlplane.queries.inputs.objects import object_of
from controlplane.translate.gateway_api.conditions import ACCEPTED, met
from controlplane.translate.gateway_api.features import mesh_features, supported_features
from controlplane.translate.gateway_api.gateway_conditions import (
    gateway_conditions,
    is_programmed,
    listener_set_conditions,
    not_allowed,
)
from controlplane.translate.gateway_api.listener import AttachedListener
from controlplane.translate.gateway_api.status import (
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    ListenerStatus,
)

MESH_CONTROLLERS: Final = frozenset({CONTROLLER, ISTIO_CONTROLLER, ISTIO_MESH_CONTROLLER})
"""Those that carry out routes for calls: the mesh is one, whatever Gateways answer."""


@guarded
def gateway_status(graph: Graph, key: KubernetesGatewayKey) -> GatewayStatus | None:
    """The status of a Gateway; ``None`` where it is served elsewhere."""
    gateway, conformance = object_of(graph, key), gateway_conformance(graph, key)
    if gateway is None or conformance is None:
        return None
    faults = gateway_faults(graph, key)
    own = () if faults.prevents_all else parent_listeners(graph, key)
    return GatewayStatus(
        conditions=gateway_conditions(gateway.spec, own, faults, conformance),
        listeners=tuple(listener_status(graph, listener) for listener in own),
        attached_listener_sets=0 if faults.prevents_all else _attached_sets(graph, key),
    )


def _attached_sets(graph: Graph, key: KubernetesGatewayKey) -> int:
    """How many ListenerSets add a valid listener."""
    sets = accepted_sets(graph, key)
    return sum(any(map(is_programmed, parent_listeners(graph, each))) for each in sets)


@guarded
def listener_set_status(graph: Graph, key: ListenerSetKey) -> ListenerSetStatus | None:
    """The status of a ListenerSet; ``None`` where its Gateway is served elsewhere."""
    declared = object_of(graph, key)
    gateway = named_gateway(declared) if declared is not None else None
    conformance = gateway_conformance(graph, gateway) if gateway is not None else None
    if gateway is None or conformance is None:
        return None
    if key not in accepted_sets(graph, gateway):
        return ListenerSetStatus(conditions=not_allowed(gateway))
    faults = gateway_faults(graph, gateway)
    own = () if faults.prevents_all else parent_listeners(graph, key)
    return ListenerSetStatus(
        conditions=listener_set_conditions(own, faults, conformance),
        listeners=tuple(listener_status(graph, listener) for listener in own),
    )


@guarded
def gateway_class_status(graph: Graph, key: GatewayClassKey) -> GatewayClassStatus | None:
    """The status of a GatewayClass; ``None`` where another controller has it."""
    assert key == ObjectKey(GATEWAY_CLASS, Namespace(""), key.name), "classes have no namespace"
    conformance = class_conformance(graph, key.name)
    if conformance is None:
        return None
    return GatewayClassStatus(
        conditions=(met(ACCEPTED, message="Gateways of it are served"),),
        supported_features=supported_features(conformance),
    )


@guarded
def mesh_status(graph: Graph, key: XMeshKey) -> GatewayClassStatus | None:
    """The status of an XMesh; ``None`` where another controller has it."""
    declared = object_of(graph, key)
    if declared is None or declared.spec.controller_name not in MESH_CONTROLLERS:
        return None
    return GatewayClassStatus(
        conditions=(met(ACCEPTED, message="routes for calls are carried out here"),),
        supported_features=mesh_features(),
    )


def listener_status(graph: Graph, listener: AttachedListener) -> ListenerStatus:
    overlapping = overlap(graph, listener.id)
    conditions = (*listener.conditions, *((overlapping,) if overlapping is not None else ()))
    return ListenerStatus(
        name=listener.id.name,
        port=listener.port,
        kinds=listener.kinds,
        attached_routes=len(attached_routes(graph, listener.id)),
        conditions=tuple(sorted(conditions, key=lambda each: each.type)),
    )
