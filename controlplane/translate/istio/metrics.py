"""The metrics of Telemetries, merged, become what a side of a proxy counts.

Source: Istio ``pilot/pkg/model/telemetry.go`` (``mergeMetrics``, ``generateStatsConfig``)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from controlplane.base.cel_tokens import CelFault
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.telemetry import (
    Metrics as MetricsSpec,
    MetricSelector,
    MetricsOverride,
    StandardMetric,
    TagOperation,
    TagOverride,
    WorkloadMode,
)
from controlplane.model.http_settings import ListenerContext
from controlplane.model.metrics import LabelChange, Metric, Metrics, Reporter
from controlplane.translate.istio.label_expressions import label_format
from controlplane.translate.istio.telemetry_providers import telemetry_provider
from controlplane.translate.istio.telemetry_sides import SIDES, is_about

PROMETHEUS: Final = "prometheus"
"""The one kind of provider for metrics; a provider of this name is there without being declared."""
UNCOUNTED: Final[Mapping[StandardMetric, str]] = {
    StandardMetric.GRPC_REQUEST_MESSAGES: "istio_request_messages_total",
    StandardMetric.GRPC_RESPONSE_MESSAGES: "istio_response_messages_total",
}
_COUNTED: Final = {
    each: Metric[each.name] for each in StandardMetric if each.name in Metric.__members__
}
_BY_NAME: Final = {metric.value: metric for metric in Metric}
_ANY: Final = MetricSelector()


def is_prometheus(mesh: MeshConfig, name: str) -> bool:
    """Whether the provider of a name is for metrics."""
    found = telemetry_provider(mesh, name)
    return name.lower() == PROMETHEUS if found is None else found[1].prometheus is not None


def merged_metrics(
    mesh: MeshConfig,
    specs: Sequence[MetricsSpec],
    defaults: Sequence[str],
    context: ListenerContext,
) -> Metrics | None:
    """What is counted for ``context``; ``None``: nothing. Of several providers the first by name is
    used, because they would count the same.
    """
    names = next((_names(each) for each in reversed(specs) if each.providers), tuple(defaults))
    provider = min((name for name in names if is_prometheus(mesh, name)), default=None)
    if provider is None:
        return None
    is_inbound = context is ListenerContext.INBOUND
    merge = _Merge()
    scope = tuple(defaults)
    for spec in specs:
        scope = _names(spec) or scope
        if provider in scope:
            for override in spec.overrides:
                _add(merge, SIDES[context], override)
    if merge.is_off:
        return None
    return Metrics(
        reporter=Reporter.DESTINATION if is_inbound else Reporter.SOURCE,
        disabled=tuple(metric for metric in Metric if merge.disabled.get(metric)),
        changes=tuple(
            (metric, changes)
            for metric in Metric
            if (changes := tuple(_changes(merge.tags.get(metric, {}))))
        ),
    )


def named_metric(custom: str) -> Metric | None:
    """The standard metric that ``customMetric`` names, by its name without ``istio_``."""
    return _BY_NAME.get(custom)


def _names(spec: MetricsSpec) -> tuple[str, ...]:
    return tuple(provider.name for provider in spec.providers)


@dataclass(slots=True)
class _Merge:
    """The overrides of a side as far as they were read; what is later wins."""

    is_off: bool = False
    disabled: dict[Metric, bool] = field(default_factory=dict)
    tags: dict[Metric, dict[str, TagOverride]] = field(default_factory=dict)


def _add(merge: _Merge, side: WorkloadMode, override: MetricsOverride) -> None:
    """An override that disables all metrics switches the side off, until a later one says
    something of it.
    """
    match = override.match or _ANY
    if not is_about(match.mode, side):
        return
    if override.disabled and not match.custom_metric and _is_all(match):
        merge.is_off = True
        return
    merge.is_off = False
    for metric in _matched(match):
        if override.disabled is not None:
            merge.disabled[metric] = override.disabled
        merge.tags.setdefault(metric, {}).update(override.tag_overrides)


def _changes(tags: Mapping[str, TagOverride]) -> Iterator[LabelChange]:
    """By name; a label whose expression Envoy cannot evaluate stays as it is."""
    for name, tag in sorted(tags.items()):
        if tag.operation is TagOperation.REMOVE:
            yield LabelChange(name=name, format=None)
            continue
        try:
            yield LabelChange(name=name, format=label_format(tag.value or ""))
        except CelFault:
            continue


def _is_all(match: MetricSelector) -> bool:
    return match.metric in (None, StandardMetric.ALL_METRICS)


def _matched(match: MetricSelector) -> tuple[Metric, ...]:
    if match.custom_metric:
        named = named_metric(match.custom_metric)
        return (named,) if named is not None else ()
    if match.metric is None or match.metric is StandardMetric.ALL_METRICS:
        return tuple(Metric)
    return (_COUNTED[match.metric],) if match.metric in _COUNTED else ()
