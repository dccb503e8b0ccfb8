"""The trace of an edit: a span for all of it, and one for each of its stages.

Source: OpenTelemetry Protocol, opentelemetry/proto/trace/v1/trace.proto; names of attributes are
the project's own, below ``controlplane.``.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationLibrary, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import (
    InstrumentationLibrarySpans,
    ResourceSpans,
    Span,
    Status,
)

from controlplane.base.laps import Lap
from controlplane.serve.reload import Reload, Taken, TraceIds

SERVICE: Final = "controlplane"
_SECOND: Final = 1_000_000_000
_Value = str | int | bool


def new_trace() -> TraceIds:
    return TraceIds(secrets.token_bytes(16), secrets.token_bytes(8))


class EditTraces:
    """Sends the traces of edits to ``export``, which must not wait."""

    def __init__(
        self, export: Callable[[bytes], None], *, instance: str, service: str = SERVICE
    ) -> None:
        self._export = export
        self._resource = Resource(
            attributes=[
                _pair("service.name", service),
                _pair("service.version", version("controlplane")),
                _pair("service.instance.id", instance),
            ]
        )
        self._epoch = time.time_ns() - round(time.perf_counter() * _SECOND)

    def ended(self, taken: Taken, reload: Reload) -> None:
        """Every proxy has answered an edit, or time is up."""
        ids = taken.trace
        if ids is None:
            return
        spans = [self._whole(ids, taken, reload), *self._stages(ids, taken, reload)]
        library = InstrumentationLibrary(name=SERVICE)
        # Today's protocol calls them ScopeSpans; the numbers of the fields are the same.
        found = InstrumentationLibrarySpans(instrumentation_library=library, spans=spans)
        sent = ResourceSpans(resource=self._resource, instrumentation_library_spans=[found])
        self._export(ExportTraceServiceRequest(resource_spans=[sent]).SerializeToString())

    def _whole(self, ids: TraceIds, taken: Taken, reload: Reload) -> Span:
        edit = taken.edit
        ended = taken.began + (reload.acknowledged or taken.computed).total_seconds()
        is_late = reload.acknowledged is None
        return Span(
            trace_id=ids.trace,
            span_id=ids.span,
            name="load" if taken.is_first else "edit",
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=self._moment(taken.began),
            end_time_unix_nano=self._moment(ended),
            attributes=[
                _pair("controlplane.revision", edit.revision),
                _pair("controlplane.files", len(edit.paths)),
                _pair("controlplane.objects.put", len(edit.put)),
                _pair("controlplane.objects.removed", len(edit.removed)),
                _pair("controlplane.objects.refused", len(edit.refused)),
                _pair("controlplane.objects.waiting", len(edit.waiting)),
                _pair("controlplane.proxies.connected", taken.proxies),
                _pair("controlplane.proxies.affected", taken.affected),
                _pair("controlplane.diagnostics.found", len(reload.found)),
                _pair("controlplane.diagnostics.fixed", len(reload.fixed)),
            ],
            status=Status(code=Status.STATUS_CODE_ERROR, message="a proxy did not answer in time")
            if is_late
            else None,
        )

    def _stages(self, ids: TraceIds, taken: Taken, reload: Reload) -> Iterable[Span]:
        laps = list(taken.stages)
        if reload.acknowledged is not None and taken.affected:
            computed = laps[-1].ended if laps else taken.began
            ended = taken.began + reload.acknowledged.total_seconds()
            laps.append(Lap("acknowledge", computed, ended))
        return (
            Span(
                trace_id=ids.trace,
                span_id=secrets.token_bytes(8),
                parent_span_id=ids.span,
                name=lap.stage,
                kind=Span.SPAN_KIND_INTERNAL,
                start_time_unix_nano=self._moment(lap.began),
                end_time_unix_nano=self._moment(lap.ended),
            )
            for lap in laps
        )

    def _moment(self, at: float) -> int:
        """Nanoseconds since 1970 of a moment of ``perf_counter``."""
        return self._epoch + round(at * _SECOND)


def _pair(key: str, value: _Value) -> KeyValue:
    match value:
        case bool():
            return KeyValue(key=key, value=AnyValue(bool_value=value))
        case int():
            return KeyValue(key=key, value=AnyValue(int_value=value))
        case str():
            return KeyValue(key=key, value=AnyValue(string_value=value))
