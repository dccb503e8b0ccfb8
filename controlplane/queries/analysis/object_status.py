"""The status of one object of the Gateway API, whatever its kind."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.gateway_api.backend_traffic_policy import X_BACKEND_TRAFFIC_POLICY
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.gateway_api.mesh import X_MESH
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE
from controlplane.queries.gateway_api.route_parents import route_parents
from controlplane.queries.gateway_api.status import (
    gateway_class_status,
    gateway_status,
    listener_set_status,
    mesh_status,
)
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.backend_policies import PolicyKey
from controlplane.queries.policy.backend_status import policy_status
from controlplane.translate.gateway_api.status import PolicyStatus, Status


@derived
def backend_policy_status(graph: Graph, key: PolicyKey) -> PolicyStatus | None:
    """The status of a policy for backends; ``None`` where it is not there."""
    if object_of(graph, key) is None:
        return None
    return PolicyStatus(ancestors=policy_status(graph, key))


_BY_KIND: Final[Mapping[Kind, Callable[[Graph, Any], Status | None]]] = {
    GATEWAY_CLASS: gateway_class_status,
    KUBERNETES_GATEWAY: gateway_status,
    LISTENER_SET: listener_set_status,
    X_MESH: mesh_status,
    BACKEND_TLS_POLICY: backend_policy_status,
    X_BACKEND_TRAFFIC_POLICY: backend_policy_status,
    HTTP_ROUTE: route_parents,
    GRPC_ROUTE: route_parents,
    TLS_ROUTE: route_parents,
    TCP_ROUTE: route_parents,
    UDP_ROUTE: route_parents,
}
"""Any: each takes the keys of its kind."""
WITH_STATUS: Final = frozenset(_BY_KIND)
"""The kinds of which a status is reported."""


@guarded(first=None)
def object_status(graph: Graph, key: ObjectKey) -> Status | None:
    """What is said of an object; ``None`` where it is not there, or others have to say it.

    Runs again when a condition or a count of it changes.
    """
    return _BY_KIND[key.kind](graph, key)
