"""Keeps the keys of issuers fresh: what RequestAuthentications want is fetched again and again.

Each source has a task of its own; ``FETCHED_AT_ONCE`` fetch at the same time. An edit that may
mend what fails is followed by a fetch at once: of what a policy says of the source, or of where
the registry has its host. Source: Istio ``pilot/pkg/model/jwks_resolver.go``
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from controlplane.engine.engine import Engine
from controlplane.engine.key_sets import set_key_sets
from controlplane.model.tokens import KeySource
from controlplane.queries.inputs.key_sets import UNKNOWN_KEYS, FetchedKeys
from controlplane.queries.policy.tokens import EVERY_SOURCE, wanted_key_sets
from controlplane.queries.registry.key_servers import key_server
from controlplane.serve.background import Steps, log_faults
from controlplane.serve.fetching import (
    Followers,
    Keeper,
    failure_after,
    happened,
    retried_after,
)
from controlplane.sources.kept_key_sets import keep_key_sets, kept_key_sets
from controlplane.sources.key_fetch import KeysUnavailable, fetched_key_set
from controlplane.sources.state import StateDirectory

REFRESHED_AFTER: Final = timedelta(minutes=20)
FETCHED_AT_ONCE: Final = 64
"""So many that a few slow issuers delay no other; each may take a MiB and thirty seconds."""
UNUSED_FOR: Final = timedelta(days=7)
"""How long keys are kept that no policy wants: one that is edited twice must not lose them."""
UNUSED_AT_MOST: Final = 64
"""Sources whose keys are kept unused, so that edits do not fill memory and state directory."""

Dialled = dict[tuple[str, int], tuple[tuple[str, int], ...] | None]
"""What the registry answered about hosts and ports that a fetch went to."""

log = structlog.stdlib.get_logger("serve")


def pause_after(failures: int, *, refreshed_after: timedelta = REFRESHED_AFTER) -> timedelta:
    """How long until the next fetch, after ``failures`` in a row."""
    return retried_after(failures) if failures else refreshed_after


class IssuerKeys:
    """Fetches what the policies of ``engine`` want; ``publish`` brings proxies to a revision of it.

    What was fetched last is in the state directory, for a restart while an issuer is gone. What no
    policy wants any more stays known for ``UNUSED_FOR``.
    """

    def __init__(
        self,
        engine: Engine,
        state: StateDirectory,
        *,
        publish: Callable[[int], None],
        clock: Callable[[], datetime],
        pause: Callable[[int], timedelta] = pause_after,
        fetched: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._state = state
        self._publish = publish
        self._clock = clock
        self._pause = pause
        self._heard = fetched
        self._wanted: dict[KeySource, frozenset[tuple[str, timedelta]]] = {}
        """Which issuers each source is for, and how long a fetch may take."""
        self._unused: dict[KeySource, datetime] = {}
        """Since when nothing wants a known source, the longest first."""
        self._dialled: dict[KeySource, Dialled] = {}
        self._followers = Followers[KeySource]()
        self._look = asyncio.Event()
        self._fetching = asyncio.Semaphore(FETCHED_AT_ONCE)
        self._keeper = Keeper(self._keeping, "key_sets_not_kept")
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
            tasks.create_task(self._keeper.run())
            while True:
                self._look.clear()
                with self._steps.contained("finding issuers", "keys of new ones are not fetched"):
                    self._follow(tasks)
                await self._look.wait()

    def _follow(self, tasks: asyncio.TaskGroup) -> None:
        wanted: dict[KeySource, set[tuple[str, timedelta]]] = {}
        for source, issuer, timeout in wanted_key_sets(self._engine.graph, EVERY_SOURCE):
            wanted.setdefault(source, set()).add((issuer, timeout))
        before, self._wanted = self._wanted, {s: frozenset(wanted[s]) for s in sorted(wanted)}
        for source in self._followers.end_others(wanted):
            self._dialled.pop(source, None)
        self._note_unused()
        for source, demand in self._wanted.items():
            if source not in self._followers:
                self._followers.begin(tasks, source, self._refresh)
            elif demand != before.get(source) or self._has_moved(source):
                self._followers.try_at_once(source)

    def _note_unused(self) -> None:
        """Keep the good keys of sources that nothing wants now, and forget the oldest of them."""
        now = self._clock()
        self._unused = {s: at for s, at in self._unused.items() if s not in self._wanted}
        news: dict[KeySource, FetchedKeys] = {}
        for source in sorted(self._known.keys() - self._wanted.keys() - self._unused.keys()):
            self._unused[source] = now
            news[source] = FetchedKeys(key_set=self._known[source].key_set)
        spare = len(self._unused) - UNUSED_AT_MOST
        for i, (source, since) in enumerate(tuple(self._unused.items())):
            if i < spare or now - since > UNUSED_FOR or self._known[source].key_set is None:
                del self._unused[source]
                news[source] = UNKNOWN_KEYS
        if news:
            self._known = {s: k for s, k in {**self._known, **news}.items() if k != UNKNOWN_KEYS}
            set_key_sets(self._engine, news)

    def _has_moved(self, source: KeySource) -> bool:
        """Whether the registry has a host that the last fetch went to somewhere else now."""
        known = self._dialled.get(source, {})
        return any(key_server(self._engine.graph, *at) != found for at, found in known.items())

    async def _refresh(self, source: KeySource, mended: asyncio.Event) -> None:
        failures = 0
        while True:
            mended.clear()
            outcome = await self._fetched(source)
            self._heard(not isinstance(outcome, KeysUnavailable))
            failures = failures + 1 if isinstance(outcome, KeysUnavailable) else 0
            pause = self._pause(failures)
            with self._steps.contained("taking keys", "the last good keys stay in force"):
                self._take(source, outcome, pause)
            if failures == 0:
                await asyncio.sleep(pause.total_seconds())
            elif await happened(mended, pause):
                failures = 0

    async def _fetched(self, source: KeySource) -> str | KeysUnavailable:
        """The key set, or why there is none."""
        step = f"fetching keys from {source.uri}"
        with self._steps.contained(step, "the last good keys stay in force"):
            try:
                async with self._fetching:
                    timeout = max(timeout for _, timeout in self._wanted[source])
                    dialled = self._dialled[source] = {}
                    dial = partial(self._dial, dialled)
                    return await fetched_key_set(source, timeout, dial)
            except KeysUnavailable as fault:
                return fault
        return KeysUnavailable("an internal error, which is logged")

    def _dial(self, dialled: Dialled, host: str, port: int) -> tuple[tuple[str, int], ...] | None:
        found = dialled[host, port] = key_server(self._engine.graph, host, port)
        return found

    def _take(self, source: KeySource, outcome: str | KeysUnavailable, pause: timedelta) -> None:
        before = self._known.get(source, UNKNOWN_KEYS)
        if isinstance(outcome, str):
            now = FetchedKeys(key_set=outcome)
        else:
            failure = failure_after(before.failure, str(outcome), self._clock(), pause)
            now = FetchedKeys(key_set=before.key_set, failure=failure)
        if now != before:
            self._known[source] = now
            self._publish(set_key_sets(self._engine, {source: now}))
            log_faults(self._engine.take_faults())
            _log(source, before, now)
        self._keeper.fetched(has_changed=now.key_set != before.key_set)

    def _keeping(self) -> Callable[[], None]:
        good = {s: k.key_set for s, k in self._known.items() if k.key_set is not None}
        return partial(keep_key_sets, self._state, good)


def _log(source: KeySource, before: FetchedKeys, now: FetchedKeys) -> None:
    if now.failure is None:
        if before.failure is not None:
            log.info("keys_available_again", uri=source.uri)
        return
    effect = "no token of its issuer is accepted"
    if now.key_set is not None:
        effect = "the last good keys stay in force"
    log.warning("keys_unavailable", uri=source.uri, reason=now.failure.reason, effect=effect)
