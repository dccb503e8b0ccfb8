"""The features of the Gateway API that are supported, by the names that its conformance tests use.

A feature is in ``supportedFeatures`` of a GatewayClass or XMesh if it has a line here, and a line
names the test of this project that fails without it.
Source: https://github.com/kubernetes-sigs/gateway-api/tree/main/pkg/features
"""

from collections.abc import Mapping
from typing import Final

from controlplane.model.gateway_api import Conformance

_FEATURES: Final = "envoy/test_gateway_api_features.py"
_ROUTES: Final = "envoy/test_gateway_api_routes.py"
_LISTENERS: Final = "envoy/test_gateway_api_listeners.py"
_STREAMS: Final = "envoy/test_gateway_api_streams.py"
_SIDECARS: Final = "envoy/test_mesh_routes.py"
_MATCHES: Final = f"{_FEATURES}::test_matches"
_REDIRECTS: Final = f"{_FEATURES}::test_redirects"
_REWRITES: Final = f"{_FEATURES}::test_rewrites"
_NAMES: Final = f"{_FEATURES}::test_a_rule_gives_the_route_its_name"
_CALLS: Final = f"{_FEATURES}::test_calls_of_grpc"
_PARENTS: Final = f"{_FEATURES}::test_a_parent_is_a_port_or_a_listener_of_it"
_TIMEOUTS: Final = f"{_FEATURES}::test_a_request_that_takes_too_long_is_answered_504"
_MIRRORS: Final = f"{_FEATURES}::test_every_mirror_gets_the_request"
_VERIFIED: Final = f"{_LISTENERS}::test_clients_are_verified_as_the_gateway_says_for_the_port"
_CONSUMERS: Final = (
    f"{_SIDECARS}::test_callers_get_the_services_routes_and_those_of_their_own_namespace_instead"
)

