"""Gateway of the Gateway API. Source: https://gateway-api.sigs.k8s.io/api-types/gateway/

Struct and kind are called ``KubernetesGateway``, because Istio has a Gateway too.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Final

from msgspec import Meta, field

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.common import (
    GatewayDefaultScope,
    LabelSelector,
    LocalObjectReference,
    ObjectReference,
    SecretObjectReference,
)
from controlplane.kinds.gateway_api.listener import FromNamespaces, Listeners
from controlplane.kinds.gateway_api.text import (
    AddressType,
    AddressValue,
    AnnotationValue,
    LabelValue,
    ObjectName,
    Port,
)
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Spec


class GatewayAddress(Spec, frozen=True):
    """``value`` is ``None`` where any address of the type will do."""

    type: AddressType = "IPAddress"
    value: AddressValue | None = None


class GatewayInfrastructure(Spec, frozen=True):
    labels: Annotated[Mapping[str, LabelValue], Meta(max_length=8)] = {}
    annotations: Annotated[Mapping[str, AnnotationValue], Meta(max_length=16)] = {}
    parameters_ref: LocalObjectReference | None = None


class ListenerNamespaces(Spec, frozen=True):
    """``selector`` only counts with ``FromNamespaces.SELECTOR``."""

    from_: FromNamespaces = field(default=FromNamespaces.NONE, name="from")
    selector: LabelSelector | None = None


class AllowedListeners(Spec, frozen=True):
    """The namespaces whose ListenerSets may add listeners."""

    namespaces: ListenerNamespaces = ListenerNamespaces()


class FrontendValidationMode(Enum):
    ALLOW_VALID_ONLY = "AllowValidOnly"
    ALLOW_INSECURE_FALLBACK = "AllowInsecureFallback"


class FrontendTlsValidation(Spec, frozen=True):
    """How certificates of clients are verified."""

    ca_certificate_refs: Annotated[
        tuple[ObjectReference, ...], Meta(min_length=1, max_length=16)
    ] = field(default=(), name="caCertificateRefs")
    mode: FrontendValidationMode = FrontendValidationMode.ALLOW_VALID_ONLY


class FrontendTls(Spec, frozen=True):
    validation: FrontendTlsValidation | None = None


class PortFrontendTls(Spec, frozen=True):
    """Replaces the default for the HTTPS listeners of one port."""

    port: Port = 0
    tls: FrontendTls = FrontendTls()


class GatewayFrontendTls(Spec, frozen=True):
    """What applies to all HTTPS listeners, and to those of single ports."""

    default: FrontendTls = FrontendTls()
    per_port: Annotated[tuple[PortFrontendTls, ...], Meta(max_length=64)] = ()


class GatewayBackendTls(Spec, frozen=True):
    """``client_certificate_ref`` is shown to backends that a BackendTLSPolicy speaks TLS to."""

    client_certificate_ref: SecretObjectReference | None = None


class GatewayTls(Spec, frozen=True):
    backend: GatewayBackendTls | None = None
    frontend: GatewayFrontendTls | None = None


class KubernetesGateway(Spec, frozen=True):
    gateway_class_name: ObjectName = ""
    listeners: Listeners = ()
    addresses: Annotated[tuple[GatewayAddress, ...], Meta(max_length=16)] = ()
    infrastructure: GatewayInfrastructure | None = None
    allowed_listeners: AllowedListeners | None = None
    tls: GatewayTls | None = None
    default_scope: GatewayDefaultScope | None = None


KUBERNETES_GATEWAY: Final[Kind[KubernetesGateway]] = Kind(GATEWAY_API, "Gateway")
NAME_OVERRIDE: Final = "gateway.istio.io/name-override"
SERVICE_ACCOUNT: Final = "gateway.istio.io/service-account"
PROXY_NAMES: Final = (NAME_OVERRIDE, SERVICE_ACCOUNT)
"""Annotations that name the proxy which a Gateway brings with it, and its service account."""
KubernetesGatewayKey = ObjectKey[KubernetesGateway]
