"""DestinationRule, and the traffic policy that MeshConfig shares in part."""

from typing import Final

from controlplane.kinds.declared.virtual_service import PORT
from controlplane.kinds.istio import traffic_policy as specs
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE, DestinationRule, Subset
from controlplane.kinds.istio.selection import LabelSelector
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.destination_rule import destination_rule

_POLICY: Final = "translate.istio.traffic_policy"
_LOCALITY: Final = "translate.istio.locality:locality_policy"
_TLS: Final = "translate.istio.client_tls"

LOCALITY: Final[Fields] = {
    specs.LocalityLb: (by(_LOCALITY, "distribute", "failover", "failover_priority", "enabled"),),
    specs.Distribute: (by(_LOCALITY, "from_", "to"),),
    specs.Failover: (by(_LOCALITY, "from_", "to"),),
    specs.ZoneAwareLb: (
        by(_LOCALITY, "enabled", "failover", "failover_priority", "min_cluster_size"),
    ),
}
LOAD_BALANCER: Final[Fields] = {
    specs.LoadBalancer: (
        by(
            f"{_POLICY}:policy_by_port",
            "consistent_hash",
            "locality_lb_setting",
            "zone_aware_lb_setting",
            "simple",
            "warmup_duration_secs",
            "warmup",
        ),
    ),
    specs.ConsistentHash: (
        by(
            f"{_POLICY}:policy_by_port",
            "http_header_name",
            "http_cookie",
            "use_source_ip",
            "http_query_parameter_name",
            "ring_hash",
            "maglev",
            "minimum_ring_size",
        ),
    ),
    specs.HttpCookie: (by(f"{_POLICY}:policy_by_port", "name", "path", "ttl", "attributes"),),
    specs.CookieAttribute: (by(f"{_POLICY}:policy_by_port", "name", "value"),),
    specs.RingHash: (by(f"{_POLICY}:policy_by_port", "minimum_ring_size"),),
    specs.MagLev: (by(f"{_POLICY}:policy_by_port", "table_size"),),
    specs.Warmup: (by(f"{_POLICY}:policy_by_port", "duration", "minimum_percent", "aggression"),),
}
CONNECTION_POOL: Final[Fields] = {
    specs.ConnectionPool: (by(f"{_POLICY}:policy_by_port", "tcp", "http"),),
    specs.TcpPool: (
        by(
            f"{_POLICY}:policy_by_port",
            "max_connections",
            "connect_timeout",
            "tcp_keepalive",
            "max_connection_duration",
            "idle_timeout",
        ),
    ),
    specs.TcpKeepalive: (by(f"{_POLICY}:policy_by_port", "probes", "time", "interval"),),
    specs.HttpPool: (
        by(
            f"{_POLICY}:policy_by_port",
            "http1_max_pending_requests",
            "http2_max_requests",
            "max_requests_per_connection",
            "max_retries",
            "idle_timeout",
            "max_concurrent_streams",
            "http2_keep_alive",
            "h2_upgrade_policy",
            "use_client_protocol",
        ),
    ),
    specs.Http2KeepAlive: (by(f"{_POLICY}:policy_by_port", "interval", "timeout"),),
}
OUTLIER_DETECTION: Final[Fields] = {
    specs.OutlierDetection: (
        by(
            f"{_POLICY}:policy_by_port",
            "split_external_local_origin_errors",
            "consecutive_local_origin_failures",
            "consecutive_gateway_errors",
            "consecutive5xx_errors",
            "interval",
            "base_ejection_time",
            "max_ejection_percent",
            "min_health_percent",
            "outlier_detection_http_error_codes",
        ),
        no_effect("deprecated: Istio ignores it, as a warning says", "consecutive_errors"),
    ),
}
TLS: Final[Fields] = {
    specs.ClientTls: (
        by(
            f"{_TLS}:client_tls",
            "mode",
            "sni",
            "subject_alt_names",
            "client_certificate",
            "private_key",
            "ca_certificates",
            "ca_crl",
            "credential_name",
            "insecure_skip_verify",
        ),
    ),
}
FIELDS: Final[Fields] = {
    **PORT,
    **LOCALITY,
    **LOAD_BALANCER,
    **CONNECTION_POOL,
    **OUTLIER_DETECTION,
    **TLS,
    DestinationRule: (
        by(
            "translate.istio.destination_rule:destination_rule",
            "host",
            "traffic_policy",
            "subsets",
            "export_to",
            "workload_selector",
        ),
    ),
    Subset: (
        by("translate.istio.destination_rule:destination_rule", "name", "labels", "traffic_policy"),
    ),
    LabelSelector: (by("translate.istio.destination_rule:destination_rule", "match_labels"),),
    specs.TrafficPolicy: (
        by(
            f"{_POLICY}:policy_by_port",
            "port_level_settings",
            "load_balancer",
            "connection_pool",
            "outlier_detection",
            "tls",
            "tunnel",
            "proxy_protocol",
            "retry_budget",
        ),
    ),
    specs.PortTrafficPolicy: (
        by(
            f"{_POLICY}:policy_by_port",
            "port",
            "load_balancer",
            "connection_pool",
            "outlier_detection",
            "tls",
        ),
    ),
    specs.Tunnel: (by(f"{_POLICY}:policy_by_port", "protocol", "target_host", "target_port"),),
    specs.ProxyProtocol: (by(f"{_POLICY}:policy_by_port", "version"),),
    specs.RetryBudget: (by(f"{_POLICY}:policy_by_port", "percent", "min_retry_concurrency"),),
}

KIND: Final = ServedKind(
    kind=DESTINATION_RULE,
    api_versions=NETWORKING_VERSIONS,
    spec=DestinationRule,
    validate=destination_rule,
    fields=FIELDS,
    custom=True,
)