FEATURES: Final[Mapping[str, str]] = {
    "BackendTLSPolicy": f"{_STREAMS}::test_a_backend_is_verified_by_its_authority_and_its_name",
    "BackendTLSPolicySANValidation": (
        f"{_FEATURES}::test_a_backend_must_have_one_of_the_alternative_names"
    ),
    "GRPCRoute": _CALLS,
    "GRPCRouteNamedRouteRule": _NAMES,
    "GRPCRouteRequestHeaderModifier": _CALLS,
    "Gateway": _MATCHES,
    "GatewayAddressEmpty": f"{_FEATURES}::test_an_address_without_a_value_is_given",
    "GatewayBackendClientCertificate": (
        f"{_FEATURES}::test_a_backend_sees_the_certificate_of_the_gateway"
    ),
    "GatewayFrontendClientCertificateValidation": _VERIFIED,
    "GatewayFrontendClientCertificateValidationInsecureFallback": _VERIFIED,
    "GatewayHTTPListenerIsolation": (
        f"{_LISTENERS}"
        "::test_a_request_is_the_business_of_the_listener_with_the_most_specific_hostname"
    ),
    "GatewayHTTPSListenerDetectMisdirectedRequests": (
        f"{_LISTENERS}::test_a_request_over_the_connection_of_another_listener_is_misdirected"
    ),
    "GatewayPort8080": _MATCHES,
    "HTTPRoute": _MATCHES,
    "HTTPRoute303RedirectStatusCode": _REDIRECTS,
    "HTTPRoute307RedirectStatusCode": _REDIRECTS,
    "HTTPRoute308RedirectStatusCode": _REDIRECTS,
    "HTTPRouteBackendProtocolH2C": (
        f"{_ROUTES}::test_a_client_and_a_backend_speak_http2_without_tls"
    ),
    "HTTPRouteBackendProtocolWebSocket": (
        f"{_ROUTES}::test_a_websocket_is_passed_on_in_both_directions"
    ),
    "HTTPRouteBackendRequestHeaderModification": (
        f"{_FEATURES}::test_a_backend_has_headers_of_its_own"
    ),
    "HTTPRouteBackendRequestRedirect": f"{_ROUTES}::test_a_backend_of_a_rule_may_redirect",
    "HTTPRouteBackendTimeout": _TIMEOUTS,
    "HTTPRouteBackendURLRewrite": (
        f"{_ROUTES}::test_each_backend_rewrites_its_share_of_the_requests"
    ),
    "HTTPRouteCORS": f"{_FEATURES}::test_origins_are_allowed",
    "HTTPRouteDestinationPortMatching": _PARENTS,
    "HTTPRouteHostRewrite": _REWRITES,
    "HTTPRouteMethodMatching": _MATCHES,
    "HTTPRouteNamedRouteRule": _NAMES,
    "HTTPRouteParentRefPort": _PARENTS,
    "HTTPRoutePathRedirect": _REDIRECTS,
    "HTTPRoutePathRewrite": _REWRITES,
    "HTTPRoutePortRedirect": _REDIRECTS,
    "HTTPRouteQueryParamMatching": _MATCHES,
    "HTTPRouteRequestMirror": _MIRRORS,
    "HTTPRouteRequestMultipleMirrors": _MIRRORS,
    "HTTPRouteRequestPercentageMirror": f"{_FEATURES}::test_a_mirror_gets_its_percentage",
    "HTTPRouteRequestTimeout": _TIMEOUTS,
    "HTTPRouteResponseHeaderModification": (
        f"{_FEATURES}::test_headers_of_responses_are_set_added_and_removed"
    ),
    "HTTPRouteRetry": f"{_FEATURES}::test_codes_that_are_listed_are_tried_again",
    "HTTPRouteRetryBackendTimeout": (
        f"{_ROUTES}::test_tries_that_run_out_of_time_cost_nothing_when_a_later_one_is_answered"
    ),
    "HTTPRouteRetryConnectionError": f"{_ROUTES}::test_a_connection_that_breaks_is_tried_again",
    "HTTPRouteSchemeRedirect": _REDIRECTS,
    "ListenerSet": f"{_FEATURES}::test_a_listener_of_a_listener_set_has_routes_of_its_own",
    "ReferenceGrant": f"{_FEATURES}::test_a_backend_of_another_namespace_must_be_granted",
    "TCPRoute": f"{_STREAMS}::test_a_tcp_route_forwards_connections",
    "TLSRoute": (
        f"{_STREAMS}::test_one_port_ends_tls_for_one_name_and_passes_it_through_for_another"
    ),
    "TLSRouteModeMixed": (
        f"{_STREAMS}::test_one_port_ends_tls_for_one_name_and_passes_it_through_for_another"
    ),
    "TLSRouteModeTerminate": (
        f"{_STREAMS}::test_one_port_ends_tls_for_one_name_and_passes_it_through_for_another"
    ),
    "UDPRoute": f"{_STREAMS}::test_datagrams_come_back_to_who_sent_them",
}
"""The test of each, in the folder of tests, with a real Envoy."""
MESH_FEATURES: Final[Mapping[str, str]] = {
    "Mesh": _CONSUMERS,
    "MeshConsumerRoute": _CONSUMERS,
    **dict.fromkeys(
        (
            "MeshHTTPRouteBackendRequestHeaderModification",
            "MeshHTTPRouteNamedRouteRule",
            "MeshHTTPRouteQueryParamMatching",
            "MeshHTTPRouteRedirectPath",
            "MeshHTTPRouteRedirectPort",
            "MeshHTTPRouteRewritePath",
            "MeshHTTPRouteSchemeRedirect",
        ),
        f"{_SIDECARS}::test_a_rule_for_calls_does_what_one_at_a_gateway_does",
    ),
}
"""The same of an XMesh: the conformance tests do not want them of a GatewayClass."""
UNCLAIMED: Final = frozenset(
    {
        "GatewayInfrastructurePropagation",
        "GatewayStaticAddresses",
        "MeshClusterIPMatching",
    }
)
"""Features of the API that are not supported: the documentation says why."""
_NOT_AS_ISTIO: Final = frozenset(
    {
        "GatewayHTTPSListenerDetectMisdirectedRequests",
        "HTTPRouteBackendRequestRedirect",
        "HTTPRouteBackendURLRewrite",
        "HTTPRouteRetryBackendTimeout",
        "HTTPRouteRetryConnectionError",
    }
)
"""What Gateways that answer as Istio's do not support."""


def supported_features(conformance: Conformance) -> tuple[str, ...]:
    """The features of a class, sorted."""
    left_out = _NOT_AS_ISTIO if conformance is Conformance.ISTIO else frozenset[str]()
    return tuple(sorted(FEATURES.keys() - left_out))


def mesh_features() -> tuple[str, ...]:
    """The features of the mesh, sorted."""
    return tuple(sorted(MESH_FEATURES))
