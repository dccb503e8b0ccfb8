"""Gateway of the Gateway API."""

from typing import Final

from controlplane.kinds.declared.listener_set import LISTENER_FIELDS
from controlplane.kinds.gateway_api.common import ObjectReference
from controlplane.kinds.gateway_api.gateway import (
    KUBERNETES_GATEWAY,
    AllowedListeners,
    FrontendTls,
    FrontendTlsValidation,
    GatewayAddress,
    GatewayBackendTls,
    GatewayFrontendTls,
    GatewayInfrastructure,
    GatewayTls,
    KubernetesGateway,
    ListenerNamespaces,
    PortFrontendTls,
)
from controlplane.kinds.gateway_api.status import GATEWAY_STATUS
from controlplane.kinds.gateway_api.versions import V1_AND_V1BETA1
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.gateway_api.gateway import kubernetes_gateway

FIELDS: Final[Fields] = {
    **LISTENER_FIELDS,
    KubernetesGateway: (
        by("queries.gateway_api.classes:gateway_conformance", "gateway_class_name"),
        by("translate.gateway_api.entries:listener_entries", "listeners"),
        by("translate.gateway_api.addresses:gateway_services", "addresses"),
        by(
            "translate.gateway_api.namespaces:namespaces_of_listener_sets",
            "allowed_listeners",
        ),
        by("queries.gateway_api.listeners:attached", "tls"),
        by("translate.gateway_api.deployment:_labels", "infrastructure"),
    ),
    GatewayInfrastructure: (
        by("translate.gateway_api.deployment:_labels", "labels"),
        by("translate.istio.proxy_config:annotations_of", "annotations"),
    ),
    GatewayAddress: (by("translate.gateway_api.addresses:gateway_services", "type", "value"),),
    AllowedListeners: (
        by("translate.gateway_api.namespaces:namespaces_of_listener_sets", "namespaces"),
    ),
    ListenerNamespaces: (
        by("translate.gateway_api.namespaces:namespaces_of_listener_sets", "from_", "selector"),
    ),
    GatewayTls: (
        by("queries.gateway_api.listeners:attached", "frontend"),
        by("queries.gateway_api.faults:client_certificate", "backend"),
    ),
    GatewayBackendTls: (
        by("queries.gateway_api.faults:client_certificate", "client_certificate_ref"),
    ),
    GatewayFrontendTls: (by("queries.gateway_api.listeners:attached", "default", "per_port"),),
    PortFrontendTls: (by("queries.gateway_api.listeners:attached", "port", "tls"),),
    FrontendTls: (by("queries.gateway_api.listeners:attached", "validation"),),
    FrontendTlsValidation: (
        by("queries.gateway_api.listeners:attached", "ca_certificate_refs"),
        by("translate.gateway_api.listener_tls:ended_tls", "mode"),
    ),
    ObjectReference: (
        by("queries.gateway_api.references:authorities", "group", "kind", "name", "namespace"),
    ),
}

KIND: Final = ServedKind(
    kind=KUBERNETES_GATEWAY,
    api_versions=V1_AND_V1BETA1,
    spec=KubernetesGateway,
    validate=kubernetes_gateway,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=GATEWAY_STATUS,
)
