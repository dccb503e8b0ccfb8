"""What is measured of edits: the times of their stages, and their traces where those are sent."""

import time
from collections.abc import Callable

from controlplane.admin.metrics import Metrics
from controlplane.base.laps import Lap, Laps
from controlplane.serve.edit_traces import EditTraces, new_trace
from controlplane.serve.reload import Taken, TraceIds
from controlplane.serve.settings import Settings
from controlplane.serve.trace_export import TraceExporter


class EditTelemetry:
    """``traces``: ``None`` where no collector is named."""

    def __init__(self, metrics: Metrics, settings: Settings) -> None:
        self._metrics = metrics
        self._laps = Laps(time.perf_counter)
        self._exporter: TraceExporter | None = None
        self.traces: EditTraces | None = None
        if settings.trace_otlp is not None:
            self._exporter = TraceExporter(settings.trace_otlp, metrics.trace_exported)
            self.traces = EditTraces(self._exporter.export, instance=str(settings.admin))

    @property
    def on_stage(self) -> Callable[[str], None]:
        return self._laps.lap

    def start(self) -> None:
        if self._exporter is not None:
            self._exporter.start()

    def stop(self) -> None:
        if self._exporter is not None:
            self._exporter.stop()

    def begin(self, at: float) -> None:
        """An edit began ``at`` that time (``perf_counter``)."""
        self._laps.begin(at)

    def stages(self) -> tuple[Lap, ...]:
        """Those of the edit that began last; what sessions answered is the last of them."""
        self._laps.lap("answer")
        return self._laps.taken()

    def new_trace(self) -> TraceIds | None:
        return new_trace() if self.traces is not None else None

    def taken(self, taken: Taken) -> None:
        """An edit was published, and what proxies get by it is on its way."""
        edit = taken.edit
        refused = [key.kind for key in edit.refused]
        gone = {*edit.removed, *edit.refused}
        passed = [key.kind for key in edit.put if key not in gone]
        self._metrics.changed(taken.computed, taken.stages, taken.waited, passed, refused)
