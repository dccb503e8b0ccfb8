"""``accessLogging`` that does not do what it says: providers that get no logs, entries without a
provider, filters that Envoy refuses or that match nothing, formats that Envoy refuses.

Source: Istio ``pilot/pkg/model/telemetry.go``, ``telemetry_logging.go``; istioctl's IST0157
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import (
    ATTRIBUTE_UNKNOWN,
    LOG_FILTER_REFUSED,
    LOG_FORMAT_REFUSED,
    LOG_PROVIDER_UNUSABLE,
    LOGGING_WITHOUT_PROVIDER,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.istio.extension_providers import (
    FileAccessLog,
    LogFormat,
    OpenTelemetryAccessLog,
)
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, MeshConfig
from controlplane.kinds.istio.telemetry import AccessLogging, Telemetry
from controlplane.kinds.object import Object
from controlplane.model.external_authorization import BECAUSE, Why
from controlplane.queries.analysis.spoken_protocols import DECLARE_GRPC, takes_grpc
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.telemetry import wider_telemetries
from controlplane.queries.registry.provider_services import meant_services, missing_service
from controlplane.translate.istio.access_log_format import fault_of_fields, fault_of_line
from controlplane.translate.istio.access_logging import (
    BUILT_IN,
    LogProvider,
    log_provider,
    log_service,
    named_provider,
)
from controlplane.translate.istio.cel_attributes import unknown_attributes
from controlplane.translate.istio.cel_filter import filter_fault
from controlplane.translate.istio.external_authorization import is_faulty

_LOGS: Final = "so it gets no logs"


def check_logging(report: Report, graph: Graph, declared: Object[Telemetry]) -> None:
    """Report what is wrong with the entries of a Telemetry."""
    inherited = _inherits(graph, declared)
    for i, entry in enumerate(declared.spec.access_logging):
        at = FieldRef(declared.key) / "spec" / "accessLogging" / i
        for j, provider in enumerate(entry.providers):
            _check_provider(report, graph, at / "providers" / j / "name", provider.name)
        inherited = inherited or bool(entry.providers)
        if not inherited:
            _report_without_provider(report, graph, at, entry)
        elif entry.filter is not None and not entry.disabled:
            _check_filter(report, at, entry)


def _inherits(graph: Graph, declared: Object[Telemetry]) -> bool:
    """Whether a Telemetry of wider scope, or ``defaultProviders``, names providers."""
    if mesh_config(graph).default_providers.access_logging:
        return True
    wider = wider_telemetries(graph, declared)
    return any(entry.providers for other in wider for entry in other.spec.access_logging)


def _report_without_provider(
    report: Report, graph: Graph, at: FieldRef, entry: AccessLogging
) -> None:
    file = mesh_config(graph).access_log_file
    if entry.disabled and not file:
        return
    kept = f", and {file} of MeshConfig accessLogFile is still written" if file else ""
    report.add(
        LOGGING_WITHOUT_PROVIDER,
        at,
        "no provider of logs is named here, for the namespace or the mesh, nor by default, so "
        f"this entry has no effect{kept}",
        hint=f"name one, such as {BUILT_IN}, or set defaultProviders.accessLogging in MeshConfig",
    )


def _check_filter(report: Report, at: FieldRef, entry: AccessLogging) -> None:
    assert entry.filter is not None, "it was asked before"
    place, expression = at / "filter" / "expression", entry.filter.expression
    fault = filter_fault(expression)
    if fault is not None:
        message = f"Envoy would refuse this filter, so its log is left out: {fault}"
        report.add(LOG_FILTER_REFUSED, place, message)
        return
    for name, near in unknown_attributes(expression):
        message = (
            f'there is no attribute "{name}", so the filter has no value and nothing is logged'
        )
        hint = f'write "{near}"' if near else None
        report.add(ATTRIBUTE_UNKNOWN, place, message, hint=hint)


def _check_provider(report: Report, graph: Graph, at: FieldRef, name: str) -> None:
    mesh = mesh_config(graph)
    declared = named_provider(mesh, name)
    if declared is None:
        _report(report, at, name, BECAUSE[Why.NOT_DECLARED], hint=_near(mesh, name))
        return
    provider = log_provider(declared)
    if provider is None:
        because = BECAUSE[Why.FAULTY] if is_faulty(declared) else "is not for access logs"
        _report(report, at, name, because, hint=_near(mesh, name))
        return
    _check_service(report, graph, at, name, provider)


def _check_service(
    report: Report, graph: Graph, at: FieldRef, name: str, provider: LogProvider
) -> None:
    wanted = log_service(provider)
    if wanted is None:
        return
    missing = missing_service(graph, wanted)
    if missing is not None:
        _report(report, at, name, BECAUSE[missing], hint=None)
        return
    (service,) = meant_services(graph, wanted)
    port = service.port(wanted.port)
    if port is None:
        has = f"port {wanted.port} of {service.host}, which has {_ports(service.ports)}"
        _report(report, at, name, f"names {has}", hint=None)
    elif not takes_grpc(graph, service, port):
        _report(
            report,
            at,
            name,
            f"is sent logs over gRPC, and port {wanted.port} of {service.host} is declared as "
            f"{port.protocol.value}",
            hint=DECLARE_GRPC,
        )


def _ports(ports: object) -> str:
    assert isinstance(ports, tuple), "a service has some"
    return listed(port.number for port in ports) if ports else "no port"


def _report(report: Report, at: FieldRef, name: str, because: str, *, hint: str | None) -> None:
    message = f'the provider "{name}" {because}, {_LOGS}'
    report.add(LOG_PROVIDER_UNUSABLE, at, message, hint=hint)


def _near(mesh: MeshConfig, name: str) -> str | None:
    """The provider of logs that was most likely meant."""
    known = [each.name for each in mesh.extension_providers if log_provider(each) is not None]
    known = list(dict.fromkeys([*known, BUILT_IN]))
    near = nearest(name, known)
    if near is not None:
        return f'write "{near}"'
    return f"providers of logs are {listed(known)}"


def check_mesh_logs(report: Report, graph: Graph) -> None:
    """Report what is wrong with the providers of logs that MeshConfig has and names."""
    mesh, at = mesh_config(graph), FieldRef(MESH_CONFIG_KEY)
    service = mesh.default_config.envoy_access_log_service
    if mesh.enable_envoy_access_log_service and (service is None or not service.address):
        report.add(
            LOG_PROVIDER_UNUSABLE,
            at / "enableEnvoyAccessLogService",
            "defaultConfig has no envoyAccessLogService, so proxies without one of their own send "
            "no logs",
            hint="set defaultConfig.envoyAccessLogService.address",
        )
    for i, name in enumerate(mesh.default_providers.access_logging):
        _check_provider(report, graph, at / "defaultProviders" / "accessLogging" / i, name)
    for i, declared in enumerate(mesh.extension_providers):
        for written, format_ in (
            ("envoyFileAccessLog", _format_of(declared.envoy_file_access_log)),
            ("envoyOtelAls", _format_of(declared.envoy_otel_als)),
        ):
            place = at / "extensionProviders" / i / written / "logFormat"
            for field, fault in _format_faults(format_):
                message = f"Istio's format is used, because Envoy would refuse this one: {fault}"
                report.add(LOG_FORMAT_REFUSED, place / field, message)


def _format_of(provider: FileAccessLog | OpenTelemetryAccessLog | None) -> LogFormat | None:
    return provider.log_format if provider is not None else None


def _format_faults(written: LogFormat | None) -> Iterator[tuple[str, str]]:
    if written is None:
        return
    if written.text and (fault := fault_of_line(written.text)) is not None:
        yield "text", fault
    if written.labels and (fault := fault_of_fields(written.labels)) is not None:
        yield "labels", fault
