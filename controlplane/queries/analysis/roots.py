"""What is wrong with one object: the roots of all that is reported of objects.

``analyse`` does not depend on proxies, so ``check`` and a running server report the same.
``analyse_where_connected`` uses where the proxies are; without any, the likely namespaces. It also
has what only a running server knows of the keys of issuers.
"""

from collections.abc import Mapping
from typing import Any, Final

from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.names import Kind, ObjectKey, key_is_of
from controlplane.graph import Derived, Graph, derived, guarded
from controlplane.kinds.core.endpoints import ENDPOINT_SLICE
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.gateway_api.backend_traffic_policy import X_BACKEND_TRAFFIC_POLICY
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.gateway_api.reference_grant import REFERENCE_GRANT
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE
from controlplane.kinds.istio.authorization_policy import AUTHORIZATION_POLICY
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.envoy_filter import ENVOY_FILTER
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.kinds.istio.peer_authentication import PEER_AUTHENTICATION
from controlplane.kinds.istio.proxy_settings import PROXY_CONFIG
from controlplane.kinds.istio.request_authentication import REQUEST_AUTHENTICATION
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.sidecar import SIDECAR
from controlplane.kinds.istio.telemetry import TELEMETRY
from controlplane.kinds.istio.traffic_extension import TRAFFIC_EXTENSION
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.kinds.istio.wasm_plugin import WASM_PLUGIN
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP
from controlplane.model.http_settings import ListenerContext
from controlplane.queries.analysis.authorization_policies import (
    authorization_policy_diagnostics,
)
from controlplane.queries.analysis.backend_policies import (
    backend_tls_policy_diagnostics,
    backend_traffic_policy_diagnostics,
)
from controlplane.queries.analysis.binding import export_diagnostics
from controlplane.queries.analysis.destination_rules import destination_rule_diagnostics
from controlplane.queries.analysis.envoy_filters import (
    envoy_filter_diagnostics,
    envoy_filter_diagnostics_where_connected,
)
from controlplane.queries.analysis.extensions import extension_diagnostics, module_diagnostics
from controlplane.queries.analysis.gateway_reach import gateway_reach_diagnostics
from controlplane.queries.analysis.gateways import (
    gateway_diagnostics,
    gateway_diagnostics_where_connected,
)
from controlplane.queries.analysis.idle_patches import idle_patch_diagnostics
from controlplane.queries.analysis.issuer_keys import issuer_key_diagnostics
from controlplane.queries.analysis.kubernetes_gateways import (
    kubernetes_gateway_diagnostics,
    kubernetes_gateway_diagnostics_where_connected,
    listener_set_diagnostics,
    listener_set_secret_diagnostics,
)
from controlplane.queries.analysis.kubernetes_routes import kubernetes_route_diagnostics
from controlplane.queries.analysis.peer_authentications import peer_authentication_diagnostics
from controlplane.queries.analysis.port_conflicts import port_conflicts
from controlplane.queries.analysis.proxy_configs import proxy_config_diagnostics
from controlplane.queries.analysis.reference_grants import reference_grant_diagnostics
from controlplane.queries.analysis.request_authentications import (
    request_authentication_diagnostics,
)
from controlplane.queries.analysis.rule_secrets import destination_rule_secret_diagnostics
from controlplane.queries.analysis.services import service_diagnostics, service_entry_diagnostics
from controlplane.queries.analysis.sidecars import sidecar_diagnostics
from controlplane.queries.analysis.telemetries import telemetry_diagnostics
from controlplane.queries.analysis.telemetry_logs import check_mesh_logs
from controlplane.queries.analysis.telemetry_metrics import (
    check_default_metrics,
    metrics_diagnostics,
)
from controlplane.queries.analysis.tracing import check_default_tracing
from controlplane.queries.analysis.usable_endpoints import slice_diagnostics
from controlplane.queries.analysis.virtual_services import virtual_service_diagnostics
from controlplane.queries.analysis.workload_groups import (
    workload_group_diagnostics,
    workload_group_diagnostics_where_connected,
)
from controlplane.queries.inputs.connected_gateways import connected_gateways
from controlplane.queries.listeners.settings import settings_of

Analysis = Derived[[Any], Diagnostics]
"""Any: each takes the keys of the kind that it is of."""
NOTHING_FOUND: Final[Diagnostics] = ()


@derived
def all_of_service_entry(graph: Graph, key: ObjectKey) -> Diagnostics:
    """What is wrong with a ServiceEntry itself, and where its ports meet those of others."""
    assert key_is_of(key, SERVICE_ENTRY), "analyses are by kind"
    return (*service_entry_diagnostics(graph, key), *port_conflicts(graph, key))


@derived
def all_of_envoy_filter_where_connected(graph: Graph, key: ObjectKey) -> Diagnostics:
    """What an EnvoyFilter selects, and its patches that find nothing there."""
    assert key_is_of(key, ENVOY_FILTER), "analyses are by kind"
    selected = envoy_filter_diagnostics_where_connected(graph, key)
    return (*selected, *idle_patch_diagnostics(graph, key))


