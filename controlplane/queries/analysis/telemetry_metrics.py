"""What a Telemetry wants of metrics that stock Envoy cannot count: it is reported, never silently
left out.
"""

from controlplane.base.cel_tokens import CelFault
from controlplane.base.codes import METRICS_NOT_COUNTED
from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, MeshConfig
from controlplane.kinds.istio.telemetry import (
    Metrics,
    MetricSelector,
    MetricsOverride,
    TagOperation,
    TelemetryKey,
)
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.translate.istio.label_expressions import label_format
from controlplane.translate.istio.metrics import UNCOUNTED, is_prometheus, named_metric


@derived
def metrics_diagnostics(graph: Graph, key: TelemetryKey) -> Diagnostics:
    """Runs again when the Telemetry or MeshConfig changes."""
    declared = object_of(graph, key)
    report = Report()
    if declared is not None:
        for i, metrics in enumerate(declared.spec.metrics):
            _check(report, FieldRef(key) / "spec" / "metrics" / i, metrics, mesh_config(graph))
    return tuple(report)


def check_default_metrics(report: Report, graph: Graph) -> None:
    """The same of MeshConfig's default providers."""
    mesh = mesh_config(graph)
    at = FieldRef(MESH_CONFIG_KEY) / "defaultProviders" / "metrics"
    for i, name in enumerate(mesh.default_providers.metrics):
        _check_provider(report, at / i, name, mesh)


def _check_provider(report: Report, at: FieldRef, name: str, mesh: MeshConfig) -> None:
    if name and not is_prometheus(mesh, name):
        report.add(
            METRICS_NOT_COUNTED,
            at,
            f'"{name}" is no provider of metrics, so nothing is counted for it',
            hint="use prometheus, which is there without being declared",
        )


def _check(report: Report, at: FieldRef, metrics: Metrics, mesh: MeshConfig) -> None:
    for i, provider in enumerate(metrics.providers):
        _check_provider(report, at / "providers" / i / "name", provider.name, mesh)
    if metrics.reporting_interval is not None:
        report.add(
            METRICS_NOT_COUNTED,
            at / "reportingInterval",
            "the bytes of a connection are counted when it ends, not every so often",
            hint="remove it",
        )
    for i, override in enumerate(metrics.overrides):
        _check_override(report, at / "overrides" / i, override)


def _check_override(report: Report, at: FieldRef, override: MetricsOverride) -> None:
    if override.match is not None and not override.disabled:
        _check_selected(report, at / "match", override.match)
    for name, tag in override.tag_overrides.items():
        if tag.operation is TagOperation.UPSERT and tag.value:
            try:
                label_format(tag.value)
            except CelFault as fault:
                report.add(
                    METRICS_NOT_COUNTED,
                    at / "tagOverrides" / name / "value",
                    f'label "{name}" is left as it is: {fault}',
                )


def _check_selected(report: Report, at: FieldRef, match: MetricSelector) -> None:
    if match.metric is not None and match.metric in UNCOUNTED:
        report.add(
            METRICS_NOT_COUNTED,
            at / "metric",
            f"{UNCOUNTED[match.metric]} is not counted: Envoy does not tell its logs the number of "
            "messages of a call",
            hint="envoy_cluster_grpc_request_message_count has them for each cluster",
        )
    if match.custom_metric and named_metric(match.custom_metric) is None:
        report.add(
            METRICS_NOT_COUNTED,
            at / "customMetric",
            f"no metric istio_{match.custom_metric} is counted, so nothing of it can change",
        )
