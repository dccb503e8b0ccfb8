"""Which of Istio's metrics a proxy has."""

from collections.abc import Iterator

from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.kinds.istio.telemetry import TELEMETRY, Telemetry, TelemetryKey
from controlplane.kinds.object import Object
from controlplane.model.http_settings import ListenerContext
from controlplane.model.metrics import Metrics
from controlplane.queries.inputs.mesh import has_metrics, mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.policy.telemetry import telemetries_of
from controlplane.translate.istio.metrics import PROMETHEUS, is_prometheus, merged_metrics

_ANYWHERE = "mesh"


@index(TELEMETRY)
def measuring_telemetries(declared: Object[Telemetry]) -> Iterator[tuple[str, TelemetryKey]]:
    """Those that name a provider of metrics."""
    if any(metrics.providers for metrics in declared.spec.metrics):
        yield _ANYWHERE, declared.key


@guarded(first=False)
def measures_calls(graph: Graph) -> bool:
    """Whether some proxy of the mesh may have metrics: then endpoints and clusters say what they
    are. Runs again when a provider of metrics is named anywhere, or no longer.
    """
    mesh = mesh_config(graph)
    if any(is_prometheus(mesh, name) for name in default_providers(graph)):
        return True
    declared = (object_of(graph, key) for key in measuring_telemetries(graph, _ANYWHERE))
    return any(
        is_prometheus(mesh, provider.name)
        for telemetry in declared
        if telemetry is not None
        for metrics in telemetry.spec.metrics
        for provider in metrics.providers
    )


def default_providers(graph: Graph) -> tuple[str, ...]:
    """The providers of what no Telemetry names one for: those of MeshConfig, else of
    ``--metrics``.
    """
    said = mesh_config(graph).default_providers.metrics
    return said or ((PROMETHEUS,) if has_metrics(graph) else ())


@guarded
def metrics_of(
    graph: Graph, telemetries: tuple[ObjectKey, ...], context: ListenerContext
) -> Metrics | None:
    """What a proxy with these Telemetries counts for ``context``; ``None``: nothing."""
    specs = [
        metrics
        for declared in telemetries_of(graph, telemetries)
        for metrics in declared.spec.metrics
    ]
    return merged_metrics(mesh_config(graph), specs, default_providers(graph), context)


def metrics_origins(graph: Graph, telemetries: tuple[ObjectKey, ...]) -> tuple[FieldRef, ...]:
    """The fields that say what is counted."""
    of_mesh = FieldRef(MESH_CONFIG_KEY, ("defaultProviders", "metrics"))
    said = bool(mesh_config(graph).default_providers.metrics)
    return (
        *((of_mesh,) if said else ()),
        *(
            FieldRef(declared.key, ("spec", "metrics", i))
            for declared in telemetries_of(graph, telemetries)
            for i, _ in enumerate(declared.spec.metrics)
        ),
    )
