"""MeshConfig, its ProxyConfig and a proxy's metadata become the settings of its listeners.

Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict, fields, replace

from controlplane.base.codes import CANNOT_WORK, LOG_FORMAT_REFUSED
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.units import nanoseconds
from controlplane.kinds.istio.mesh_config import (
    MESH_CONFIG_KEY,
    AccessLogEncoding,
    ForwardClientCert,
    GatewayTopology,
    HeaderSwitch,
    MeshConfig,
    Normalization,
    ProxyHeaders,
)
from controlplane.kinds.istio.proxy_config import ConnectionSettings
from controlplane.kinds.limits import DURATIONS
from controlplane.kinds.spec import Duration
from controlplane.model.access_log import NO_LOGS, AccessLogs
from controlplane.model.extension import Extension
from controlplane.model.http_settings import (
    CertificateDetails,
    EscapedSlashes,
    ForwardedCertificate,
    Http2Limits,
    HttpSettings,
    ListenerContext,
    Paths,
    Timeouts,
    UnderscoreHeaders,
)
from controlplane.model.metrics import Metrics
from controlplane.model.plan.policy_filters import NO_POLICY_FILTERS, PolicyFilters
from controlplane.model.proxy import Labels
from controlplane.model.tracing import ANONYMOUS
from controlplane.translate.istio.access_log_format import fault_of_json, fault_of_line
from controlplane.translate.istio.access_logging import mesh_logs
from controlplane.translate.istio.durations import length
from controlplane.translate.istio.tracing import traced_by_bootstrap

EDGE: Final = ConnectionSettings(
    http_idle_timeout=Duration(timedelta(hours=1)),
    http_stream_idle_timeout=Duration(timedelta(minutes=5)),
    http_request_timeout=Duration(timedelta(minutes=5)),
    http_request_headers_timeout=Duration(timedelta(seconds=60)),
    http_max_concurrent_streams=100,
    http2_initial_stream_window_size=64 * 1024,
    http2_initial_connection_window_size=1024 * 1024,
    http_headers_with_underscores_action="REJECT_REQUEST",
    http_merge_slashes=True,
    http_path_with_escaped_slashes_action="UNESCAPE_AND_REDIRECT",
    listener_per_connection_buffer_limit_bytes=32 * 1024,
)
"""What ``profile: EDGE`` stands for. Source: Istio ``ProxyConfig.ConnectionSettings.Profile``."""

_WINDOW: Final = 65_535  # bytes; envoy/config/core/v3/protocol.proto, initial window sizes
_LARGEST: Final = 2**31 - 1
_FORWARDED: Final = {
    ForwardClientCert.SANITIZE: ForwardedCertificate.SANITIZE,
    ForwardClientCert.FORWARD_ONLY: ForwardedCertificate.FORWARD_ONLY,
    ForwardClientCert.APPEND_FORWARD: ForwardedCertificate.APPEND_FORWARD,
    ForwardClientCert.SANITIZE_SET: ForwardedCertificate.SANITIZE_SET,
    ForwardClientCert.ALWAYS_FORWARD_ONLY: ForwardedCertificate.ALWAYS_FORWARD_ONLY,
}


_OF_MESH: Final = frozenset(
    {
        "access_log_encoding",
        "access_log_file",
        "access_log_format",
        "disable_envoy_listener_log",
        "enable_tracing",
        "path_normalization",
    }
)
_OF_PROXY_CONFIG: Final = frozenset(
    {"connection_settings", "gateway_topology", "proxy_headers", "tracing"}
)
"""The fields of MeshConfig and of its ProxyConfig that are read here."""
SERVER_NAME: Final = "istio-envoy"
_ENVOY: Final = "envoy"
_UNSENDABLE: Final = frozenset("\0\r\n")  # envoy/.../http_connection_manager.proto, server_name
HANDSHAKE_TIMEOUT: Final = timedelta(seconds=15)
"""istiod's PILOT_GATEWAY_TRANSPORT_SOCKET_CONNECT_TIMEOUT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """What holds for every listener of a proxy. ``origins`` are the fields of MeshConfig that are
    set and enter into it.

    ``buffer_limit`` is in bytes for each connection; unset is Envoy's own default (1 MiB).
    ``tcp_idle_timeout`` is for forwarded connections whose destination says nothing.
    """

    http: HttpSettings
    shows_envoy_headers: bool = True
    access_logs: AccessLogs = NO_LOGS
    metrics: Metrics | None = None
    expects_proxy_protocol: bool = False
    buffer_limit: int | None = None
    tcp_idle_timeout: timedelta | None = None
    handshake_timeout: timedelta = HANDSHAKE_TIMEOUT
    detection_timeout: timedelta = timedelta(0)
    """How long a sidecar waits for the bytes that tell a protocol; zero is for ever."""
    origins: tuple[FieldRef, ...] = ()
    policies: PolicyFilters = NO_POLICY_FILTERS
    """What policies put into every chain for calls that come from elsewhere."""
    extensions: tuple[Extension, ...] = ()
    """The filters that users bring, in their order within a phase."""


def listener_settings(
    report: Report, mesh: MeshConfig, metadata: Labels, context: ListenerContext
) -> ListenerSettings:
    """The settings of every listener for ``context`` of a proxy whose node says ``metadata``."""
    _check_format(report, mesh)
    said = dict(metadata)
    config = mesh.default_config
    is_gateway = context is ListenerContext.GATEWAY
    topology = (config.gateway_topology if is_gateway else None) or GatewayTopology()
    connections = _connections(config.connection_settings, context)
    idle = _idle_timeout(said["IDLE_TIMEOUT"]) if "IDLE_TIMEOUT" in said else None
    return ListenerSettings(
        http=_http(report, mesh, topology, connections, idle, said, context),
        shows_envoy_headers=not _off(
            config.proxy_headers.envoy_debug_headers if config.proxy_headers else None
        ),
        access_logs=mesh_logs(mesh),
        expects_proxy_protocol=topology.proxy_protocol is not None,
        buffer_limit=_within(connections.listener_per_connection_buffer_limit_bytes, least=1),
        tcp_idle_timeout=idle,
        detection_timeout=length(mesh.protocol_detection_timeout) or timedelta(0),
        origins=_origins(mesh),
    )


def _idle_timeout(text: str) -> timedelta | None:
    """What a node says, in the range of a user's durations; ``None`` where it is no duration."""
    length = nanoseconds(text)
    least, most = (bound.nanoseconds for bound in DURATIONS.ends if isinstance(bound, Duration))
    return None if length is None else timedelta(microseconds=min(max(length, least), most) // 1000)


def _http(
    report: Report,
    mesh: MeshConfig,
    topology: GatewayTopology,
    connections: ConnectionSettings,
    idle: timedelta | None,
    said: dict[str, str],
    context: ListenerContext,
) -> HttpSettings:
    headers = mesh.default_config.proxy_headers or ProxyHeaders()
    return HttpSettings(
        uses_remote_address=context is ListenerContext.GATEWAY,
        server_name=_server_header(report, headers.server, context),
        trusted_hops=max(0, topology.num_trusted_proxies),
        forwarded_certificate=_forwarded_certificate(topology, headers, context),
        certificate_details=_certificate_details(headers, context),
        paths=_paths(mesh.path_normalization.normalization, connections),
        timeouts=_timeouts(connections, idle),
        http2=Http2Limits(
            concurrent_streams=_within(connections.http_max_concurrent_streams, least=1),
            stream_window=_within(connections.http2_initial_stream_window_size, least=_WINDOW),
            connection_window=_within(
                connections.http2_initial_connection_window_size, least=_WINDOW
            ),
        ),
        underscore_headers=_underscore_headers(connections.http_headers_with_underscores_action),
        accepts_http_10=said["HTTP10"] == "1" if "HTTP10" in said else False,
        keeps_header_case=bool(headers.preserve_http1_header_case),
        generates_request_id=not _off(headers.request_id),
        appends_forwarded_port=headers.x_forwarded_port is not None
        and bool(headers.x_forwarded_port.enabled),
        tracing=None
        if mesh.enable_tracing is False
        else traced_by_bootstrap(mesh.default_config.tracing, ANONYMOUS),
    )


def _origins(mesh: MeshConfig) -> tuple[FieldRef, ...]:
    return (
        *(FieldRef(MESH_CONFIG_KEY, (name,)) for name in _set(mesh, _OF_MESH)),
        *(
            FieldRef(MESH_CONFIG_KEY, ("defaultConfig", name))
            for name in _set(mesh.default_config, _OF_PROXY_CONFIG)
        ),
    )


def _set(struct: Struct, names: frozenset[str]) -> Iterator[str]:
    """The fields among ``names`` that are set, as the user spells them."""
    values, unset = asdict(struct), asdict(type(struct)())
    return (
        field.encode_name
        for field in fields(struct)
        if field.name in names and values[field.name] != unset[field.name]
    )


def _connections(
    settings: ConnectionSettings | None, context: ListenerContext
) -> ConnectionSettings:
    """``profile: EDGE`` is for gateways alone."""
    if settings is None:
        return ConnectionSettings()
    if not settings.profile.endswith("EDGE") or context is not ListenerContext.GATEWAY:
        return settings
    said = {f: v for f, v in asdict(settings).items() if v is not None and v != ""}
    return replace(EDGE, **said)


def _off(switch: HeaderSwitch | None) -> bool:
    return switch is not None and bool(switch.disabled)


def _server_header(
    report: Report, switch: HeaderSwitch | None, context: ListenerContext
) -> str | None:
    """The ``server`` header of responses; ``None`` leaves the upstream's. What a sidecar's own
    workload receives is named after Envoy itself, as with Istio.
    """
    if _off(switch):
        return None
    if context is ListenerContext.OUTBOUND and (switch is None or not switch.value):
        return _ENVOY
    return _server_name(report, switch)


def _server_name(report: Report, switch: HeaderSwitch | None) -> str:
    name = switch.value if switch is not None else ""
    if not _UNSENDABLE.isdisjoint(name):
        at = FieldRef(MESH_CONFIG_KEY, ("defaultConfig", "proxyHeaders", "server", "value"))
        message = f"a header holds no line breaks or NUL, so its value is {SERVER_NAME}"
        report.add(CANNOT_WORK, at, message)
        return SERVER_NAME
    return name or SERVER_NAME


def _forwarded_certificate(
    topology: GatewayTopology, headers: ProxyHeaders, context: ListenerContext
) -> ForwardedCertificate:
    """What ``gatewayTopology`` says for gateways and ``proxyHeaders`` for what calls a sidecar's
    workload, else Istio's defaults.
    """
    match context:
        case ListenerContext.GATEWAY:
            said, default = (
                topology.forward_client_cert_details,
                ForwardedCertificate.SANITIZE_SET,
            )
        case ListenerContext.INBOUND:
            said, default = headers.forwarded_client_cert, ForwardedCertificate.APPEND_FORWARD
        case ListenerContext.OUTBOUND:
            return ForwardedCertificate.SANITIZE
    return default if said is ForwardClientCert.UNDEFINED else _FORWARDED[said]


def _certificate_details(headers: ProxyHeaders, context: ListenerContext) -> CertificateDetails:
    """A sidecar leaves the certificate itself out, unless ``proxyHeaders`` ask for it."""
    if context is not ListenerContext.INBOUND:
        return CertificateDetails()
    said = headers.set_current_client_cert_details
    if said is None:
        return CertificateDetails(certificate=False)
    return CertificateDetails(
        subject=said.subject is not False,
        certificate=bool(said.cert),
        chain=bool(said.chain),
        dns=said.dns is not False,
        uri=said.uri is not False,
    )


def _paths(normalization: Normalization, connections: ConnectionSettings) -> Paths:
    """Connection settings win over the mesh's normalization."""
    merges = normalization in (Normalization.MERGE_SLASHES, Normalization.DECODE_AND_MERGE_SLASHES)
    slashes = (
        EscapedSlashes.UNESCAPE_AND_FORWARD
        if normalization is Normalization.DECODE_AND_MERGE_SLASHES
        else EscapedSlashes.KEEP_UNCHANGED
    )
    said = connections.http_path_with_escaped_slashes_action
    return Paths(
        normalized=normalization is not Normalization.NONE,
        merges_slashes=merges
        if connections.http_merge_slashes is None
        else connections.http_merge_slashes,
        escaped_slashes=next((s for s in EscapedSlashes if said.endswith(s.name)), slashes),
    )


def _timeouts(connections: ConnectionSettings, idle: timedelta | None) -> Timeouts:
    return Timeouts(
        idle=idle
        if connections.http_idle_timeout is None
        else length(connections.http_idle_timeout),
        connection=length(connections.http_max_connection_duration),
        stream=length(connections.http_max_stream_duration),
        stream_idle=length(connections.http_stream_idle_timeout) or timedelta(0),
        request=length(connections.http_request_timeout),
        request_headers=length(connections.http_request_headers_timeout),
        drain=length(connections.http_drain_timeout),
    )


def _within(number: int | None, *, least: int) -> int | None:
    """``number`` where Envoy accepts it."""
    return number if number is not None and least <= number <= _LARGEST else None


def _underscore_headers(said: str) -> UnderscoreHeaders | None:
    return next((u for u in UnderscoreHeaders if said.endswith(u.name)), None) if said else None


def _check_format(report: Report, mesh: MeshConfig) -> None:
    text = mesh.access_log_format
    if not mesh.access_log_file or not text:
        return
    in_json = mesh.access_log_encoding is AccessLogEncoding.JSON
    fault = fault_of_json(text) if in_json else fault_of_line(text)
    if fault is not None:
        report.add(
            LOG_FORMAT_REFUSED,
            FieldRef(MESH_CONFIG_KEY, ("accessLogFormat",)),
            f"Istio's format is used, because Envoy would refuse accessLogFormat: {fault}",
        )
