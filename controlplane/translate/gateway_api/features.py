"""The features of the Gateway API that are supported, by the names that its conformance tests use.

A feature is in ``supportedFeatures`` of a GatewayClass or XMesh if it has a line here, and a line
names the test of this project that fails without it.
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
_REQUESTS: Final = "envoy/test_gateway_api_routes.py"
_ENVOYS: Final = "envoy/test_gateway_api_streams.py"
_MESH: Final = "unit/gateway_api/test_mesh_routes.py"
_SIDECARS: Final = "envoy/test_mesh_routes.py"
_VERIFIED: Final = "test_clients_are_verified_as_the_gateway_says_for_the_port"

FEATURES: Final[Mapping[str, str]] = {
    "BackendTLSPolicy": f"{_ENVOYS}::test_a_backend_is_verified_by_its_authority_and_its_name",
    "BackendTLSPolicySANValidation": (
        f"{_BACKEND_TLS}::test_alternative_names_are_verified_instead_of_the_hostname"
    ),
    "GRPCRoute": f"{_MATCHES}::test_methods_of_grpc",
    "GRPCRouteNamedRouteRule": f"{_MATCHES}::test_a_route_has_the_name_of_its_rule",
    "GRPCRouteRequestHeaderModifier": f"{_ACTIONS}::test_headers_of_calls_are_set",
    "Gateway": (
        f"{_SERVED}::test_a_proxy_that_is_labelled_with_the_name_of_a_gateway_listens_and_answers_404"
    ),
    "GatewayAddressEmpty": f"{_STATUS}::test_an_address_is_the_hostname_of_a_service_with_proxies",
    "GatewayBackendClientCertificate": (
        f"{_CLIENT_CERTIFICATE}::test_it_is_shown_where_a_backend_tls_policy_asks_for_tls"
    ),
    "GatewayFrontendClientCertificateValidation": f"{_LISTENERS}::{_VERIFIED}",
    "GatewayFrontendClientCertificateValidationInsecureFallback": f"{_LISTENERS}::{_VERIFIED}",
    "GatewayHTTPListenerIsolation": (
        f"{_LISTENERS}"
        "::test_a_request_is_the_business_of_the_listener_with_the_most_specific_hostname"
    ),
    "GatewayHTTPSListenerDetectMisdirectedRequests": (
        f"{_LISTENERS}::test_a_request_over_the_connection_of_another_listener_is_misdirected"
    ),
    "GatewayPort8080": (
        f"{_SERVED}::test_a_proxy_that_is_labelled_with_the_name_of_a_gateway_listens_and_answers_404"
    ),
    "HTTPRoute": f"{_MATCHES}::test_paths",
    "HTTPRoute303RedirectStatusCode": f"{_ACTIONS}::test_redirects",
    "HTTPRoute307RedirectStatusCode": f"{_ACTIONS}::test_redirects",
    "HTTPRoute308RedirectStatusCode": f"{_ACTIONS}::test_redirects",
    "HTTPRouteBackendProtocolH2C": (
        f"{_REQUESTS}::test_a_client_and_a_backend_speak_http2_without_tls"
    ),
    "HTTPRouteBackendProtocolWebSocket": (
        f"{_REQUESTS}::test_a_websocket_is_passed_on_in_both_directions"
    ),
    "HTTPRouteBackendRequestHeaderModification": (
        f"{_ACTIONS}::test_the_filters_of_a_single_backend_come_after_those_of_the_rule"
    ),
    "HTTPRouteBackendRequestRedirect": f"{_REQUESTS}::test_a_backend_of_a_rule_may_redirect",
    "HTTPRouteBackendTimeout": (
        f"{_ACTIONS}::test_timeouts_without_retries_limit_the_whole_request"
    ),
    "HTTPRouteBackendURLRewrite": (
        f"{_REQUESTS}::test_each_backend_rewrites_its_share_of_the_requests"
    ),
    "HTTPRouteCORS": f"{_ACTIONS}::test_origins_of_cors_are_exact_or_hold_a_star",
    "HTTPRouteDestinationPortMatching": f"{_ATTACHMENT}::test_a_parent_ref_names_listeners",
    "HTTPRouteHostRewrite": f"{_ACTIONS}::test_a_whole_path_is_replaced_literally",
    "HTTPRouteMethodMatching": f"{_MATCHES}::test_every_condition_of_a_match_is_asked_for",
    "HTTPRouteNamedRouteRule": f"{_MATCHES}::test_a_route_has_the_name_of_its_rule",
    "HTTPRouteParentRefPort": f"{_ATTACHMENT}::test_a_parent_ref_names_listeners",
    "HTTPRoutePathRedirect": f"{_ACTIONS}::test_redirects",
    "HTTPRoutePathRewrite": f"{_ACTIONS}::test_prefixes_are_replaced",
    "HTTPRoutePortRedirect": f"{_ACTIONS}::test_redirects",
    "HTTPRouteQueryParamMatching": f"{_MATCHES}::test_every_condition_of_a_match_is_asked_for",
    "HTTPRouteRequestMirror": f"{_ACTIONS}::test_every_mirror_gets_its_share",
    "HTTPRouteRequestMultipleMirrors": f"{_ACTIONS}::test_every_mirror_gets_its_share",
    "HTTPRouteRequestPercentageMirror": f"{_ACTIONS}::test_every_mirror_gets_its_share",
    "HTTPRouteRequestTimeout": (
        f"{_ACTIONS}::test_timeouts_without_retries_limit_the_whole_request"
    ),
    "HTTPRouteResponseHeaderModification": (
        f"{_ACTIONS}::test_headers_are_set_added_and_removed_and_percent_signs_are_literal"
    ),
    "HTTPRouteRetry": (
        f"{_ACTIONS}::test_retries_are_for_the_listed_codes_and_for_connections_that_break"
    ),
    "HTTPRouteRetryBackendTimeout": (
        f"{_REQUESTS}::test_tries_that_run_out_of_time_cost_nothing_when_a_later_one_is_answered"
    ),
    "HTTPRouteRetryConnectionError": (f"{_REQUESTS}::test_a_connection_that_breaks_is_tried_again"),
    "HTTPRouteSchemeRedirect": f"{_ACTIONS}::test_redirects",
    "ListenerSet": f"{_STATUS}::test_a_gateway_says_from_where_listener_sets_may_come",
    "ReferenceGrant": (
        f"{_LISTENERS}::test_a_certificate_of_another_namespace_is_shown_where_it_is_granted"
    ),
    "TCPRoute": f"{_ENVOYS}::test_a_tcp_route_forwards_connections",
    "TLSRoute": f"{_STREAMS}::test_hostnames_are_narrowed_to_those_of_the_listener",
    "TLSRouteModeMixed": (
        f"{_ENVOYS}::test_one_port_ends_tls_for_one_name_and_passes_it_through_for_another"
    ),
    "TLSRouteModeTerminate": f"{_STREAMS}::test_where_tls_ends_connections_go_to_tls_routes",
    "UDPRoute": f"{_ENVOYS}::test_datagrams_come_back_to_who_sent_them",
}
"""The test of each, in the folder of tests."""
MESH_FEATURES: Final[Mapping[str, str]] = {
    "Mesh": f"{_MESH}::test_calls_that_no_match_takes_have_no_route",
    "MeshConsumerRoute": (
        f"{_SIDECARS}"
        "::test_callers_get_the_services_routes_and_those_of_their_own_namespace_instead"
    ),
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
_NOT_AS_ISTIO: Final = frozenset(
    {
        "GatewayHTTPSListenerDetectMisdirectedRequests",
        "HTTPRouteBackendRequestRedirect",
        "HTTPRouteBackendURLRewrite",
        "HTTPRouteRetryBackendTimeout",
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
