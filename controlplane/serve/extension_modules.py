"""Fetches the modules of WebAssembly that extensions name, in the background.

Each source has a task of its own, which ends when the module is there: a source names one module
until it is edited. A file is read again when it changes. What fails is tried again, at once where
an edit may have mended it. Source: Istio ``pkg/wasm/cache.go``
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from controlplane.engine.engine import Engine
from controlplane.engine.modules import set_modules, set_modules_folder
from controlplane.model.extension import Module, ModuleSource
from controlplane.queries.inputs.key_sets import FetchFailure
from controlplane.queries.inputs.modules import UNKNOWN_MODULE, FetchedModule
from controlplane.queries.listeners.extension_configs import (
    EVERY_MODULE,
    module_source,
    with_modules,
)
from controlplane.queries.registry.key_servers import key_server
from controlplane.queries.registry.pull_credentials import pull_credentials, pull_secret_of
from controlplane.serve.background import Steps, log_faults
from controlplane.serve.fetching import (
    Followers,
    Keeper,
    failure_after,
    happened,
    retried_after,
)
from controlplane.sources.kept_modules import keep_modules, kept_modules
from controlplane.sources.module_fetch import ModuleUnavailable, fetched
from controlplane.sources.state import StateDirectory

FETCHED_AT_ONCE: Final = 8
"""Each may take 64 MiB and thirty seconds."""
KEPT: Final = 256 << 20  # bytes of modules that nothing names any more, and of those that are named
FILES_LOOKED_AT: Final = timedelta(seconds=2)
_EFFECT: Final = "its calls pass or are refused, as its failStrategy says"

log = structlog.stdlib.get_logger("serve")


class ExtensionModules:
    """Fetches what the extensions of ``engine`` name; ``publish`` brings proxies to a revision of
    it.

    ``folder`` is the one whose modules are sent to proxies. What was fetched is in the state
    directory, for a restart while a registry is gone.
    """

    def __init__(
        self,
        engine: Engine,
        state: StateDirectory,
        *,
        publish: Callable[[int], None],
        clock: Callable[[], datetime],
        folder: Path | None = None,
        pause: Callable[[int], timedelta] = retried_after,
    ) -> None:
        self._engine = engine
        self._state = state
        self._publish = publish
        self._clock = clock
        self._pause = pause
        self._followers = Followers[ModuleSource]()
        self._secrets: dict[ModuleSource, object] = {}
        """The Secret that was shown when a source was fetched last."""
        self._look = asyncio.Event()
        self._fetching = asyncio.Semaphore(FETCHED_AT_ONCE)
        self._keeper = Keeper(self._keeping, "modules_not_kept")
        self._steps = Steps()
        self._modules = kept_modules(state)
        """What is known, that which was named last at the end."""
        self._failures: dict[ModuleSource, FetchFailure] = {}
        if folder is not None:
            set_modules_folder(engine, str(folder.resolve()))
        if self._modules:
            set_modules(engine, {s: FetchedModule(module=m) for s, m in self._modules.items()})

    def look(self) -> None:
        """What is wanted may have changed."""
        self._look.set()

    async def run(self, ready: asyncio.Event) -> None:
        """Fetch from the first load on."""
        await ready.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keeper.run())
            while True:
                self._look.clear()
                with self._steps.contained("finding modules", "those of new plugins are not there"):
                    self._follow(tasks)
                await self._look.wait()

    def _follow(self, tasks: asyncio.TaskGroup) -> None:
        graph = self._engine.graph
        found = (module_source(graph, key) for key in with_modules(graph, EVERY_MODULE))
        wanted = sorted({source for source in found if source is not None}, key=repr)
        for source in self._followers.end_others(set(wanted)):
            self._secrets.pop(source, None)
            if self._failures.pop(source, None) is not None:
                set_modules(self._engine, {source: self._known(source)})
        for source in wanted:
            if source in self._modules:
                self._modules[source] = self._modules.pop(source)
            if source not in self._followers:
                follow = self._follow_file if source.uri.startswith("file:") else self._fetch
                self._followers.begin(tasks, source, follow)
            elif self._secrets.get(source) != self._secret(source):
                self._followers.try_at_once(source)

    def _secret(self, source: ModuleSource) -> object:
        graph = self._engine.graph
        return pull_secret_of(graph, source.secret) if source.secret is not None else None

    async def _fetch(self, source: ModuleSource, mended: asyncio.Event) -> None:
        """Until the module is there."""
        failures = 0
        while source not in self._modules:
            mended.clear()
            failures += 1
            pause = self._pause(failures)
            await self._fetch_once(source, pause)
            if source not in self._modules and await happened(mended, pause):
                failures = 0

    async def _follow_file(self, source: ModuleSource, _: asyncio.Event) -> None:
        """For as long as the file is named."""
        before: tuple[int, int] | None = None
        while True:
            now = await asyncio.to_thread(_stamp, source)
            if now is None or now != before:
                await self._fetch_once(source, FILES_LOOKED_AT)
            before = now
            await asyncio.sleep(FILES_LOOKED_AT.total_seconds())

    async def _fetch_once(self, source: ModuleSource, pause: timedelta) -> None:
        self._secrets[source] = self._secret(source)
        outcome = await self._fetched(source)
        with self._steps.contained("taking a module", _EFFECT):
            self._take(source, outcome, pause)

    async def _fetched(self, source: ModuleSource) -> Module | ModuleUnavailable:
        with self._steps.contained(f"fetching {source.uri}", _EFFECT):
            try:
                if source.secret is not None and self._secret(source) is None:
                    name = source.secret.display_name
                    raise ModuleUnavailable(f"{name}, which the registry is to be shown, is absent")
                async with self._fetching:
                    shown = pull_credentials(self._engine.graph, source)
                    return await fetched(source, shown, self._dial)
            except ModuleUnavailable as fault:
                return fault
        return ModuleUnavailable("an internal error, which is logged")

    def _dial(self, host: str, port: int) -> tuple[tuple[str, int], ...] | None:
        return key_server(self._engine.graph, host, port)

    def _known(self, source: ModuleSource) -> FetchedModule:
        return FetchedModule(module=self._modules.get(source), failure=self._failures.get(source))

    def _take(
        self, source: ModuleSource, outcome: Module | ModuleUnavailable, pause: timedelta
    ) -> None:
        before = self._known(source)
        if isinstance(outcome, Module):
            self._failures.pop(source, None)
            self._modules[source] = outcome
        else:
            now = self._clock()
            self._failures[source] = failure_after(before.failure, str(outcome), now, pause)
        known = self._known(source)
        if known != before:
            forgotten = self._forget()
            self._publish(set_modules(self._engine, {**forgotten, source: known}))
            log_faults(self._engine.take_faults())
            _log(source, before, known)
        self._keeper.fetched(has_changed=known.module != before.module)

    def _forget(self) -> dict[ModuleSource, FetchedModule]:
        """Drop what nothing names, the longest unnamed first, until the rest is within limits."""
        dropped: dict[ModuleSource, FetchedModule] = {}
        for source in tuple(self._modules):
            if _size(self._modules.values()) <= KEPT:
                break
            if source not in self._followers:
                del self._modules[source]
                dropped[source] = UNKNOWN_MODULE
        return dropped

    def _keeping(self) -> Callable[[], None]:
        return partial(keep_modules, self._state, dict(self._modules))


def _size(modules: Iterable[Module]) -> int:
    return sum(len(content) for content in {m.digest: m.content for m in modules}.values())


def _stamp(source: ModuleSource) -> tuple[int, int] | None:
    """What differs when a file was written again; ``None`` where it is not there."""
    try:
        found = Path(source.uri.removeprefix("file://")).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _log(source: ModuleSource, before: FetchedModule, now: FetchedModule) -> None:
    if now.failure is not None:
        effect = "the module that was fetched before is used" if now.module else _EFFECT
        log.warning("module_unavailable", uri=source.uri, reason=now.failure.reason, effect=effect)
    elif now.module is not None and now.module != before.module:
        log.info("module_fetched", uri=source.uri, sha256=now.module.digest)
