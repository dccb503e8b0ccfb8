"""VirtualService."""

from typing import Final

from controlplane.kinds.istio import virtual_service as specs
from controlplane.kinds.istio.selection import PortSelector, StringMatch
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE, VirtualService
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.virtual_service import virtual_service

_ACTION: Final = "translate.istio.http_action"
_APPLIES: Final = "translate.istio.virtual_service:applies"
_RULE: Final = "translate.istio.virtual_service:complete_rules"

TEXT: Final[Fields] = {
    StringMatch: (by("translate.istio.http_match:value_match", "exact", "prefix", "regex"),),
}
TARGETS: Final[Fields] = {
    specs.Destination: (
        by(_RULE, "host"),
        by("queries.listeners.streams:destination_of", "port", "subset"),
    ),
}
PORT: Final[Fields] = {
    PortSelector: (by("queries.listeners.streams:destination_of", "number"),),
}
RETRIES: Final[Fields] = {
    specs.HttpRetry: (
        by(
            "translate.istio.http_retry:retry_policy",
            "attempts",
            "per_try_timeout",
            "retry_on",
            "retry_remote_localities",
            "retry_ignore_previous_hosts",
            "backoff",
        ),
    ),
}
HTTP_MATCH: Final[Fields] = {
    specs.HttpMatch: (
        by(
            "translate.istio.http_match:route_match",
            "uri",
            "ignore_uri_case",
            "query_params",
            "scheme",
            "method",
            "authority",
            "headers",
            "without_headers",
        ),
        by(_APPLIES, "port", "gateways", "source_labels", "source_namespace"),
        by("translate.istio.virtual_service:http_routes", "name", "stat_prefix"),
    ),
}
HTTP_ACTIONS: Final[Fields] = {
    specs.HttpRedirect: (
        by(
            f"{_ACTION}:redirect",
            "authority",
            "scheme",
            "redirect_code",
            "port",
            "derive_port",
            "uri",
            "prefix_rewrite",
        ),
    ),
    specs.HttpDirectResponse: (by(f"{_ACTION}:direct_response", "status", "body"),),
    specs.HttpBody: (by(f"{_ACTION}:direct_response", "string", "bytes"),),
    specs.Delegate: (by("queries.routes.virtual_services:delegate_key", "name", "namespace"),),
    specs.HttpRewrite: (by(f"{_ACTION}:forwarding", "authority", "uri", "uri_regex_rewrite"),),
    specs.RegexRewrite: (by(f"{_ACTION}:forwarding", "match", "rewrite"),),
    specs.MirrorPolicy: (by(f"{_ACTION}:forwarding", "destination", "percentage"),),
    specs.HttpFault: (by("translate.istio.http_policy:http_fault", "delay", "abort"),),
    specs.Delay: (
        by("translate.istio.http_policy:http_fault", "percent", "fixed_delay", "percentage"),
        no_effect("validation refuses it: Istio has no exponential delays", "exponential_delay"),
    ),
    specs.Abort: (
        by("translate.istio.http_policy:http_fault", "http_status", "grpc_status", "percentage"),
        no_effect("validation refuses it: Istio has no HTTP/2 errors", "http2_error"),
    ),
    specs.Percent: (by("translate.istio.http_policy:parts_per_million", "value"),),
    specs.CorsPolicy: (
        by(
            "translate.istio.http_policy:cors",
            "allow_origin",
            "allow_origins",
            "allow_methods",
            "allow_headers",
            "expose_headers",
            "max_age",
            "allow_credentials",
            "unmatched_preflights",
        ),
    ),
}
HTTP_ROUTE: Final[Fields] = {
    specs.HttpRoute: (
        by(_RULE, "match", "route"),
        by(
            "translate.istio.virtual_service:http_routes",
            "redirect",
            "direct_response",
            "name",
            "fault",
            "cors_policy",
            "headers",
        ),
        by("translate.istio.delegate:expanded", "delegate"),
        by(
            f"{_ACTION}:forwarding",
            "rewrite",
            "timeout",
            "retries",
            "mirror",
            "mirror_percent",
            "mirror_percentage",
            "mirrors",
        ),
    ),
    specs.HttpRouteDestination: (by(f"{_ACTION}:forwarding", "destination", "weight", "headers"),),
    specs.Headers: (by("translate.istio.virtual_service:http_routes", "request", "response"),),
    specs.HeaderOperations: (
        by("translate.istio.http_headers:header_changes", "set", "add", "remove"),
    ),
}
STREAMS: Final[Fields] = {
    specs.TlsRoute: (by("translate.istio.stream_routes:tls_rules", "match", "route"),),
    specs.TlsMatch: (
        by("translate.istio.stream_routes:tls_rules", "sni_hosts", "port", "gateways"),
        by(
            "translate.istio.mesh_streams:tls_streams",
            "destination_subnets",
            "source_labels",
            "source_namespace",
        ),
    ),
    specs.TcpRoute: (by("translate.istio.stream_routes:tcp_rule", "match", "route"),),
    specs.TcpMatch: (
        by("translate.istio.stream_routes:tcp_rule", "port", "gateways"),
        by(
            "translate.istio.mesh_streams:tcp_streams",
            "destination_subnets",
            "source_labels",
            "source_namespace",
        ),
        no_effect("Istio looks at it nowhere, as a warning says", "source_subnet"),
    ),
    specs.RouteDestination: (
        by("queries.listeners.streams:routed_stream", "destination", "weight"),
    ),
}
FIELDS: Final[Fields] = {
    **TEXT,
    **TARGETS,
    **PORT,
    **RETRIES,
    **HTTP_MATCH,
    **HTTP_ACTIONS,
    **HTTP_ROUTE,
    **STREAMS,
    VirtualService: (
        by("translate.istio.virtual_service:virtual_service_hosts", "hosts"),
        by("translate.istio.virtual_service:virtual_service_gateways", "gateways"),
        by("translate.istio.virtual_service:complete_rules", "http"),
        by("translate.istio.stream_routes:tls_rules", "tls"),
        by("translate.istio.stream_routes:tcp_rule", "tcp"),
        by("queries.routes.virtual_services:merge_order", "export_to"),
    ),
}

KIND: Final = ServedKind(
    kind=VIRTUAL_SERVICE,
    api_versions=NETWORKING_VERSIONS,
    spec=VirtualService,
    validate=virtual_service,
    fields=FIELDS,
    custom=True,
)
