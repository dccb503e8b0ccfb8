"""The kinds that are served: their versions, structs and rules; and those that are only known by
name.
"""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Final

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind
from controlplane.kinds.core.configuration import CONFIG_MAP
from controlplane.kinds.core.configuration import NAMESPACE
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.core.configuration import ConfigMap
from controlplane.kinds.core.configuration import NamespaceBody
from controlplane.kinds.core.configuration import Secret
from controlplane.kinds.core.endpoints import ENDPOINT_SLICE
from controlplane.kinds.core.endpoints import ENDPOINTS
from controlplane.kinds.core.endpoints import Endpoints
from controlplane.kinds.core.endpoints import EndpointSlice
from controlplane.kinds.core.pod import POD
from controlplane.kinds.core.pod import Pod
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.core.service import Service
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.destination_rule import DestinationRule
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.gateway import Gateway
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.service_entry import ServiceEntry
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.kinds.istio.virtual_service import VirtualService
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.kinds.istio.workload_entry import WorkloadEntry
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP
from controlplane.kinds.istio.workload_group import WorkloadGroup
from controlplane.kinds.spec import Spec
from controlplane.kinds.validation import kubernetes
from controlplane.kinds.validation.checks import About
from controlplane.kinds.validation.destination_rule import destination_rule
from controlplane.kinds.validation.gateway import gateway
from controlplane.kinds.validation.service_entry import service_entry
from controlplane.kinds.validation.virtual_service import virtual_service
from controlplane.kinds.validation.workload_entry import workload_entry
from controlplane.kinds.validation.workload_group import workload_group

Rules = Callable[[Report, FieldRef, Any, About], None]
"""Any: each takes the struct that stands beside it in the registry."""

NETWORKING: Final = "networking.istio.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A kind that has an effect here.

    ``api_versions``: what ``apiVersion`` may say, the preferred one first. ``whole``: the struct is
    the body without its head, not the body's ``spec``. ``custom``: a custom resource, whose
    ``null`` values its schema mostly refuses; in the built-in kinds they are absent fields.
    """

    kind: Kind
    api_versions: tuple[str, ...]
    spec: type[Spec]
    rules: Rules
    whole: bool = False
    custom: bool = False


def _istio(kind: Kind, spec: type[Spec], rules: Rules) -> Served:
    versions = tuple(f"{NETWORKING}/{version}" for version in ("v1", "v1beta1", "v1alpha3"))
    return Served(kind=kind, api_versions=versions, spec=spec, rules=rules, custom=True)


def _whole(kind: Kind, spec: type[Spec], rules: Rules, versions: tuple[str, ...]) -> Served:
    return Served(kind=kind, api_versions=versions, spec=spec, rules=rules, whole=True)


_SLICE_VERSIONS: Final = ("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1")
_CORE: Final = ("v1",)

SERVED: Final[Mapping[Kind, Served]] = {
    served.kind: served
    for served in (
        _istio(GATEWAY, Gateway, gateway),
        _istio(VIRTUAL_SERVICE, VirtualService, virtual_service),
        _istio(DESTINATION_RULE, DestinationRule, destination_rule),
        _istio(SERVICE_ENTRY, ServiceEntry, service_entry),
        _istio(WORKLOAD_ENTRY, WorkloadEntry, workload_entry),
        _istio(WORKLOAD_GROUP, WorkloadGroup, workload_group),
        Served(kind=SERVICE, api_versions=_CORE, spec=Service, rules=kubernetes.service),
        _whole(ENDPOINT_SLICE, EndpointSlice, kubernetes.endpoint_slice, _SLICE_VERSIONS),
        _whole(ENDPOINTS, Endpoints, kubernetes.endpoints, _CORE),
        _whole(POD, Pod, kubernetes.pod, _CORE),
        _whole(SECRET, Secret, kubernetes.secret, _CORE),
        _whole(CONFIG_MAP, ConfigMap, kubernetes.config_map, _CORE),
        _whole(NAMESPACE, NamespaceBody, kubernetes.namespace, _CORE),
    )
}

KNOWN: Final[Mapping[str, frozenset[str]]] = {
    NETWORKING: frozenset({"Sidecar", "EnvoyFilter", "ProxyConfig"}),
    "security.istio.io": frozenset(
        {"PeerAuthentication", "RequestAuthentication", "AuthorizationPolicy"}
    ),
    "telemetry.istio.io": frozenset({"Telemetry"}),
    "extensions.istio.io": frozenset({"WasmPlugin", "ExtensionFilter", "TrafficExtension"}),
    "install.istio.io": frozenset({"IstioOperator"}),
    "gateway.networking.k8s.io": frozenset(
        {
            "Gateway",
            "GatewayClass",
            "HTTPRoute",
            "GRPCRoute",
            "TLSRoute",
            "TCPRoute",
            "UDPRoute",
            "ReferenceGrant",
            "BackendTLSPolicy",
            "ListenerSet",
        }
    ),
    "gateway.networking.x-k8s.io": frozenset({"XBackendTrafficPolicy", "XListenerSet", "XMesh"}),
    "": frozenset(
        {
            "ServiceAccount",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "ReplicationController",
            "ResourceQuota",
            "LimitRange",
            "Node",
            "Event",
            "PodTemplate",
        }
    ),
    "apps": frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}),
    "batch": frozenset({"Job", "CronJob"}),
    "autoscaling": frozenset({"HorizontalPodAutoscaler"}),
    "policy": frozenset({"PodDisruptionBudget"}),
    "networking.k8s.io": frozenset({"Ingress", "IngressClass", "NetworkPolicy"}),
    "rbac.authorization.k8s.io": frozenset(
        {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
    ),
    "apiextensions.k8s.io": frozenset({"CustomResourceDefinition"}),
    "apiregistration.k8s.io": frozenset({"APIService"}),
    "admissionregistration.k8s.io": frozenset(
        {
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        }
    ),
    "coordination.k8s.io": frozenset({"Lease"}),
    "scheduling.k8s.io": frozenset({"PriorityClass"}),
    "storage.k8s.io": frozenset({"StorageClass"}),
    "cert-manager.io": frozenset({"Certificate", "Issuer", "ClusterIssuer"}),
    "kustomize.config.k8s.io": frozenset({"Kustomization"}),
}
"""Kinds that people keep beside those that are served, by API group."""


def is_known(kind: Kind) -> bool:
    """Whether the kind exists, though it has no effect here."""
    return kind.group in KNOWN and kind.name in KNOWN[kind.group]
