"""Which access logs a proxy keeps: ``accessLogging`` of its Telemetries, merged, or else what
MeshConfig says.

Source: Istio ``pilot/pkg/model/telemetry.go`` (``mergeLogs``), ``telemetry_logging.go``
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from controlplane.kinds.istio.extension_providers import (
    ExtensionProvider,
    FileAccessLog,
    HttpAccessLog,
    OpenTelemetryAccessLog,
    TcpAccessLog,
)
from controlplane.kinds.istio.mesh_config import AccessLogEncoding, MeshConfig
from controlplane.kinds.istio.telemetry import AccessLogging, WorkloadMode
from controlplane.model.access_log import (
    AccessLog,
    AccessLogs,
    ConnectionLog,
    FileLog,
    Logger,
    LogService,
    OpenTelemetryLog,
    RequestLog,
)
from controlplane.model.cluster_name import outbound
from controlplane.model.http_settings import ListenerContext
from controlplane.translate.istio.access_log_format import usable_json, usable_line
from controlplane.translate.istio.cel_filter import filter_fault
from controlplane.translate.istio.external_authorization import ProviderService, written_service
from controlplane.translate.istio.telemetry_providers import telemetry_provider
from controlplane.translate.istio.telemetry_sides import SIDES, is_about

BUILT_IN: Final = "envoy"
"""A provider that is always there: lines to standard output, as MeshConfig formats them."""
STANDARD_OUTPUT: Final = "/dev/stdout"
PEERS: Final = ("upstream_peer", "downstream_peer")
"""What Istio's own filters know of both ends, in Envoy's filter state."""
OPEN_TELEMETRY_PEERS: Final = (
    *PEERS,
    "wasm.upstream_peer",
    "wasm.upstream_peer_id",
    "wasm.downstream_peer",
    "wasm.downstream_peer_id",
)
BOOTSTRAP_SERVICE: Final = "envoy_accesslog_service"
"""The cluster for ``envoyAccessLogService`` of ProxyConfig, in the bootstrap of a proxy."""
_BUILT_IN: Final = ExtensionProvider(
    name=BUILT_IN, envoy_file_access_log=FileAccessLog(path=STANDARD_OUTPUT)
)
LogProvider = FileAccessLog | HttpAccessLog | TcpAccessLog | OpenTelemetryAccessLog


@dataclass(frozen=True, slots=True)
class WantedLog:
    """What is wanted of one provider. ``expression`` unset: all is recorded."""

    is_disabled: bool = False
    expression: str | None = None


def wanted_logs(
    levels: Sequence[Sequence[AccessLogging]], defaults: Sequence[str], context: ListenerContext
) -> dict[str, WantedLog]:
    """What is wanted of each provider, by the name that is written, sorted.

    ``levels`` are the entries of each Telemetry, the widest first. The providers of the last level
    that names any are used; what each of them does, the last entry says that is about it.
    """
    if not levels:
        return {name: WantedLog() for name in sorted(set(defaults))}
    mode = SIDES[context]
    used = _used(levels, defaults, mode)
    filters = {
        provider.name: WantedLog(expression=_expression(entry))
        for entry in _matching(levels, mode)
        for provider in entry.providers
    }
    found: dict[str, WantedLog] = {}
    inherited = tuple(defaults)
    for entry in (entry for level in levels for entry in level):
        inherited = tuple(provider.name for provider in entry.providers) or inherited
        if not _is_about(entry, mode):
            continue
        for name in used.intersection(inherited):
            kept = filters.get(name, WantedLog())
            found[name] = WantedLog(is_disabled=True) if entry.disabled else kept
    return {name: found[name] for name in sorted(found)}


def _used(
    levels: Sequence[Sequence[AccessLogging]], defaults: Sequence[str], mode: WorkloadMode
) -> frozenset[str]:
    for level in reversed(levels):
        named = {p.name for entry in _matching((level,), mode) for p in entry.providers}
        if named:
            return frozenset(named)
    return frozenset(defaults)


def _matching(
    levels: Sequence[Sequence[AccessLogging]], mode: WorkloadMode
) -> Iterable[AccessLogging]:
    return (entry for level in levels for entry in level if _is_about(entry, mode))


def _is_about(entry: AccessLogging, mode: WorkloadMode) -> bool:
    return entry.match is None or is_about(entry.match.mode, mode)


def _expression(entry: AccessLogging) -> str | None:
    return entry.filter.expression if entry.filter is not None else None


def named_provider(mesh: MeshConfig, name: str) -> ExtensionProvider | None:
    """The provider that a Telemetry names, in any case; ``envoy`` is there without being
    declared.
    """
    is_declared = any(each.name == BUILT_IN for each in mesh.extension_providers)
    if name.lower() == BUILT_IN and not is_declared:
        return _BUILT_IN
    found = telemetry_provider(mesh, name)
    return found[1] if found is not None else None


def log_provider(declared: ExtensionProvider) -> LogProvider | None:
    """What a provider says of logs; ``None`` where it is for something else."""
    return (
        declared.envoy_file_access_log
        or declared.envoy_http_als
        or declared.envoy_tcp_als
        or declared.envoy_otel_als
    )


def log_service(provider: LogProvider) -> ProviderService | None:
    """The service that takes the logs; ``None`` for a file."""
    if isinstance(provider, FileAccessLog):
        return None
    return written_service(provider.service, provider.port)


def logger(mesh: MeshConfig, declared: ExtensionProvider, provider: LogProvider) -> Logger:
    """How a provider is sent logs whose service, if it has one, exists."""
    match provider:
        case FileAccessLog():
            return _file(mesh, declared.name, provider)
        case HttpAccessLog():
            return RequestLog(
                service=_service(
                    provider, "http_envoy_accesslog", provider.filter_state_objects_to_log or PEERS
                ),
                request_headers=provider.additional_request_headers_to_log,
                response_headers=provider.additional_response_headers_to_log,
                response_trailers=provider.additional_response_trailers_to_log,
            )
        case TcpAccessLog():
            return ConnectionLog(
                service=_service(
                    provider, "tcp_envoy_accesslog", provider.filter_state_objects_to_log or PEERS
                )
            )
        case OpenTelemetryAccessLog():
            return _open_telemetry(provider)


def usable_filter(expression: str | None) -> bool:
    """Whether Envoy accepts the filter. One log is lost where it does not, not the listener."""
    return expression is None or filter_fault(expression) is None


def _service(
    provider: HttpAccessLog | TcpAccessLog | OpenTelemetryAccessLog,
    usual_log: str,
    filter_state: tuple[str, ...],
) -> LogService:
    service = written_service(provider.service, provider.port)
    return LogService(
        cluster=outbound(service.port, None, service.host),
        authority=service.host,
        log=provider.log_name or usual_log,
        filter_state=filter_state,
    )


def _file(mesh: MeshConfig, name: str, provider: FileAccessLog) -> FileLog:
    said = provider.log_format
    if name == BUILT_IN and said is None and not provider.omit_empty_values:
        return mesh_file(mesh, provider.path or STANDARD_OUTPUT)
    return FileLog(
        path=provider.path or STANDARD_OUTPUT,
        line=usable_line((said.text if said is not None else None) or ""),
        json=usable_json(said.labels)
        if said is not None and said.text is None and said.labels is not None
        else None,
        omits_empty=provider.omit_empty_values,
    )


def _open_telemetry(provider: OpenTelemetryAccessLog) -> OpenTelemetryLog:
    said = provider.log_format
    labels = (said.labels if said is not None else None) or {}
    return OpenTelemetryLog(
        service=_service(provider, "otel_envoy_accesslog", OPEN_TELEMETRY_PEERS),
        body=usable_line((said.text if said is not None else None) or ""),
        attributes=tuple(
            (key, usable_line(value) if isinstance(value, str) else "")
            for key, value in sorted(labels.items())
        ),
    )


def mesh_file(mesh: MeshConfig, path: str) -> FileLog:
    """A file in the format of MeshConfig; Istio's, where Envoy would refuse it."""
    text = mesh.access_log_format
    if mesh.access_log_encoding is AccessLogEncoding.JSON:
        return FileLog(path=path, json=usable_json(text))
    return FileLog(path=path, line=usable_line(text))


