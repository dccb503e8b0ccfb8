"""Parts of ProxyConfig (MeshConfig ``defaultConfig``): how a proxy's connections are read, how it
is started, and what it reports of itself.

Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from controlplane.kinds.istio.proxy_image import ProxyImage
from controlplane.kinds.istio.traffic_policy import ClientTls, TcpKeepalive
from controlplane.kinds.spec import Duration, Int32, Spec, UInt32

ANNOTATION: Final = "proxy.istio.io/config"
"""The annotation of a workload that holds a ProxyConfig of its proxy's own, as YAML."""
METADATA_VARIABLES: Final[Mapping[str, str]] = {
    f"ISTIO_META_{name}": name
    for name in ("HTTP10", "HTTP_PROXY_PORT", "IDLE_TIMEOUT", "UNPRIVILEGED_POD")
}
"""The environment variables of a proxy that its configuration depends on, each with what Istio's
agent makes of it: metadata of the proxy's node. They hold at once; all others as a proxy starts.
"""
METADATA_PREFIX: Final = "ISTIO_META_"
"""A variable that begins with it is metadata of the node, without it."""
MAX_CONNECTIONS: Final = "ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS"


class ConnectionSettings(Spec, frozen=True):
    """``profile`` EDGE is a set of careful values for gateways; what is said beside it wins."""

    profile: str = ""
    http_idle_timeout: Duration | None = None
    http_max_connection_duration: Duration | None = None
    http_max_stream_duration: Duration | None = None
    http_stream_idle_timeout: Duration | None = None
    http_request_timeout: Duration | None = None
    http_request_headers_timeout: Duration | None = None
    http_drain_timeout: Duration | None = None
    http_max_concurrent_streams: int | None = None
    http2_initial_stream_window_size: int | None = None
    http2_initial_connection_window_size: int | None = None
    http_headers_with_underscores_action: str = ""
    http_merge_slashes: bool | None = None
    http_path_with_escaped_slashes_action: str = ""
    listener_per_connection_buffer_limit_bytes: int | None = None
    cluster_per_connection_buffer_limit_bytes: Int32 | None = None
    listener_connection_limit: Int32 | None = None
    global_downstream_connection_limit: Int32 | None = None


class TracerAddress(Spec, frozen=True, forbid_unknown_fields=False):
    """``HOST:PORT`` of a collector, as Envoy's bootstrap has it."""

    address: str = ""


class LiteralTag(Spec, frozen=True, forbid_unknown_fields=False):
    value: str = ""


class NamedTag(Spec, frozen=True, forbid_unknown_fields=False):
    """The value of a variable or header."""

    name: str = ""
    default_value: str = ""


class CustomTag(Spec, frozen=True, forbid_unknown_fields=False):
    literal: LiteralTag | None = None
    environment: NamedTag | None = None
    header: NamedTag | None = None


class Tracing(Spec, frozen=True, forbid_unknown_fields=False):
    """``sampling`` is the percentage of requests that are traced; zero or unset is 1. ``zipkin``
    and ``datadog`` are for Envoy's bootstrap. ``max_path_tag_length`` of zero is unset.
    """

    zipkin: TracerAddress | None = None
    datadog: TracerAddress | None = None
    custom_tags: Mapping[str, CustomTag] = {}
    max_path_tag_length: UInt32 = 0
    sampling: float | None = None
    tls_settings: ClientTls | None = None
    enable_istio_tags: bool | None = None


class InterceptionMode(Enum):
    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


class TracingServiceName(Enum):
    """How a proxy calls itself in spans, unless ``serviceCluster`` names it."""

    APP_LABEL_AND_NAMESPACE = "APP_LABEL_AND_NAMESPACE"
    CANONICAL_NAME_ONLY = "CANONICAL_NAME_ONLY"
    CANONICAL_NAME_AND_NAMESPACE = "CANONICAL_NAME_AND_NAMESPACE"


class RemoteService(Spec, frozen=True):
    """``address`` is ``host:port``; without one there is no such service."""

    address: str = ""
    tls_settings: ClientTls | None = None
    tcp_keepalive: TcpKeepalive | None = None


class StatsMatcher(Spec, frozen=True):
    """Names of statistics that a proxy has beside those that Istio needs."""

    inclusion_prefixes: tuple[str, ...] = ()
    inclusion_suffixes: tuple[str, ...] = ()
    inclusion_regexps: tuple[str, ...] = ()


class KeyAccelerator(Spec, frozen=True):
    poll_delay: Duration | None = None
    fallback: bool | None = None


class PrivateKeyProvider(Spec, frozen=True):
    cryptomb: KeyAccelerator | None = None
    qat: KeyAccelerator | None = None


class ProcessSettings(Spec, frozen=True, forbid_unknown_fields=False):
    """The fields of ProxyConfig that a proxy is started with: its command line and its bootstrap.
    A change of one is for the next start.

    ``concurrency`` of 0 is a thread for each core. Lists and texts that are empty say nothing.
    """

    concurrency: Int32 | None = None
    drain_duration: Duration | None = None
    termination_drain_duration: Duration | None = None
    file_flush_interval: Duration | None = None
    file_flush_min_size_kb: UInt32 = 0
    proxy_admin_port: Int32 = 0
    status_port: Int32 = 0
    service_cluster: str = ""
    tracing_service_name: TracingServiceName | None = None
    mesh_id: str = ""
    interception_mode: InterceptionMode | None = None
    runtime_values: Mapping[str, str] = {}
    proxy_stats_matcher: StatsMatcher | None = None
    extra_stat_tags: tuple[str, ...] = ()
    stats_compression: bool | None = None
    statsd_udp_address: str = ""
    envoy_metrics_service: RemoteService | None = None
    envoy_access_log_service: RemoteService | None = None
    hold_application_until_proxy_starts: bool | None = None
    stat_name_length: Int32 = 0
    ca_certificates_pem: tuple[str, ...] = ()
    custom_config_file: str = ""
    proxy_bootstrap_template_path: str = ""
    image: ProxyImage | None = None
    private_key_provider: PrivateKeyProvider | None = None
