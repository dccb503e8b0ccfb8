"""Keeps the keys of issuers fresh: what RequestAuthentications want is fetched again and again.

Each source has a task of its own; ``FETCHED_AT_ONCE`` fetch at the same time. Source: Istio
``pilot/pkg/model/jwks_resolver.go``
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from controlplane.engine.engine import Engine
from controlplane.engine.key_sets import set_key_sets
from controlplane.model.tokens import KeySource
from controlplane.queries.inputs.key_sets import UNKNOWN_KEYS, FetchedKeys, FetchFailure
from controlplane.queries.policy.tokens import EVERY_SOURCE, wanted_key_sets
from controlplane.queries.registry.key_servers import key_server
from controlplane.serve.background import Steps, log_faults
from controlplane.sources.kept_key_sets import keep_key_sets, kept_key_sets
from controlplane.sources.key_fetch import KeysUnavailable, fetched_key_set
from controlplane.sources.state import StateDirectory

REFRESHED_AFTER: Final = timedelta(minutes=20)
EARLY_RETRIES: Final = 5
EARLY: Final = timedelta(seconds=1)
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(hours=1)
FETCHED_AT_ONCE: Final = 64
"""So many that a few slow issuers delay no other; each may take a MiB and thirty seconds."""

log = structlog.stdlib.get_logger("serve")


def pause_after(failures: int, *, refreshed_after: timedelta = REFRESHED_AFTER) -> timedelta:
    """How long until the next fetch, after ``failures`` in a row."""
    if failures == 0:
        return refreshed_after
    if failures <= EARLY_RETRIES:
        return EARLY
    doublings = min(failures - EARLY_RETRIES - 1, 10)
    return min(SHORTEST * (1 << doublings), LONGEST)


class IssuerKeys:
    """Fetches what the policies of ``engine`` want; ``publish`` brings proxies to a revision of it.

    What was fetched last is in the state directory, for a restart while an issuer is gone.
    """

    def __init__(
        self,
        engine: Engine,
        state: StateDirectory,
        *,
        publish: Callable[[int], None],
        clock: Callable[[], datetime],
        pause: Callable[[int], timedelta] = pause_after,
    ) -> None:
        self._engine = engine
        self._state = state
        self._publish = publish
        self._clock = clock
        self._pause = pause
        self._timeouts: dict[KeySource, timedelta] = {}
        self._following: dict[KeySource, asyncio.Task[None]] = {}
        self._look = asyncio.Event()
        self._fetching = asyncio.Semaphore(FETCHED_AT_ONCE)
        self._keeping = asyncio.Lock()
        self._is_unkept = False
        self._steps = Steps()
        kept = kept_key_sets(state)
        self._known = {s: FetchedKeys(key_set=key_set) for s, key_set in kept.items()}
        if self._known:
            set_key_sets(engine, self._known)

    def look(self) -> None:
        """What is wanted may have changed."""
        self._look.set()

    async def run(self, ready: asyncio.Event) -> None:
        """Fetch from the first load on."""
        await ready.wait()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._look.clear()
                with self._steps.contained("finding issuers", "keys of new ones are not fetched"):
                    self._follow(tasks)
                await self._look.wait()

    def _follow(self, tasks: asyncio.TaskGroup) -> None:
        timeouts: dict[KeySource, timedelta] = {}
        for source, timeout in wanted_key_sets(self._engine.graph, EVERY_SOURCE):
            timeouts[source] = max(timeout, timeouts.get(source, timeout))
        self._timeouts = timeouts
        for source in self._following.keys() - timeouts.keys():
            self._following.pop(source).cancel()
        for source in self._known.keys() - timeouts.keys():
            del self._known[source]
            set_key_sets(self._engine, {source: UNKNOWN_KEYS})
        for source in sorted(timeouts.keys() - self._following.keys()):
            self._following[source] = tasks.create_task(self._refresh(source))

    async def _refresh(self, source: KeySource) -> None:
        failures = 0
        while True:
            outcome = await self._fetched(source)
            failures = failures + 1 if isinstance(outcome, KeysUnavailable) else 0
            pause = self._pause(failures)
            with self._steps.contained("taking keys", "the last good keys stay in force"):
                await self._take(source, outcome, pause)
            await asyncio.sleep(pause.total_seconds())

    async def _fetched(self, source: KeySource) -> str | KeysUnavailable:
        """The key set, or why there is none."""
        step = f"fetching keys from {source.uri}"
        with self._steps.contained(step, "the last good keys stay in force"):
            try:
                async with self._fetching:
                    return await fetched_key_set(source, self._timeouts[source], self._dialled)
            except KeysUnavailable as fault:
                return fault
        return KeysUnavailable("an internal error, which is logged")

    def _dialled(self, host: str, port: int) -> tuple[tuple[str, int], ...] | None:
        return key_server(self._engine.graph, host, port)

    async def _take(
        self, source: KeySource, outcome: str | KeysUnavailable, pause: timedelta
    ) -> None:
        before = self._known.get(source, UNKNOWN_KEYS)
        if isinstance(outcome, str):
            now = FetchedKeys(key_set=outcome)
        else:
            moment = self._clock()
            failure = FetchFailure(
                reason=str(outcome),
                since=before.failure.since if before.failure is not None else moment,
                next_try=moment + pause if pause >= SHORTEST else None,
            )
            now = FetchedKeys(key_set=before.key_set, failure=failure)
        if now != before:
            self._known[source] = now
            self._publish(set_key_sets(self._engine, {source: now}))
            log_faults(self._engine.take_faults())
            _log(source, before, now)
        if now.key_set != before.key_set or self._is_unkept:
            await self._keep()

    async def _keep(self) -> None:
        async with self._keeping:
            good = {s: k.key_set for s, k in self._known.items() if k.key_set is not None}
            try:
                await asyncio.to_thread(keep_key_sets, self._state, good)
                self._is_unkept = False
            except OSError as error:
                self._is_unkept = True  # tried again after the next fetch of any issuer
                log.warning(
                    "key_sets_not_kept", reason=str(error), effect="a restart fetches them anew"
                )


def _log(source: KeySource, before: FetchedKeys, now: FetchedKeys) -> None:
    if now.failure is None:
        if before.failure is not None:
            log.info("keys_available_again", uri=source.uri)
        return
    effect = "no token of its issuer is accepted"
    if now.key_set is not None:
        effect = "the last good keys stay in force"
    log.warning("keys_unavailable", uri=source.uri, reason=now.failure.reason, effect=effect)
