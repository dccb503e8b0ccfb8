"""HTTPRoute of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api import common, http_filters, http_route
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE, HttpRoute
from controlplane.kinds.gateway_api.status import ROUTE_STATUS
from controlplane.kinds.gateway_api.versions import V1_AND_V1BETA1
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.gateway_api.admission import gateway_api

_RANKED: Final = "translate.gateway_api.http_route:ranked_routes"
_MATCH: Final = "translate.gateway_api.route_match:http_match"
_RULES: Final = "translate.gateway_api.route_rule:route_rules"
_ATTACHED: Final = "translate.gateway_api.attachment:attachment"
_SESSION: Final = "translate.gateway_api.sessions:session"
_PROVIDER: Final = "translate.gateway_api.external_auth:external_provider"
_FILTERS: Final = "translate.gateway_api.filters"

BACKEND_FIELDS: Final = (
    by("translate.gateway_api.backend_ref:kind_of", "group", "kind"),
    by("translate.gateway_api.backend_ref:namespace_of", "namespace"),
    by("queries.gateway_api.backends:unresolved", "name", "port"),
)
ANY_EXTENSION: Final = no_effect(
    "an ExtensionRef takes the rules of its route away, whatever it names", "extension_ref"
)
ROUTE_FIELDS: Final[Fields] = {
    common.ParentReference: (
        by("queries.gateway_api.attachment:parent_key", "group", "kind", "namespace", "name"),
        by(_ATTACHED, "section_name", "port"),
    ),
    common.BackendObjectReference: BACKEND_FIELDS,
    http_filters.HttpHeaderFilter: (by(f"{_FILTERS}:header_changes", "set", "add", "remove"),),
    http_filters.HttpHeader: (by(f"{_FILTERS}:header_changes", "name", "value"),),
    http_filters.HttpRequestMirrorFilter: (by(_RANKED, "backend_ref", "percent", "fraction"),),
    http_filters.Fraction: (by(_RANKED, "numerator", "denominator"),),
    common.SessionPersistence: (
        by(
            _SESSION,
            "session_name",
            "absolute_timeout",
            "type",
            "cookie_config",
            "cookie",
            "header",
        ),
    ),
    common.CookieConfig: (by(_SESSION, "lifetime_type"),),
    common.SessionCookie: (by(_SESSION, "name", "path", "lifetime_type"),),
    common.SessionHeader: (by(_SESSION, "name"),),
}
"""What HTTPRoutes and GRPCRoutes share."""
FIELDS: Final[Fields] = {
    **ROUTE_FIELDS,
    http_route.HttpRoute: (
        by("queries.gateway_api.attachment:attachment", "parent_refs"),
        by("queries.gateway_api.attachment:route_hosts", "hostnames"),
        by(_RULES, "rules"),
    ),
    http_route.HttpRouteRule: (
        by(_RULES, "matches"),
        by(_RANKED, "name", "filters", "backend_refs", "retry"),
        by("translate.gateway_api.retries:timeout", "timeouts"),
        by(_SESSION, "session_persistence"),
    ),
    http_route.HttpRouteMatch: (by(_MATCH, "path", "headers", "query_params", "method"),),
    http_route.HttpPathMatch: (by(_MATCH, "type", "value"),),
    http_route.HttpHeaderMatch: (by(_MATCH, "type", "name", "value"),),
    http_route.HttpQueryParamMatch: (by(_MATCH, "type", "name", "value"),),
    http_route.HttpBackendRef: (
        *BACKEND_FIELDS,
        by(_RANKED, "weight", "filters"),
    ),
    http_route.HttpRouteTimeouts: (
        by("translate.gateway_api.retries:timeout", "request", "backend_request"),
    ),
    http_route.HttpRouteRetry: (
        by("translate.gateway_api.retries:retry_policy", "codes", "attempts", "backoff"),
    ),
    http_filters.HttpRouteFilter: (
        by(
            _RANKED,
            "request_header_modifier",
            "response_header_modifier",
            "request_mirror",
            "request_redirect",
            "url_rewrite",
            "cors",
            "external_auth",
        ),
        by("translate.gateway_api.route_faults:route_faults", "type"),
        ANY_EXTENSION,
    ),
    http_filters.HttpExternalAuthFilter: (
        by(_RANKED, "backend_ref"),
        by(_PROVIDER, "protocol", "grpc", "http", "forward_body"),
    ),
    http_filters.GrpcAuthConfig: (by(_PROVIDER, "allowed_headers"),),
    http_filters.HttpAuthConfig: (
        by(_PROVIDER, "path", "allowed_headers", "allowed_response_headers"),
    ),
    http_filters.ForwardBodyConfig: (by(_PROVIDER, "max_size"),),
    http_filters.HttpRequestRedirectFilter: (
        by(f"{_FILTERS}:redirect", "scheme", "hostname", "path", "port", "status_code"),
    ),
    http_filters.HttpUrlRewriteFilter: (
        by(_RANKED, "hostname"),
        by(f"{_FILTERS}:path_rewrite", "path"),
    ),
    http_filters.HttpPathModifier: (
        by(f"{_FILTERS}:path_rewrite", "type", "replace_full_path", "replace_prefix_match"),
    ),
    http_filters.HttpCorsFilter: (
        by(
            f"{_FILTERS}:cors",
            "allow_origins",
            "allow_credentials",
            "allow_methods",
            "allow_headers",
            "expose_headers",
            "max_age",
        ),
    ),
}

KIND: Final = ServedKind(
    kind=HTTP_ROUTE,
    api_versions=V1_AND_V1BETA1,
    spec=HttpRoute,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=ROUTE_STATUS,
)