def mesh_logs(mesh: MeshConfig) -> AccessLogs:
    """The logs of proxies for which no Telemetry, nor ``defaultProviders``, says anything: a file,
    and Envoy's ALS at the address that the proxy's bootstrap has.
    """
    path = mesh.access_log_file
    file = (AccessLog(logger=mesh_file(mesh, path)),) if path else ()
    if not mesh.enable_envoy_access_log_service:
        return everywhere(mesh, file)
    requests = RequestLog(service=_of_bootstrap("http_envoy_accesslog"))
    connections = ConnectionLog(service=_of_bootstrap("tcp_envoy_accesslog"))
    unmatched = ConnectionLog(service=_of_bootstrap("listener_envoy_accesslog"))
    return AccessLogs(
        requests=(*file, AccessLog(logger=requests)),
        connections=(*file, AccessLog(logger=connections)),
        unmatched=() if mesh.disable_envoy_listener_log else (*file, AccessLog(logger=unmatched)),
    )


def _of_bootstrap(log: str) -> LogService:
    return LogService(
        cluster=BOOTSTRAP_SERVICE, authority="", log=log, filter_state=OPEN_TELEMETRY_PEERS
    )


def everywhere(mesh: MeshConfig, logs: tuple[AccessLog, ...]) -> AccessLogs:
    """The same logs of all there is to record; of connections that no chain takes, only if
    MeshConfig leaves that on.
    """
    unmatched = () if mesh.disable_envoy_listener_log else logs
    return AccessLogs(requests=logs, connections=logs, unmatched=unmatched)
