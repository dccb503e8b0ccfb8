"""Workloads register while the control plane runs: what happens to them is served in one edit for
each turn of the loop, and kept over a restart.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from controlplane.engine.engine import Engine
from controlplane.model.registration import Registered
from controlplane.serve.background import Steps, log_faults
from controlplane.serve.connected_workloads import ConnectedWorkloads
from controlplane.sources.registered_file import keep_registered, kept_registered
from controlplane.sources.state import StateDirectory
from controlplane.xds.health import HealthService
from controlplane.xds.leaving import LeaveService
from controlplane.xds.service import Service

WRITES_APART: Final = 0.5  # seconds


class Registering:
    """Follows connected workloads. ``publish`` brings proxies to a revision of the engine."""

    def __init__(
        self,
        engine: Engine,
        state: StateDirectory,
        *,
        on_loopback: bool,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        publish: Callable[[int], object],
    ) -> None:
        self.workloads = ConnectedWorkloads(
            engine,
            kept_registered(state),
            on_loopback=on_loopback,
            clock=clock,
            monotonic=monotonic,
        )
        self._engine = engine
        self._clock = clock
        self._state = state
        self._publish = publish
        self._steps = Steps()
        self._kept = self.workloads.registered()
        self._writing = threading.Lock()
        self._is_over = False
        self._may_differ = asyncio.Event()

    def services(self, ready: asyncio.Event) -> tuple[Service, ...]:
        """What is served beside ADS."""
        return HealthService(self.workloads, ready, self._clock), LeaveService(self.workloads)

    async def run(self, ready: asyncio.Event) -> None:
        """Serve and keep what happens, from the first load on."""
        await ready.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._keep())

    async def _follow(self) -> None:
        """Serve what happens, as soon as it does and when a grace is over."""
        while True:
            with self._steps.contained("registering workloads", "they stay as they were"):
                self.settle()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.workloads.due):
                    await self.workloads.happened.wait()
            self.workloads.happened.clear()

    def settle(self) -> None:
        """Serve what has happened."""
        changes, before = self.workloads.changes(), self._engine.revision
        if changes:
            self._engine.apply(changes)
        self._engine.note_connected()
        if self._engine.revision != before:
            self._publish(self._engine.revision)
        self._may_differ.set()
        log_faults(self._engine.take_faults())

    async def _keep(self) -> None:
        """Keep what is registered in the state directory when it changes, not more often than it
        pays: it is written whole.
        """
        while True:
            await self._may_differ.wait()
            self._may_differ.clear()
            with self._steps.contained("keeping registered workloads", "a restart lacks them"):
                await asyncio.to_thread(self._write, self.workloads.registered())
            await asyncio.sleep(WRITES_APART)

    def end(self) -> None:
        """The server is about to end its streams; its proxies stay what they are."""
        self.workloads.end()
        step, effect = "keeping registered workloads", "a restart lacks them"
        with self._steps.contained(step, effect), self._writing:
            self._is_over = True
            self._write_if_changed(self.workloads.registered())

    def _write(self, registered: tuple[Registered, ...]) -> None:
        """In a thread: what it was given may be older than what was written at the end."""
        with self._writing:
            if not self._is_over:
                self._write_if_changed(registered)

    def _write_if_changed(self, registered: tuple[Registered, ...]) -> None:
        if registered != self._kept:
            keep_registered(self._state, registered)
            self._kept = registered
