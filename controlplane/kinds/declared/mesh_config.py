"""MeshConfig, which is no kind of object but has fields that may be forgotten as well."""

from typing import Final

from controlplane.kinds.declared import destination_rule, virtual_service
from controlplane.kinds.istio import extension_providers as providers, mesh_config as specs
from controlplane.kinds.istio.proxy_config import (
    ConnectionSettings,
    CustomTag,
    LiteralTag,
    NamedTag,
    RemoteService,
    StatsMatcher,
    TracerAddress,
    Tracing,
)
from controlplane.kinds.served import Fields, by, no_effect

_LISTENERS: Final = "translate.istio.listener_settings"
_PROXY: Final = "translate.istio.proxy_config"
_START: Final = "translate.istio.proxy_start"
_INBOUND: Final = "translate.istio.inbound_settings"
_DEFAULTS: Final = "queries.clusters.clusters:mesh_defaults"
_CUSTOM: Final = "translate.istio.external_authorization"
_LOGS: Final = "translate.istio.access_logging"
_TRACING: Final = "translate.istio.tracing"
_TRACERS: Final = "translate.istio.tracing_providers"
_VISIBILITY: Final = "translate.istio.entry_visibility"

PROXY_CONFIG: Final[Fields] = {
    **destination_rule.TLS,
    **destination_rule.CONNECTION_POOL,
    specs.ProxyConfig: (
        by(
            f"{_LISTENERS}:listener_settings",
            "gateway_topology",
            "connection_settings",
            "proxy_headers",
            "tracing",
        ),
        by("queries.registry.proxy_configs:proxy_settings", "proxy_metadata"),
        by(
            f"{_START}:proxy_start",
            "concurrency",
            "drain_duration",
            "termination_drain_duration",
            "file_flush_interval",
            "file_flush_min_size_kb",
            "proxy_admin_port",
            "status_port",
            "service_cluster",
            "tracing_service_name",
            "mesh_id",
            "interception_mode",
            "runtime_values",
            "proxy_stats_matcher",
            "extra_stat_tags",
            "stats_compression",
            "statsd_udp_address",
            "envoy_metrics_service",
            "envoy_access_log_service",
        ),
        no_effect(
            "envoy/workload.py starts no application before its proxy is ready",
            "hold_application_until_proxy_starts",
        ),
        no_effect("Envoy limits the names of statistics no longer", "stat_name_length"),
    ),
    StatsMatcher: (
        by(
            f"{_START}:proxy_start",
            "inclusion_prefixes",
            "inclusion_suffixes",
            "inclusion_regexps",
        ),
    ),
    RemoteService: (by(f"{_START}:proxy_start", "address", "tls_settings", "tcp_keepalive"),),
    specs.GatewayTopology: (
        by(
            f"{_LISTENERS}:listener_settings",
            "num_trusted_proxies",
            "forward_client_cert_details",
            "proxy_protocol",
        ),
    ),
    specs.ProxyHeaders: (
        by(
            f"{_LISTENERS}:listener_settings",
            "request_id",
            "server",
            "envoy_debug_headers",
            "preserve_http1_header_case",
            "x_forwarded_port",
        ),
        by(f"{_PROXY}:tells_attempt", "attempt_count"),
        by(f"{_PROXY}:appends_forwarded_host", "x_forwarded_host"),
        by(
            f"{_LISTENERS}:listener_settings",
            "forwarded_client_cert",
            "set_current_client_cert_details",
        ),
    ),
    specs.SetClientCertDetails: (
        by(f"{_LISTENERS}:listener_settings", "subject", "cert", "chain", "dns", "uri"),
    ),
    specs.HeaderSwitch: (by(f"{_LISTENERS}:listener_settings", "disabled", "value"),),
    specs.Enabling: (by(f"{_LISTENERS}:listener_settings", "enabled"),),
    ConnectionSettings: (
        by(
            f"{_LISTENERS}:listener_settings",
            "profile",
            "http_idle_timeout",
            "http_max_connection_duration",
            "http_max_stream_duration",
            "http_stream_idle_timeout",
            "http_request_timeout",
            "http_request_headers_timeout",
            "http_drain_timeout",
            "http_max_concurrent_streams",
            "http2_initial_stream_window_size",
            "http2_initial_connection_window_size",
            "http_headers_with_underscores_action",
            "http_merge_slashes",
            "http_path_with_escaped_slashes_action",
            "listener_per_connection_buffer_limit_bytes",
        ),
        by(f"{_START}:proxy_start", "global_downstream_connection_limit"),
    ),
    Tracing: (
        by(f"{_TRACING}:traced_by_bootstrap", "sampling", "max_path_tag_length", "custom_tags"),
        by(f"{_TRACING}:own_has_istio_tags", "enable_istio_tags"),
        by(f"{_START}:_tracer", "zipkin", "datadog", "tls_settings"),
    ),
    TracerAddress: (by(f"{_START}:_tracer", "address"),),
    CustomTag: (by(f"{_TRACING}:tag_value", "literal", "environment", "header"),),
    LiteralTag: (by(f"{_TRACING}:tag_value", "value"),),
    NamedTag: (by(f"{_TRACING}:tag_value", "name", "default_value"),),
}
TRACING_PROVIDERS: Final[Fields] = {
    providers.Zipkin: (
        by(
            f"{_TRACERS}:tracer",
            "service",
            "port",
            "enable_64bit_trace_id",
            "path",
            "trace_context_option",
            "timeout",
            "headers",
        ),
        by(f"{_TRACERS}:tag_length", "max_tag_length"),
    ),
    providers.Datadog: (
        by(f"{_TRACERS}:tracer", "service", "port"),
        by(f"{_TRACERS}:tag_length", "max_tag_length"),
    ),
    providers.SkyWalking: (
        by(f"{_TRACERS}:tracer", "service", "port"),
        no_effect("Istio sends it to no proxy", "access_token"),
    ),
    providers.OpenTelemetry: (
        by(
            f"{_TRACERS}:tracer",
            "service",
            "port",
            "http",
            "grpc",
            "resource_detectors",
            "dynatrace_sampler",
        ),
        by(f"{_TRACERS}:service_name", "service_attribute_enrichment"),
        by(f"{_TRACERS}:tag_length", "max_tag_length"),
    ),
    providers.HttpService: (by(f"{_TRACERS}:tracer", "path", "timeout", "headers"),),
    providers.GrpcService: (by(f"{_TRACERS}:tracer", "timeout", "initial_metadata"),),
    providers.HttpHeader: (by(f"{_TRACERS}:tracer", "name", "value"),),
    providers.ResourceDetectors: (by(f"{_TRACERS}:tracer", "environment", "dynatrace"),),
    providers.DynatraceSampler: (
        by(f"{_TRACERS}:tracer", "tenant", "cluster_id", "root_spans_per_minute", "http_service"),
    ),
    providers.DynatraceApi: (by(f"{_TRACERS}:tracer", "service", "port", "http"),),
}
LOG_PROVIDERS: Final[Fields] = {
    providers.FileAccessLog: (by(f"{_LOGS}:_file", "path", "log_format", "omit_empty_values"),),
    providers.LogFormat: (by(f"{_LOGS}:_file", "text", "labels"),),
    providers.HttpAccessLog: (
        by(f"{_LOGS}:_service", "service", "port", "log_name"),
        by(
            f"{_LOGS}:logger",
            "filter_state_objects_to_log",
            "additional_request_headers_to_log",
            "additional_response_headers_to_log",
            "additional_response_trailers_to_log",
        ),
    ),
    providers.TcpAccessLog: (
        by(f"{_LOGS}:_service", "service", "port", "log_name"),
        by(f"{_LOGS}:logger", "filter_state_objects_to_log"),
    ),
    providers.OpenTelemetryAccessLog: (
        by(f"{_LOGS}:_service", "service", "port", "log_name"),
        by(f"{_LOGS}:_open_telemetry", "log_format"),
    ),
}
EXTENSION_PROVIDERS: Final[Fields] = {
    providers.ExtensionProvider: (
        by(f"{_CUSTOM}:declared_provider", "name"),
        by(f"{_CUSTOM}:authorization_of", "envoy_ext_authz_http", "envoy_ext_authz_grpc"),
        by(
            f"{_LOGS}:log_provider",
            "envoy_file_access_log",
            "envoy_http_als",
            "envoy_tcp_als",
            "envoy_otel_als",
        ),
        by(f"{_TRACERS}:tracing_of", "zipkin", "opentelemetry", "datadog", "skywalking"),
        by("translate.istio.metrics:is_prometheus", "prometheus"),
    ),
    **LOG_PROVIDERS,
    **TRACING_PROVIDERS,
    providers.HttpAuthorization: (
        by(f"{_CUSTOM}:provider_service", "service", "port"),
        by(
            f"{_CUSTOM}:provider",
            "timeout",
            "fail_open",
            "status_on_error",
            "include_request_body_in_check",
        ),
        by(
            f"{_CUSTOM}:_http",
            "path_prefix",
            "include_headers_in_check",
            "include_request_headers_in_check",
            "include_additional_headers_in_check",
            "headers_to_upstream_on_allow",
            "headers_to_downstream_on_deny",
            "headers_to_downstream_on_allow",
        ),
        no_effect("Istio sends it to no proxy", "clear_route_cache"),
    ),
    providers.GrpcAuthorization: (
        by(f"{_CUSTOM}:provider_service", "service", "port"),
        by(
            f"{_CUSTOM}:provider",
            "timeout",
            "fail_open",
            "status_on_error",
            "include_request_body_in_check",
        ),
        no_effect("Istio sends it to no proxy", "clear_route_cache"),
    ),
    providers.RequestBody: (
        by(f"{_CUSTOM}:_body", "max_request_bytes", "allow_partial_message", "pack_as_bytes"),
    ),
}
VISIBILITY: Final[Fields] = {
    specs.ServiceEntryVisibility: (
        by(f"{_VISIBILITY}:capped", "default_visibility", "policies", "apply_to_sidecars"),
    ),
    specs.VisibilityPolicy: (by(f"{_VISIBILITY}:capped", "visibility", "matching_rules"),),
    specs.VisibilityRule: (by(f"{_VISIBILITY}:capped", "namespace_selector"),),
    specs.NamespaceSelector: (by(f"{_VISIBILITY}:capped", "match_labels", "match_expressions"),),
    specs.Requirement: (by(f"{_VISIBILITY}:capped", "key", "operator", "values"),),
}
MESH_CONFIG: Final[Fields] = {
    specs.MeshConfig: (
        by(
            _DEFAULTS,
            "trust_domain",
            "trust_domain_aliases",
            "enable_auto_mtls",
            "connect_timeout",
            "tcp_keepalive",
            "dns_refresh_rate",
            "h2_upgrade_policy",
            "locality_lb_setting",
            "zone_aware_lb_setting",
            "tls_defaults",
            "default_config",
        ),
        by("queries.policy.rules:governing_rules", "root_namespace"),
        by(f"{_CUSTOM}:declared_provider", "extension_providers"),
        by("queries.policy.access_logging:wanted", "default_providers"),
        by("translate.istio.sidecar_egress:unknown_traffic", "outbound_traffic_policy"),
        by("queries.policy.policies:mesh_policy", "default_traffic_policy"),
        by("queries.policy.rules:rule_of", "default_destination_rule_export_to"),
        by(
            "queries.registry.services:service_of",
            "default_service_export_to",
            "service_entry_visibility",
        ),
        by("queries.routes.virtual_services:merge_order", "default_virtual_service_export_to"),
        by("queries.routes.virtual_services:route_defaults", "default_http_retry_policy"),
        by(
            f"{_LISTENERS}:listener_settings",
            "path_normalization",
            "enable_tracing",
            "protocol_detection_timeout",
        ),
        by(f"{_LOGS}:mesh_logs", "access_log_file", "enable_envoy_access_log_service"),
        by(f"{_LOGS}:mesh_file", "access_log_format", "access_log_encoding"),
        by(f"{_LOGS}:everywhere", "disable_envoy_listener_log"),
        by(
            f"{_INBOUND}:inbound_settings",
            "proxy_inbound_listen_port",
            "inbound_traffic_policy",
            "default_inbound_http_retry_policy",
            "mesh_mtls",
        ),
    ),
    specs.DefaultProviders: (
        by("queries.policy.access_logging:wanted", "access_logging"),
        by("queries.policy.tracing:trace_spec", "tracing"),
        by("queries.policy.metrics:default_providers", "metrics"),
    ),
    specs.OutboundTrafficPolicy: (
        by("translate.istio.sidecar_egress:unknown_traffic", "mode"),
        by("queries.clusters.special_clusters:unknown_tls", "tls"),
    ),
    specs.InboundTrafficPolicy: (by(f"{_INBOUND}:inbound_settings", "mode"),),
    specs.DefaultTrafficPolicy: (
        by("queries.policy.policies:mesh_policy", "connection_pool", "outlier_detection"),
    ),
    specs.MeshTls: (
        by("translate.istio.client_tls:parameters", "ecdh_curves", "cipher_suites"),
        by("translate.istio.gateway_tls:server_tls", "min_protocol_version"),
    ),
    specs.PathNormalization: (by(f"{_LISTENERS}:listener_settings", "normalization"),),
}
FIELDS: Final[Fields] = {
    **virtual_service.RETRIES,
    **destination_rule.LOCALITY,
    **destination_rule.CONNECTION_POOL,
    **destination_rule.OUTLIER_DETECTION,
    **destination_rule.TLS,
    **PROXY_CONFIG,
    **EXTENSION_PROVIDERS,
    **VISIBILITY,
    **MESH_CONFIG,
}
