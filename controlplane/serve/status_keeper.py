"""Follows statuses while the control plane runs: keeps them over a restart, and writes them as
files where that is asked for.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from controlplane.base.names import ObjectKey
from controlplane.documents.printed import as_yaml
from controlplane.engine.engine import Engine
from controlplane.queries.analysis.object_status import WITH_STATUS
from controlplane.serve.background import Steps
from controlplane.serve.settings import Settings
from controlplane.serve.shown_objects import ShownObjects
from controlplane.serve.status_value import Json
from controlplane.serve.statuses import Statuses
from controlplane.sources.kept_statuses import KeptStatus, keep_statuses
from controlplane.sources.status_files import StatusFiles
from controlplane.xds.connections import Connections

LOOKS_APART: Final = 0.5  # seconds; what changes in between is seen as one change
TRIES_APART: Final = timedelta(seconds=5)
"""Until what could not be written is tried again, where nothing changes."""

log = structlog.stdlib.get_logger("state")


class StatusKeeper:
    """Looks at statuses twice a second, which costs nothing while nothing changes."""

    def __init__(
        self,
        engine: Engine,
        connections: Connections,
        settings: Settings,
        clock: Callable[[], datetime],
        kept: Iterable[KeptStatus],
    ) -> None:
        self.statuses = Statuses(engine, connections, clock)
        self.statuses.remember(kept)
        self._engine = engine
        self._state = settings.state
        folder = settings.status_dir
        self._files = StatusFiles(folder, WITH_STATUS) if folder is not None else None
        self._shown = ShownObjects(engine, self.statuses)
        self._kept: tuple[KeptStatus, ...] = ()
        self._problem: str | None = None
        self._clock = clock
        self._tried = clock()
        self._steps = Steps()

    async def run(self, ready: asyncio.Event) -> None:
        """Begins with the first load."""
        await ready.wait()
        self._engine.generations.forget_others(self._engine.object)
        while True:
            with self._steps.contained("following statuses", "they are shown as they were"):
                await self.look()
            await asyncio.sleep(LOOKS_APART)

    async def look(self) -> None:
        """Take note of what changed, and write it."""
        seen = await self.statuses.look()
        if not seen and not self._must_try_again():
            return
        self._tried = self._clock()
        kept = self.statuses.kept()
        if kept != self._kept:
            await asyncio.to_thread(self._keep, kept)
        if self._files is not None:
            shown = {key: self._shown.manifest(key) for key in seen if self.statuses.has(key)}
            await asyncio.to_thread(_write, self._files, seen, shown)

    def _must_try_again(self) -> bool:
        failed = self._files is not None and self._files.must_try_again
        is_due = self._clock() >= self._tried + TRIES_APART
        return is_due and (failed or self._problem is not None)

    def _keep(self, kept: tuple[KeptStatus, ...]) -> None:
        try:
            keep_statuses(self._state, kept)
        except OSError as error:
            reason = error.strerror or str(error)
            if reason != self._problem:
                log.error("statuses_not_kept", reason=reason, effect="a restart counts anew")
            self._problem = reason
        else:
            self._kept, self._problem = kept, None


def _write(
    files: StatusFiles, seen: Iterable[ObjectKey], manifests: Mapping[ObjectKey, Json | None]
) -> None:
    """What was seen and has no status any longer has no file."""
    texts = {key: as_yaml(each) for key, each in manifests.items() if each is not None}
    files.write({key: texts.get(key) for key in seen})
