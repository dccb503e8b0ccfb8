"""Fields that must be written, lists whose items must differ, fields of one channel.

By struct, in the names of Python. What is of one type of a struct is also of those derived from it.
Source: the CRDs of Gateway API v1.6.1
"""

from collections.abc import Mapping
from typing import Final

from controlplane.kinds.gateway_api import (
    backend,
    backend_tls_policy,
    backend_traffic_policy,
    common,
    gateway,
    gateway_class,
    grpc_route,
    http_filters,
    http_route,
    listener,
    listener_set,
    mesh,
    reference_grant,
    tcp_route,
    tls_route,
    udp_route,
)
from controlplane.kinds.spec import Spec

_REFERENCE: Final = ("group", "kind", "name")

REQUIRED: Final[Mapping[type[Spec], tuple[str, ...]]] = {
    common.ParentReference: ("name",),
    common.BackendObjectReference: ("name",),
    common.SecretObjectReference: ("name",),
    common.ObjectReference: _REFERENCE,
    common.LocalObjectReference: _REFERENCE,
    common.ParametersReference: _REFERENCE,
    common.LabelSelectorRequirement: ("key", "operator"),
    common.SessionHeader: ("name",),
    gateway_class.GatewayClass: ("controller_name",),
    mesh.XMesh: ("controller_name",),
    gateway.KubernetesGateway: ("gateway_class_name", "listeners"),
    gateway.GatewayFrontendTls: ("default",),
    gateway.FrontendTlsValidation: ("ca_certificate_refs",),
    gateway.PortFrontendTls: ("port", "tls"),
    listener.Listener: ("name", "port", "protocol"),
    listener.RouteGroupKind: ("kind",),
    listener_set.ListenerSet: ("parent_ref", "listeners"),
    listener_set.ParentGatewayReference: ("name",),
    http_filters.HttpHeader: ("name", "value"),
    http_filters.Fraction: ("numerator",),
    http_filters.HttpRequestMirrorFilter: ("backend_ref",),
    http_filters.HttpPathModifier: ("type",),
    http_filters.HttpExternalAuthFilter: ("protocol", "backend_ref"),
    http_filters.HttpRouteFilter: ("type",),
    http_route.HttpHeaderMatch: ("name", "value"),
    http_route.HttpQueryParamMatch: ("name", "value"),
    grpc_route.GrpcHeaderMatch: ("name", "value"),
    grpc_route.GrpcRouteFilter: ("type",),
    tls_route.TlsRoute: ("rules",),
    tls_route.TlsRouteRule: ("backend_refs",),
    tcp_route.TcpRoute: ("rules",),
    tcp_route.TcpRouteRule: ("backend_refs",),
    udp_route.UdpRoute: ("rules",),
    udp_route.UdpRouteRule: ("backend_refs",),
    reference_grant.ReferenceGrant: ("from_", "to"),
    reference_grant.ReferenceGrantFrom: ("group", "kind", "namespace"),
    reference_grant.ReferenceGrantTo: ("group", "kind"),
    backend_tls_policy.BackendTlsPolicy: ("target_refs", "validation"),
    backend_tls_policy.PolicyTargetReferenceWithSection: _REFERENCE,
    backend_tls_policy.SubjectAltName: ("type",),
    backend_tls_policy.BackendTlsValidation: ("hostname",),
    backend_traffic_policy.XBackendTrafficPolicy: ("target_refs",),
    backend.XBackend: ("type", "port"),
    backend.BackendPort: ("port",),
    backend.ExternalHostname: ("hostname",),
    backend.BackendTls: ("mode",),
}

UNIQUE: Final[Mapping[type[Spec], Mapping[str, tuple[str, ...]]]] = {
    gateway.KubernetesGateway: {"listeners": ("name",)},
    gateway.GatewayFrontendTls: {"per_port": ("port",)},
    listener_set.ListenerSet: {"listeners": ("name",)},
    http_filters.HttpHeaderFilter: {"set": ("name",), "add": ("name",), "remove": ()},
    http_filters.HttpCorsFilter: {
        "allow_origins": (),
        "allow_methods": (),
        "allow_headers": (),
        "expose_headers": (),
    },
    http_filters.GrpcAuthConfig: {"allowed_headers": ()},
    http_filters.HttpAuthConfig: {"allowed_headers": (), "allowed_response_headers": ()},
    http_route.HttpRouteMatch: {"headers": ("name",), "query_params": ("name",)},
    http_route.HttpRouteRetry: {"codes": ()},
    grpc_route.GrpcRouteMatch: {"headers": ("name",)},
    backend_traffic_policy.XBackendTrafficPolicy: {"target_refs": _REFERENCE},
}
"""By list, the fields of an item that tell it from the others; none: the item itself."""

EXPERIMENTAL: Final[Mapping[type[Spec], tuple[str, ...]]] = {
    gateway.KubernetesGateway: ("default_scope",),
    http_route.HttpRoute: ("use_default_gateways",),
    http_route.HttpRouteRule: ("retry", "session_persistence"),
    http_filters.HttpRouteFilter: ("external_auth",),
    grpc_route.GrpcRoute: ("use_default_gateways",),
    grpc_route.GrpcRouteRule: ("session_persistence",),
    tls_route.TlsRoute: ("use_default_gateways",),
    tcp_route.TcpRoute: ("use_default_gateways",),
    udp_route.UdpRoute: ("use_default_gateways",),
}
"""Fields that only the experimental channel has."""
