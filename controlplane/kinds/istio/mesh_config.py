"""MeshConfig and the ProxyConfig within it, as far as they bear on traffic.

Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from msgspec import field

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.kinds.istio.extension_providers import ExtensionProvider
from controlplane.kinds.istio.proxy_config import ConnectionSettings, ProcessSettings, Tracing
from controlplane.kinds.istio.traffic_policy import (
    ClientTls,
    ConnectionPool,
    H2UpgradePolicy,
    LocalityLb,
    OutlierDetection,
    TcpKeepalive,
    ZoneAwareLb,
)
from controlplane.kinds.istio.virtual_service import HttpRetry
from controlplane.kinds.spec import Duration, Spec

MESH_CONFIG_KEY: Final = ObjectKey(Kind("", "MeshConfig"), Namespace(""), "mesh")
"""How fields of MeshConfig are referred to; the mesh has one, which is not an object."""


class OutboundMode(Enum):
    REGISTRY_ONLY = "REGISTRY_ONLY"
    ALLOW_ANY = "ALLOW_ANY"
    ALLOW_ANY_DYNAMIC_DNS = "ALLOW_ANY_DYNAMIC_DNS"


class OutboundTrafficPolicy(Spec, frozen=True):
    """``tls`` is for the hosts that ``ALLOW_ANY_DYNAMIC_DNS`` looks up."""

    mode: OutboundMode = OutboundMode.ALLOW_ANY
    tls: ClientTls | None = None


class InboundMode(Enum):
    PASSTHROUGH = "PASSTHROUGH"
    LOCALHOST = "LOCALHOST"


class InboundTrafficPolicy(Spec, frozen=True):
    mode: InboundMode = InboundMode.PASSTHROUGH


class Normalization(Enum):
    DEFAULT = "DEFAULT"
    NONE = "NONE"
    BASE = "BASE"
    MERGE_SLASHES = "MERGE_SLASHES"
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"


class PathNormalization(Spec, frozen=True):
    normalization: Normalization = Normalization.DEFAULT


class MeshTls(Spec, frozen=True):
    min_protocol_version: str = ""
    ecdh_curves: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()


class AccessLogEncoding(Enum):
    TEXT = "TEXT"
    JSON = "JSON"


class DefaultTrafficPolicy(Spec, frozen=True):
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None


class ForwardClientCert(Enum):
    UNDEFINED = "UNDEFINED"
    SANITIZE = "SANITIZE"
    FORWARD_ONLY = "FORWARD_ONLY"
    APPEND_FORWARD = "APPEND_FORWARD"
    SANITIZE_SET = "SANITIZE_SET"
    ALWAYS_FORWARD_ONLY = "ALWAYS_FORWARD_ONLY"


class ProxyProtocolSettings(Spec, frozen=True):
    pass


class GatewayTopology(Spec, frozen=True):
    num_trusted_proxies: int = 0
    forward_client_cert_details: ForwardClientCert = ForwardClientCert.UNDEFINED
    proxy_protocol: ProxyProtocolSettings | None = None


class HeaderSwitch(Spec, frozen=True):
    disabled: bool | None = None
    value: str = ""


class Enabling(Spec, frozen=True):
    enabled: bool | None = None


class SetClientCertDetails(Spec, frozen=True):
    subject: bool | None = None
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    uri: bool | None = None


class ProxyHeaders(Spec, frozen=True):
    forwarded_client_cert: ForwardClientCert = ForwardClientCert.UNDEFINED
    request_id: HeaderSwitch | None = None
    server: HeaderSwitch | None = None
    attempt_count: HeaderSwitch | None = None
    envoy_debug_headers: HeaderSwitch | None = None
    metadata_exchange_headers: Mapping[str, str] = {}
    preserve_http1_header_case: bool | None = None
    set_current_client_cert_details: SetClientCertDetails | None = None
    x_forwarded_host: Enabling | None = None
    x_forwarded_port: Enabling | None = None


class ProxyConfig(ProcessSettings, frozen=True, forbid_unknown_fields=False):
    """``defaultConfig``, and the annotation of a workload: what a proxy is started with, and what
    it is sent.
    """

    gateway_topology: GatewayTopology | None = None
    proxy_headers: ProxyHeaders | None = None
    connection_settings: ConnectionSettings | None = None
    tracing: Tracing | None = None
    proxy_metadata: Mapping[str, str] = {}


class Operator(Enum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(Spec, frozen=True):
    key: str = ""
    operator: Operator = Operator.IN
    values: tuple[str, ...] = ()


class NamespaceSelector(Spec, frozen=True):
    """Labels of a Namespace, all of which must fit."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()


class EntryVisibility(Enum):
    UNSPECIFIED = "UNSPECIFIED"
    PUBLIC = "PUBLIC"
    NAMESPACE = "NAMESPACE"
    NONE = "NONE"


class VisibilityRule(Spec, frozen=True):
    namespace_selector: NamespaceSelector | None = None


class VisibilityPolicy(Spec, frozen=True):
    visibility: EntryVisibility = EntryVisibility.UNSPECIFIED
    matching_rules: tuple[VisibilityRule, ...] = ()


class ServiceEntryVisibility(Spec, frozen=True):
    default_visibility: EntryVisibility = EntryVisibility.UNSPECIFIED
    policies: tuple[VisibilityPolicy, ...] = ()
    apply_to_sidecars: bool = False


class DefaultProviders(Spec, frozen=True, forbid_unknown_fields=False):
    """Names of providers, for what no Telemetry names one for. Of ``tracing`` the first is used."""

    tracing: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    access_logging: tuple[str, ...] = ()


class MeshConfig(Spec, frozen=True, forbid_unknown_fields=False):
    """Defaults are Istio's. Fields that affect nothing served here are accepted and have no
    effect.
    """

    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    proxy_listen_port: int = 15001
    proxy_inbound_listen_port: int = 15006
    proxy_http_port: int = 0
    outbound_traffic_policy: OutboundTrafficPolicy = OutboundTrafficPolicy()
    inbound_traffic_policy: InboundTrafficPolicy = InboundTrafficPolicy()
    enable_auto_mtls: bool | None = None
    connect_timeout: Duration | None = None
    tcp_keepalive: TcpKeepalive | None = None
    dns_refresh_rate: Duration | None = None
    protocol_detection_timeout: Duration | None = None
    h2_upgrade_policy: H2UpgradePolicy = H2UpgradePolicy.DEFAULT
    locality_lb_setting: LocalityLb | None = None
    zone_aware_lb_setting: ZoneAwareLb | None = None
    default_http_retry_policy: HttpRetry | None = None
    default_inbound_http_retry_policy: HttpRetry | None = None
    default_traffic_policy: DefaultTrafficPolicy | None = None
    default_service_export_to: tuple[str, ...] = ()
    service_entry_visibility: ServiceEntryVisibility | None = None
    default_virtual_service_export_to: tuple[str, ...] = ()
    default_destination_rule_export_to: tuple[str, ...] = ()
    path_normalization: PathNormalization = PathNormalization()
    mesh_mtls: MeshTls | None = field(default=None, name="meshMTLS")
    tls_defaults: MeshTls | None = None
    access_log_file: str = ""
    access_log_format: str = ""
    disable_envoy_listener_log: bool = False
    enable_envoy_access_log_service: bool = False
    access_log_encoding: AccessLogEncoding = AccessLogEncoding.TEXT
    enable_tracing: bool | None = None
    default_config: ProxyConfig = ProxyConfig()
    extension_providers: tuple[ExtensionProvider, ...] = ()
    default_providers: DefaultProviders = DefaultProviders()
