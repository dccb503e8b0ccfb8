"""What depends on which proxies are connected is computed again as soon as that changes."""

from collections.abc import Awaitable, Callable

from controlplane.engine.engine import Engine
from controlplane.serve.background import Steps, log_faults
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.xds.server import XdsServer


class ProxyWatch:
    """``notice`` reports what is wrong since the last edit. Of the proxies only those that came or
    went are looked at.
    """

    def __init__(
        self,
        engine: Engine,
        snapshots: SnapshotCache,
        server: XdsServer,
        notice: Callable[[], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._server = server
        self._notice = notice
        self._steps = Steps()
        self._noticed = -1

    async def run(self) -> None:
        changed = self._server.proxies_changed
        while True:
            await changed.wait()
            changed.clear()
            with self._steps.contained("updating connected proxies", "the next edit will"):
                await self._update()
            log_faults(self._engine.take_faults())

    async def _update(self) -> None:
        self._snapshots.forget(self._server.take_gone())
        before = self._engine.revision
        self._engine.note_connected()
        if self._engine.revision != before:
            self._server.publish(self._engine.revision)
        if self._engine.revision != self._noticed:
            self._noticed = self._engine.revision
            await self._notice()
