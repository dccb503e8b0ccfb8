"""Which access logs a proxy keeps by its Telemetries, and which services it sends them to.

Source: Istio ``pilot/pkg/model/telemetry.go`` (``AccessLogging``), ``telemetry_logging.go``
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, ObjectKey, PortNumber
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, MeshConfig
from controlplane.model.access_log import AccessLog, AccessLogs
from controlplane.model.http_settings import ListenerContext
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.telemetry import telemetries_of
from controlplane.queries.registry.provider_services import missing_service
from controlplane.translate.istio.access_logging import (
    WantedLog,
    everywhere,
    log_provider,
    log_service,
    logger,
    named_provider,
    usable_filter,
    wanted_logs,
)

TelemetryKeys = tuple[ObjectKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """``logs`` in the place of those of MeshConfig, and the fields that say so."""

    logs: AccessLogs
    origins: tuple[FieldRef, ...] = ()


@guarded(first=None)
def logging_of(graph: Graph, keys: TelemetryKeys, context: ListenerContext) -> Logging | None:
    """The logs of proxies with these Telemetries; ``None`` where none of them names a provider that
    is there, nor ``defaultProviders`` does: then those of MeshConfig are kept, as with Istio.

    Runs again when one of the Telemetries or MeshConfig changes, or who declares the host of a
    provider's service.
    """
    mesh = mesh_config(graph)
    found = tuple(_found(graph, mesh, wanted(graph, keys, context)))
    if not found:
        return None
    return Logging(
        logs=everywhere(mesh, tuple(log for _, log in sorted(found, key=_name) if log is not None)),
        origins=_origins(graph, keys, mesh),
    )


@guarded(first=())
def log_services(
    graph: Graph, keys: TelemetryKeys, contexts: tuple[ListenerContext, ...]
) -> tuple[tuple[Host, PortNumber], ...]:
    """Host and port of the services that proxies with these Telemetries send logs to.

    Runs again as ``logging_of`` does.
    """
    mesh = mesh_config(graph)
    names = {
        name: None
        for context in contexts
        for name, want in wanted(graph, keys, context).items()
        if not want.is_disabled
    }
    services = (_service(graph, mesh, name) for name in names)
    return tuple(dict.fromkeys(service for service in services if service is not None))


def wanted(graph: Graph, keys: TelemetryKeys, context: ListenerContext) -> dict[str, WantedLog]:
    """What is wanted of each provider, by the name that is written."""
    levels = [
        declared.spec.access_logging
        for declared in telemetries_of(graph, keys)
        if declared.spec.access_logging
    ]
    defaults = mesh_config(graph).default_providers.access_logging
    return wanted_logs(levels, defaults, context)


def _found(
    graph: Graph, mesh: MeshConfig, names: dict[str, WantedLog]
) -> Iterator[tuple[str, AccessLog | None]]:
    """The logs of those providers that are there, by their own names; ``None`` for one that is
    disabled, or whose filter Envoy would refuse.
    """
    for name, want in names.items():
        declared = named_provider(mesh, name)
        provider = log_provider(declared) if declared is not None else None
        if declared is None or provider is None:
            continue
        service = log_service(provider)
        if service is not None and missing_service(graph, service) is not None:
            continue
        is_kept = not want.is_disabled and usable_filter(want.expression)
        made = logger(mesh, declared, provider)
        yield (
            declared.name,
            AccessLog(logger=made, expression=want.expression) if is_kept else None,
        )


def _name(found: tuple[str, AccessLog | None]) -> str:
    return found[0]


def _service(graph: Graph, mesh: MeshConfig, name: str) -> tuple[Host, PortNumber] | None:
    declared = named_provider(mesh, name)
    provider = log_provider(declared) if declared is not None else None
    service = log_service(provider) if provider is not None else None
    if service is None or missing_service(graph, service) is not None:
        return None
    return service.host, service.port


def _origins(graph: Graph, keys: TelemetryKeys, mesh: MeshConfig) -> tuple[FieldRef, ...]:
    fields = (
        FieldRef(declared.key) / "spec" / "accessLogging"
        for declared in telemetries_of(graph, keys)
        if declared.spec.access_logging
    )
    defaults = FieldRef(MESH_CONFIG_KEY, ("defaultProviders", "accessLogging"))
    return (*fields, *((defaults,) if mesh.default_providers.access_logging else ()))
