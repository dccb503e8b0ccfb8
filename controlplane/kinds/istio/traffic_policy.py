"""The traffic policy of a DestinationRule, which MeshConfig shares in part.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/
"""

from collections.abc import Mapping
from enum import Enum

from controlplane.kinds.istio.selection import PortSelector
from controlplane.kinds.spec import Duration, Int32, Spec, UInt32, UInt64


class SimpleBalancer(Enum):
    UNSPECIFIED = "UNSPECIFIED"
    LEAST_CONN = "LEAST_CONN"
    RANDOM = "RANDOM"
    PASSTHROUGH = "PASSTHROUGH"
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"


class CookieAttribute(Spec, frozen=True):
    name: str = ""
    value: str = ""


class HttpCookie(Spec, frozen=True):
    name: str = ""
    path: str = ""
    ttl: Duration | None = None
    attributes: tuple[CookieAttribute, ...] = ()


class RingHash(Spec, frozen=True):
    minimum_ring_size: UInt64 = 0


class MagLev(Spec, frozen=True):
    table_size: UInt64 = 0


class ConsistentHash(Spec, frozen=True):
    http_header_name: str | None = None
    http_cookie: HttpCookie | None = None
    use_source_ip: bool | None = None
    http_query_parameter_name: str | None = None
    ring_hash: RingHash | None = None
    maglev: MagLev | None = None
    minimum_ring_size: UInt64 = 0


class Distribute(Spec, frozen=True, rename={"from_": "from"}):
    from_: str = ""
    to: Mapping[str, UInt32] = {}


class Failover(Spec, frozen=True, rename={"from_": "from"}):
    from_: str = ""
    to: str = ""


class LocalityLb(Spec, frozen=True):
    distribute: tuple[Distribute, ...] = ()
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    enabled: bool | None = None


class ZoneAwareLb(Spec, frozen=True):
    enabled: bool | None = None
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    min_cluster_size: UInt32 | None = None


class Warmup(Spec, frozen=True):
    duration: Duration | None = None
    minimum_percent: float | None = None
    aggression: float | None = None


class BackendUtilization(Spec, frozen=True, forbid_unknown_fields=False):
    """Weights by the load that backends report. Its fields are not read yet."""


class LoadBalancer(Spec, frozen=True):
    simple: SimpleBalancer | None = None
    consistent_hash: ConsistentHash | None = None
    backend_utilization: BackendUtilization | None = None
    locality_lb_setting: LocalityLb | None = None
    zone_aware_lb_setting: ZoneAwareLb | None = None
    warmup_duration_secs: Duration | None = None
    warmup: Warmup | None = None


class TcpKeepalive(Spec, frozen=True):
    probes: UInt32 = 0
    time: Duration | None = None
    interval: Duration | None = None


class TcpPool(Spec, frozen=True):
    max_connections: Int32 = 0
    connect_timeout: Duration | None = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: Duration | None = None
    idle_timeout: Duration | None = None


class H2UpgradePolicy(Enum):
    DEFAULT = "DEFAULT"
    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class Http2KeepAlive(Spec, frozen=True):
    interval: Duration | None = None
    timeout: Duration | None = None


class HttpPool(Spec, frozen=True):
    http1_max_pending_requests: Int32 = 0
    http2_max_requests: Int32 = 0
    max_requests_per_connection: Int32 = 0
    max_retries: Int32 = 0
    idle_timeout: Duration | None = None
    h2_upgrade_policy: H2UpgradePolicy = H2UpgradePolicy.DEFAULT
    use_client_protocol: bool = False
    max_concurrent_streams: Int32 = 0
    http2_keep_alive: Http2KeepAlive | None = None


class ConnectionPool(Spec, frozen=True):
    tcp: TcpPool | None = None
    http: HttpPool | None = None


class OutlierDetection(Spec, frozen=True):
    consecutive_errors: Int32 = 0
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: UInt32 | None = None
    consecutive_gateway_errors: UInt32 | None = None
    consecutive5xx_errors: UInt32 | None = None
    interval: Duration | None = None
    base_ejection_time: Duration | None = None
    max_ejection_percent: Int32 = 0
    min_health_percent: Int32 = 0
    outlier_detection_http_error_codes: tuple[UInt32, ...] = ()


class ClientTlsMode(Enum):
    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"


class ClientTls(Spec, frozen=True):
    mode: ClientTlsMode = ClientTlsMode.DISABLE
    client_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    ca_crl: str = ""
    credential_name: str = ""
    subject_alt_names: tuple[str, ...] = ()
    sni: str = ""
    insecure_skip_verify: bool | None = None


class Tunnel(Spec, frozen=True):
    protocol: str = ""
    target_host: str = ""
    target_port: UInt32 = 0


class ProxyProtocolVersion(Enum):
    V1 = "V1"
    V2 = "V2"


class ProxyProtocol(Spec, frozen=True):
    version: ProxyProtocolVersion = ProxyProtocolVersion.V1


class RetryBudget(Spec, frozen=True):
    percent: float | None = None
    min_retry_concurrency: UInt32 = 0
    budget_interval: Duration | None = None


class PortTrafficPolicy(Spec, frozen=True):
    port: PortSelector | None = None
    load_balancer: LoadBalancer | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTls | None = None


class TrafficPolicy(Spec, frozen=True):
    load_balancer: LoadBalancer | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTls | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    tunnel: Tunnel | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None