@derived
def all_of_kubernetes_gateway_where_connected(graph: Graph, key: ObjectKey) -> Diagnostics:
    """What a Gateway's status says is wrong, and its listeners that nobody reaches."""
    assert key_is_of(key, KUBERNETES_GATEWAY), "analyses are by kind"
    said = kubernetes_gateway_diagnostics_where_connected(graph, key)
    return (*said, *gateway_reach_diagnostics(graph, key))


@derived
def all_of_telemetry(graph: Graph, key: ObjectKey) -> Diagnostics:
    """To whom a Telemetry applies, and what of it cannot be."""
    assert key_is_of(key, TELEMETRY), "analyses are by kind"
    return (*telemetry_diagnostics(graph, key), *metrics_diagnostics(graph, key))


@derived
def mesh_diagnostics(graph: Graph, _: ObjectKey) -> Diagnostics:
    """Settings of MeshConfig that listeners cannot have, and providers that get no logs or spans;
    runs again when it changes, or who declares the service of such a provider.
    """
    report = Report(list(settings_of(graph, (), ListenerContext.GATEWAY).diagnostics))
    check_mesh_logs(report, graph)
    check_default_tracing(report, graph)
    check_default_metrics(report, graph)
    return tuple(report)


@derived
def mesh_diagnostics_where_connected(graph: Graph, _: ObjectKey) -> Diagnostics:
    """Node metadata that listeners cannot have; runs again when gateways come or
    go.
    """
    metadata = dict.fromkeys(proxy.view.settings for proxy in connected_gateways(graph))
    found = (
        d
        for pairs in metadata
        for d in settings_of(graph, pairs, ListenerContext.GATEWAY).diagnostics
    )
    return tuple(dict.fromkeys(found))


ANALYSES: Final[Mapping[Kind, Analysis]] = {
    MESH_CONFIG_KEY.kind: mesh_diagnostics,
    DESTINATION_RULE: destination_rule_diagnostics,
    ENDPOINT_SLICE: slice_diagnostics,
    ENVOY_FILTER: envoy_filter_diagnostics,
    SERVICE: service_diagnostics,
    SERVICE_ENTRY: all_of_service_entry,
    GATEWAY: gateway_diagnostics,
    KUBERNETES_GATEWAY: kubernetes_gateway_diagnostics,
    LISTENER_SET: listener_set_diagnostics,
    BACKEND_TLS_POLICY: backend_tls_policy_diagnostics,
    X_BACKEND_TRAFFIC_POLICY: backend_traffic_policy_diagnostics,
    REFERENCE_GRANT: reference_grant_diagnostics,
    VIRTUAL_SERVICE: virtual_service_diagnostics,
    SIDECAR: sidecar_diagnostics,
    PROXY_CONFIG: proxy_config_diagnostics,
    AUTHORIZATION_POLICY: authorization_policy_diagnostics,
    PEER_AUTHENTICATION: peer_authentication_diagnostics,
    REQUEST_AUTHENTICATION: request_authentication_diagnostics,
    WASM_PLUGIN: extension_diagnostics,
    TRAFFIC_EXTENSION: extension_diagnostics,
    TELEMETRY: all_of_telemetry,
    WORKLOAD_GROUP: workload_group_diagnostics,
    HTTP_ROUTE: kubernetes_route_diagnostics,
    TLS_ROUTE: kubernetes_route_diagnostics,
    TCP_ROUTE: kubernetes_route_diagnostics,
    UDP_ROUTE: kubernetes_route_diagnostics,
    GRPC_ROUTE: kubernetes_route_diagnostics,
}
_WHERE_CONNECTED: Final[Mapping[Kind, Analysis]] = {
    MESH_CONFIG_KEY.kind: mesh_diagnostics_where_connected,
    DESTINATION_RULE: destination_rule_secret_diagnostics,
    ENVOY_FILTER: all_of_envoy_filter_where_connected,
    GATEWAY: gateway_diagnostics_where_connected,
    KUBERNETES_GATEWAY: all_of_kubernetes_gateway_where_connected,
    LISTENER_SET: listener_set_secret_diagnostics,
    REQUEST_AUTHENTICATION: issuer_key_diagnostics,
    WASM_PLUGIN: module_diagnostics,
    TRAFFIC_EXTENSION: module_diagnostics,
    VIRTUAL_SERVICE: export_diagnostics,
    WORKLOAD_GROUP: workload_group_diagnostics_where_connected,
}


@guarded(first=NOTHING_FOUND)
def analyse(graph: Graph, key: ObjectKey) -> Diagnostics:
    """What is wrong with one object, or with MeshConfig, whichever proxies are connected.

    Runs again when something that the object refers to changes.
    """
    return ANALYSES[key.kind](graph, key)


@guarded(first=NOTHING_FOUND)
def analyse_where_connected(graph: Graph, key: ObjectKey) -> Diagnostics:
    """What depends on which proxies are connected; also runs again when they come and go."""
    return _WHERE_CONNECTED[key.kind](graph, key)


def roots(kind: Kind) -> tuple[Analysis, ...]:
    """The analyses that have something to say of objects of a kind."""
    found = ((ANALYSES, analyse), (_WHERE_CONNECTED, analyse_where_connected))
    return tuple(root for kinds, root in found if kind in kinds)
