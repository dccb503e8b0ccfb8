"""What is reported of an edit, and of what is found wrong or fixed without one."""

import asyncio
import time
from datetime import timedelta
from typing import Final

from controlplane.admin.metrics import Metrics
from controlplane.engine.edit import Edit
from controlplane.engine.engine import Engine
from controlplane.serve.edit_traces import EditTraces
from controlplane.serve.known_diagnostics import KnownDiagnostics, News
from controlplane.serve.reload import ACKNOWLEDGED_WITHIN, Noticed, OnReload, Reload, Taken
from controlplane.xds.connections import Connections

ANALYSED_AT_ONCE: Final = 50  # objects; so that an edit never waits long for the analysis


class EditReports:
    """Reports to ``on_reload``, to the metrics and to ``traces``."""

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        connections: Connections,
        on_reload: OnReload,
        traces: EditTraces | None = None,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._connections = connections
        self._on_reload = on_reload
        self._traces = traces
        self._known = KnownDiagnostics()

    async def acknowledged(self, edit: Edit, began: float) -> timedelta | None:
        """How long it took from ``began`` until every proxy had the edit; ``None``: too long."""
        try:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN):
                await self._connections.acknowledged(edit.revision)
        except TimeoutError:
            return None
        took = timedelta(seconds=time.perf_counter() - began)
        self._metrics.converged(took)
        return took

    def report(self, taken: Taken, acknowledged: timedelta | None) -> None:
        news = self._news()
        reload = Reload(
            edit=taken.edit,
            is_first=taken.is_first,
            proxies=taken.proxies,
            affected=taken.affected,
            computed=taken.computed,
            acknowledged=acknowledged,
            waited=taken.waited,
            found=news.found,
            fixed=news.fixed,
            trace=taken.trace,
        )
        self._on_reload(reload)
        if self._traces is not None:
            self._traces.ended(taken, reload)

    async def notice(self) -> None:
        """Report what is wrong now and was not, or is fixed, though no file has changed."""
        await self.analysed()
        news = self._news()
        if news:
            self._on_reload(Noticed(news.found, news.fixed))

    async def analysed(self) -> None:
        while self._engine.analyse(ANALYSED_AT_ONCE):
            await asyncio.sleep(0)

    def _news(self) -> News:
        """What has come to be wrong, and what is fixed, since the last call."""
        now = self._engine.diagnostics()
        self._metrics.diagnosed(now)
        return self._known.news(now)
