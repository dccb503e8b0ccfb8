"""The features of the Gateway API that are supported, by the names that its conformance tests use.

A feature is in ``supportedFeatures`` of a GatewayClass if it has a line here, and a line names the
test of this project that fails without it.
Source: https://github.com/kubernetes-sigs/gateway-api/tree/main/pkg/features
"""

from collections.abc import Mapping
from typing import Final

from controlplane.model.gateway_api import Conformance

_SERVED: Final = "unit/gateway_api/test_served_gateways.py"
_STATUS: Final = "unit/gateway_api/test_status.py"
_LISTENERS: Final = "envoy/test_gateway_api_listeners.py"
_ATTACHMENT: Final = "unit/gateway_api/test_route_attachment.py"
_ACTIONS: Final = "unit/gateway_api/test_route_actions.py"
_MATCHES: Final = "unit/gateway_api/test_route_matches.py"
_STREAMS: Final = "unit/gateway_api/test_stream_routes.py"
_DATAGRAMS: Final = "unit/gateway_api/test_udp_listeners.py"
_BACKEND_TLS: Final = "unit/gateway_api/test_backend_tls.py"
_CLIENT_CERTIFICATE: Final = "unit/gateway_api/test_backend_client_certificate.py"

FEATURES: Final[Mapping[str, str]] = {
    "BackendTLSPolicy": _BACKEND_TLS,
    "BackendTLSPolicySANValidation": _BACKEND_TLS,
    "GRPCRoute": _MATCHES,
    "Gateway": _SERVED,
    "GatewayAddressEmpty": _STATUS,
    "GatewayBackendClientCertificate": _CLIENT_CERTIFICATE,
    "GatewayFrontendClientCertificateValidation": _LISTENERS,
    "GatewayFrontendClientCertificateValidationInsecureFallback": _LISTENERS,
    "GatewayHTTPListenerIsolation": _LISTENERS,
    "GatewayHTTPSListenerDetectMisdirectedRequests": _LISTENERS,
    "GatewayPort8080": _SERVED,
    "HTTPRoute": _MATCHES,
    "HTTPRoute303RedirectStatusCode": _ACTIONS,
    "HTTPRoute307RedirectStatusCode": _ACTIONS,
    "HTTPRoute308RedirectStatusCode": _ACTIONS,
    "HTTPRouteBackendRequestHeaderModification": _ACTIONS,
    "HTTPRouteBackendTimeout": _ACTIONS,
    "HTTPRouteCORS": _ACTIONS,
    "HTTPRouteDestinationPortMatching": _ATTACHMENT,
    "HTTPRouteHostRewrite": _ACTIONS,
    "HTTPRouteMethodMatching": _MATCHES,
    "HTTPRouteNamedRouteRule": _MATCHES,
    "HTTPRouteParentRefPort": _ATTACHMENT,
    "HTTPRoutePathRedirect": _ACTIONS,
    "HTTPRoutePathRewrite": _ACTIONS,
    "HTTPRoutePortRedirect": _ACTIONS,
    "HTTPRouteQueryParamMatching": _MATCHES,
    "HTTPRouteRequestMirror": _ACTIONS,
    "HTTPRouteRequestMultipleMirrors": _ACTIONS,
    "HTTPRouteRequestPercentageMirror": _ACTIONS,
    "HTTPRouteRequestTimeout": _ACTIONS,
    "HTTPRouteResponseHeaderModification": _ACTIONS,
    "HTTPRouteRetry": _ACTIONS,
    "HTTPRouteSchemeRedirect": _ACTIONS,
    "ListenerSet": _STATUS,
    "ReferenceGrant": _LISTENERS,
    "TCPRoute": _STREAMS,
    "TLSRoute": _STREAMS,
    "TLSRouteModeMixed": _STREAMS,
    "TLSRouteModeTerminate": _STREAMS,
    "UDPRoute": _DATAGRAMS,
}
"""The test of each, in the folder of tests."""
_NOT_AS_ISTIO: Final = frozenset({"GatewayHTTPSListenerDetectMisdirectedRequests"})
"""What Gateways that answer as Istio's do not support."""


def supported_features(conformance: Conformance) -> tuple[str, ...]:
    """The features of a class, sorted."""
    left_out = _NOT_AS_ISTIO if conformance is Conformance.ISTIO else frozenset[str]()
    return tuple(sorted(FEATURES.keys() - left_out))
