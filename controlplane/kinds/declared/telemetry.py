"""Telemetry."""

from typing import Final

from controlplane.kinds.istio import telemetry as specs
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.istio.telemetry import TELEMETRY, Telemetry
from controlplane.kinds.istio.versions import TELEMETRY_VERSIONS
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.telemetry import telemetry

_ATTACHMENT: Final = "translate.istio.policy_attachment"
_LOGS: Final = "translate.istio.access_logging"
_METRICS: Final = "translate.istio.metrics"

_TRACING: Final = "translate.istio.tracing"

TRACING: Final[Fields] = {
    specs.Tracing: (
        by(f"{_TRACING}:merged", "match"),
        by(
            f"{_TRACING}:_under",
            "providers",
            "random_sampling_percentage",
            "disable_span_reporting",
            "disable_context_propagation",
            "use_request_id_for_trace_sampling",
            "enable_istio_tags",
        ),
        by(f"{_TRACING}:declared_tags", "custom_tags"),
    ),
    specs.CustomTag: (
        by(f"{_TRACING}:telemetry_tag", "literal", "environment", "header", "formatter"),
    ),
    specs.Literal: (by(f"{_TRACING}:telemetry_tag", "value"),),
    specs.EnvironmentTag: (by(f"{_TRACING}:telemetry_tag", "name", "default_value"),),
    specs.RequestHeaderTag: (by(f"{_TRACING}:telemetry_tag", "name", "default_value"),),
    specs.Formatter: (by(f"{_TRACING}:telemetry_tag", "value"),),
}
KIND: Final = ServedKind(
    kind=TELEMETRY,
    api_versions=TELEMETRY_VERSIONS,
    spec=Telemetry,
    validate=telemetry,
    fields={
        specs.Telemetry: (
            by(f"{_ATTACHMENT}:attachment", "selector", "target_ref", "target_refs"),
            by("queries.policy.access_logging:wanted", "access_logging"),
            by("queries.policy.tracing:trace_spec", "tracing"),
            by("queries.policy.metrics:metrics_of", "metrics"),
        ),
        specs.Metrics: (
            by(f"{_METRICS}:merged_metrics", "providers", "overrides"),
            by("queries.analysis.telemetry_metrics:metrics_diagnostics", "reporting_interval"),
        ),
        specs.MetricsOverride: (
            by(f"{_METRICS}:merged_metrics", "match", "disabled", "tag_overrides"),
        ),
        specs.MetricSelector: (
            by(f"{_METRICS}:merged_metrics", "metric", "custom_metric", "mode"),
        ),
        specs.TagOverride: (by(f"{_METRICS}:merged_metrics", "operation", "value"),),
        **TRACING,
        PolicyTargetReference: (
            by(f"{_ATTACHMENT}:attachment", "group", "kind", "name"),
            no_effect("it must be empty: a policy is for its own namespace", "namespace"),
        ),
        specs.AccessLogging: (
            by(f"{_LOGS}:wanted_logs", "providers", "disabled"),
            by(f"{_LOGS}:_is_about", "match"),
            by(f"{_LOGS}:_expression", "filter"),
        ),
        specs.ModeSelector: (by(f"{_LOGS}:_is_about", "mode"),),
        specs.ProviderReference: (by(f"{_LOGS}:wanted_logs", "name"),),
        specs.LogFilter: (by(f"{_LOGS}:_expression", "expression"),),
        LabelSelector: (by(f"{_ATTACHMENT}:attachment", "match_labels"),),
    },
    custom=True,
)
