"""What a Telemetry must be: its providers, the filters of its logs, the tags of its spans and
metrics.

Source: https://istio.io/latest/docs/reference/config/telemetry/, its CRD, Istio
``pkg/config/validation/validation.go`` (ValidateTelemetry)
"""

from collections.abc import Mapping, Sequence
from typing import Final

from controlplane.base.cel import cel_fault
from controlplane.base.codes import (
    CANNOT_WORK,
    CEL_REFUSED,
    MISSING_FIELD,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    VALUE_OUT_OF_RANGE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.telemetry import (
    AccessLogging,
    CustomTag,
    Metrics,
    MetricSelector,
    ProviderReference,
    TagOperation,
    TagOverride,
    Telemetry,
    Tracing,
)
from controlplane.kinds.validation.checks import About, check_least, check_one_of
from controlplane.kinds.validation.policy_attachment import check_attachment

LARGEST_PERCENTAGE: Final = 100


def telemetry(report: Report, at: FieldRef, spec: Telemetry, about: About) -> None:
    check_attachment(report, at, spec, about.body)
    for i, metrics in enumerate(spec.metrics):
        _check_metrics(report, at / "metrics" / i, metrics)
    for i, tracing in enumerate(spec.tracing):
        _check_tracing(report, at / "tracing" / i, tracing)
    if len(spec.tracing) > 1:
        message = "Istio does not support several entries; the last that says a thing is used"
        report.add(CANNOT_WORK, (at / "tracing").key, message, hint="merge them into one")
    for i, logging in enumerate(spec.access_logging):
        _check_logging(report, at / "accessLogging" / i, logging)


def _check_providers(report: Report, at: FieldRef, providers: Sequence[ProviderReference]) -> None:
    for i, provider in enumerate(providers):
        if not provider.name:
            report.add(
                MISSING_FIELD, at / "providers" / i / "name", "the provider's name is missing"
            )


def _check_logging(report: Report, at: FieldRef, logging: AccessLogging) -> None:
    _check_providers(report, at, logging.providers)
    if logging.filter is not None:
        _check_filter(report, at / "filter" / "expression", logging.filter.expression)


def _check_filter(report: Report, at: FieldRef, expression: str) -> None:
    if not expression:
        report.add(MISSING_FIELD, at, "the filter has no expression", hint="remove the filter")
        return
    fault = cel_fault(expression)
    if fault is not None:
        report.add(CEL_REFUSED, at, f"this is not a CEL expression: {fault}")


def _check_tracing(report: Report, at: FieldRef, tracing: Tracing) -> None:
    _check_providers(report, at, tracing.providers)
    if len(tracing.providers) > 1:
        message = "spans are sent to one provider: the first is used"
        report.add(CANNOT_WORK, at / "providers" / 1, message, hint="keep one of them")
    share = tracing.random_sampling_percentage
    if share is not None and not 0 <= share <= LARGEST_PERCENTAGE:
        message = f"{share:g} is not between 0 and {LARGEST_PERCENTAGE}"
        report.add(VALUE_OUT_OF_RANGE, at / "randomSamplingPercentage", message)
    for name, tag in (tracing.custom_tags or {}).items():
        place = at / "customTags" / name
        if not name:
            report.add(MISSING_FIELD, place.key, "the tag has no name")
        _check_tag(report, place, tag)


def _check_tag(report: Report, at: FieldRef, tag: CustomTag) -> None:
    check_one_of(
        report,
        at,
        literal=tag.literal,
        environment=tag.environment,
        header=tag.header,
        formatter=tag.formatter,
    )
    for kind, field, value in (
        ("literal", "value", tag.literal.value if tag.literal is not None else None),
        ("environment", "name", tag.environment.name if tag.environment is not None else None),
        ("header", "name", tag.header.name if tag.header is not None else None),
        ("formatter", "value", tag.formatter.value if tag.formatter is not None else None),
    ):
        if value == "":
            report.add(MISSING_FIELD, at / kind / field, f"the {field} of the tag is missing")


def _check_metrics(report: Report, at: FieldRef, metrics: Metrics) -> None:
    _check_providers(report, at, metrics.providers)
    check_least(report, at / "reportingInterval", metrics.reporting_interval)
    for i, override in enumerate(metrics.overrides):
        place = at / "overrides" / i
        if override.match is not None:
            _check_selector(report, place / "match", override.match)
        _check_tags(report, place / "tagOverrides", override.tag_overrides)


def _check_selector(report: Report, at: FieldRef, selector: MetricSelector) -> None:
    check_one_of(report, at, metric=selector.metric, custom_metric=selector.custom_metric)
    if selector.custom_metric == "":
        report.add(MISSING_FIELD, at / "customMetric", "the name of the metric is missing")


def _check_tags(report: Report, at: FieldRef, tags: Mapping[str, TagOverride]) -> None:
    for name, tag in tags.items():
        if not name:
            report.add(NO_EFFECT, (at / name).key, "the tag has no name")
        match tag.operation:
            case TagOperation.UPSERT if not tag.value:
                message = "the value is missing, which UPSERT needs"
                hint = 'write a CEL expression, or "operation: REMOVE"'
                report.add(MISSING_FIELD, at / name / "value", message, hint=hint)
            case TagOperation.REMOVE if tag.value is not None:
                message = "a tag that is removed has no value"
                report.add(NOT_ALLOWED_HERE, at / name / "value", message, hint="remove it")
