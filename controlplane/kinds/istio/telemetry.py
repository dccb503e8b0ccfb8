"""Telemetry.

Source: https://istio.io/latest/docs/reference/config/telemetry/, its CRD
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.spec import Duration, Spec


class WorkloadMode(Enum):
    """Which side of a call is meant: gateways and what a workload calls are CLIENT, what calls it
    is SERVER.
    """

    CLIENT_AND_SERVER = "CLIENT_AND_SERVER"
    CLIENT = "CLIENT"
    SERVER = "SERVER"


class ProviderReference(Spec, frozen=True):
    name: str = ""


class ModeSelector(Spec, frozen=True):
    """``match`` of tracing and of access logs."""

    mode: WorkloadMode = WorkloadMode.CLIENT_AND_SERVER


class Literal(Spec, frozen=True):
    value: str = ""


class EnvironmentTag(Spec, frozen=True):
    name: str = ""
    default_value: str = ""


class RequestHeaderTag(Spec, frozen=True):
    name: str = ""
    default_value: str = ""


class Formatter(Spec, frozen=True):
    """``value`` is a format of Envoy's, as in access logs."""

    value: str = ""


class CustomTag(Spec, frozen=True):
    """At most one is set."""

    literal: Literal | None = None
    environment: EnvironmentTag | None = None
    header: RequestHeaderTag | None = None
    formatter: Formatter | None = None


class Tracing(Spec, frozen=True):
    """Of several entries, and of the Telemetries of wider scope, the last that says a thing is
    used. ``custom_tags`` that are set replace all others.
    """

    match: ModeSelector | None = None
    providers: tuple[ProviderReference, ...] = ()
    random_sampling_percentage: float | None = None
    disable_span_reporting: bool | None = None
    disable_context_propagation: bool | None = None
    custom_tags: Mapping[str, CustomTag] | None = None
    use_request_id_for_trace_sampling: bool | None = None
    enable_istio_tags: bool | None = None


class StandardMetric(Enum):
    ALL_METRICS = "ALL_METRICS"
    REQUEST_COUNT = "REQUEST_COUNT"
    REQUEST_DURATION = "REQUEST_DURATION"
    REQUEST_SIZE = "REQUEST_SIZE"
    RESPONSE_SIZE = "RESPONSE_SIZE"
    TCP_OPENED_CONNECTIONS = "TCP_OPENED_CONNECTIONS"
    TCP_CLOSED_CONNECTIONS = "TCP_CLOSED_CONNECTIONS"
    TCP_SENT_BYTES = "TCP_SENT_BYTES"
    TCP_RECEIVED_BYTES = "TCP_RECEIVED_BYTES"
    GRPC_REQUEST_MESSAGES = "GRPC_REQUEST_MESSAGES"
    GRPC_RESPONSE_MESSAGES = "GRPC_RESPONSE_MESSAGES"


class MetricSelector(Spec, frozen=True):
    """``metric`` or ``custom_metric``, its name; neither is all of them."""

    metric: StandardMetric | None = None
    custom_metric: str | None = None
    mode: WorkloadMode = WorkloadMode.CLIENT_AND_SERVER


class TagOperation(Enum):
    UPSERT = "UPSERT"
    REMOVE = "REMOVE"


class TagOverride(Spec, frozen=True):
    """``value`` is a CEL expression, only for UPSERT."""

    operation: TagOperation = TagOperation.UPSERT
    value: str | None = None


class MetricsOverride(Spec, frozen=True):
    match: MetricSelector | None = None
    disabled: bool | None = None
    tag_overrides: Mapping[str, TagOverride] = {}


class Metrics(Spec, frozen=True):
    providers: tuple[ProviderReference, ...] = ()
    overrides: tuple[MetricsOverride, ...] = ()
    reporting_interval: Duration | None = None


class LogFilter(Spec, frozen=True):
    """``expression``, of CEL, says which requests and connections are logged."""

    expression: str = ""


class AccessLogging(Spec, frozen=True):
    match: ModeSelector | None = None
    providers: tuple[ProviderReference, ...] = ()
    disabled: bool | None = None
    filter: LogFilter | None = None


class Telemetry(Spec, frozen=True):
    selector: LabelSelector | None = None
    target_ref: PolicyTargetReference | None = None
    """Used only where ``target_refs`` is empty."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    tracing: tuple[Tracing, ...] = ()
    metrics: tuple[Metrics, ...] = ()
    access_logging: tuple[AccessLogging, ...] = ()


TELEMETRY: Final[Kind[Telemetry]] = Kind("telemetry.istio.io", "Telemetry")
TelemetryKey = ObjectKey[Telemetry]
