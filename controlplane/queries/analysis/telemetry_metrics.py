"""What a Telemetry wants of metrics that stock Envoy cannot count: it is reported, never silently
left out.
"""

from controlplane.base.cel_tokens import CelFault
from controlplane.base.codes import ATTRIBUTE_UNKNOWN, METRICS_NOT_COUNTED
from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, MeshConfig
from controlplane.kinds.istio.telemetry import (
    Metrics,
    MetricSelector,
    MetricsOverride,
    TagOperation,
    Telemetry,
    TelemetryKey,
)
from controlplane.kinds.object import Object
from controlplane.model.metrics import Metric
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.metrics import default_providers
from controlplane.queries.policy.telemetry import wider_telemetries
from controlplane.translate.istio.cel_attributes import unknown_attributes
from controlplane.translate.istio.label_expressions import NODE, label_format
from controlplane.translate.istio.metrics import PROMETHEUS, UNCOUNTED, is_prometheus, named_metric


@derived
def metrics_diagnostics(graph: Graph, key: TelemetryKey) -> Diagnostics:
    """Runs again when the Telemetry, one for all workloads of its namespace or of the root
    namespace, or MeshConfig changes.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report, inherited = Report(), _inherits(graph, declared)
    for i, metrics in enumerate(declared.spec.metrics):
        at = FieldRef(key) / "spec" / "metrics" / i
        inherited = inherited or bool(metrics.providers)
        if not inherited and not _only_disables(metrics):
            _report_without_provider(report, at)
        _check(report, at, metrics, mesh_config(graph))
    return tuple(report)


def check_default_metrics(report: Report, graph: Graph) -> None:
    """Report providers of MeshConfig ``defaultProviders.metrics`` that count nothing."""
    mesh = mesh_config(graph)
    at = FieldRef(MESH_CONFIG_KEY) / "defaultProviders" / "metrics"
    for i, name in enumerate(mesh.default_providers.metrics):
        _check_provider(report, at / i, name, mesh)


def _inherits(graph: Graph, declared: Object[Telemetry]) -> bool:
    """Whether a Telemetry of wider scope names a provider, or there is one by default."""
    if default_providers(graph):
        return True
    wider = wider_telemetries(graph, declared)
    return any(metrics.providers for other in wider for metrics in other.spec.metrics)


def _only_disables(metrics: Metrics) -> bool:
    return bool(metrics.overrides) and all(each.disabled for each in metrics.overrides)


def _report_without_provider(report: Report, at: FieldRef) -> None:
    report.add(
        METRICS_NOT_COUNTED,
        at,
        "no provider of metrics is named here, for the namespace or the mesh, nor by default, so "
        "nothing is counted",
        hint=f"write providers: [{{name: {PROMETHEUS}}}], or set defaultProviders.metrics in "
        "MeshConfig",
    )


def _check_provider(report: Report, at: FieldRef, name: str, mesh: MeshConfig) -> None:
    if name and not is_prometheus(mesh, name):
        report.add(
            METRICS_NOT_COUNTED,
            at,
            f'"{name}" is no provider of metrics, so nothing is counted for it',
            hint=f"use {PROMETHEUS}, which is there without being declared",
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
    if override.match is not None:
        _check_selected(report, at / "match", override.match, is_off=override.disabled is True)
    for name, tag in override.tag_overrides.items():
        if tag.operation is TagOperation.UPSERT and tag.value:
            _check_label(report, at / "tagOverrides" / name / "value", name, tag.value)


def _check_label(report: Report, at: FieldRef, name: str, expression: str) -> None:
    try:
        label_format(expression)
    except CelFault as fault:
        report.add(METRICS_NOT_COUNTED, at, f'label "{name}" is left as it is: {fault}')
        return
    for attribute, near in unknown_attributes(expression):
        if attribute != NODE:
            report.add(
                ATTRIBUTE_UNKNOWN,
                at,
                f'there is no attribute "{attribute}", so label "{name}" has no value',
                hint=f'write "{near}"' if near else None,
            )


def _check_selected(report: Report, at: FieldRef, match: MetricSelector, *, is_off: bool) -> None:
    """Report metrics that are not counted; it is no fault to switch them off, unless by a slip."""
    if match.metric is not None and match.metric in UNCOUNTED and not is_off:
        report.add(
            METRICS_NOT_COUNTED,
            at / "metric",
            f"{UNCOUNTED[match.metric]} is not counted: Envoy does not tell its logs the number of "
            "messages of a call",
            hint="envoy_cluster_grpc_request_message_count has them for each cluster",
        )
    custom = match.custom_metric
    if not custom or named_metric(custom) is not None:
        return
    meant = custom.removeprefix("istio_")
    is_named = named_metric(meant) is not None
    near = meant if is_named else nearest(meant, [metric.value for metric in Metric])
    if near is not None or not is_off:
        report.add(
            METRICS_NOT_COUNTED,
            at / "customMetric",
            f"no metric istio_{custom} is counted, so nothing of it can change",
            hint=f'write "{near}"' if near else None,
        )
