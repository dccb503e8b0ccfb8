"""What everything that is fetched in the background shares: a task for each source, the pauses
between its tries, and the last good of it kept for a restart.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Hashable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, Generic, TypeVar

import structlog

from controlplane.queries.inputs.key_sets import FetchFailure
from controlplane.serve.background import Steps

EARLY_RETRIES: Final = 5
EARLY: Final = timedelta(seconds=1)
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(hours=1)

Source = TypeVar("Source", bound=Hashable)

log = structlog.stdlib.get_logger("serve")


def retried_after(failures: int) -> timedelta:
    """How long until the next try, after ``failures`` in a row; there was one at least."""
    if failures <= EARLY_RETRIES:
        return EARLY
    doublings = min(failures - EARLY_RETRIES - 1, 10)
    return min(SHORTEST * (1 << doublings), LONGEST)


def failure_after(
    before: FetchFailure | None, reason: str, now: datetime, pause: timedelta
) -> FetchFailure:
    """What is known of a source that failed at ``now`` and is tried again after ``pause``."""
    return FetchFailure(
        reason=reason,
        since=before.since if before is not None else now,
        next_try=now + pause if pause >= SHORTEST else None,
    )


async def happened(event: asyncio.Event, within: timedelta) -> bool:
    """Wait for ``event``; says whether it happened in time."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            await event.wait()
    except TimeoutError:
        return False
    return True


class Followers(Generic[Source]):
    """A task for each source that is wanted; it is given an event that tells it to try at once."""

    def __init__(self) -> None:
        self._followed: dict[Source, tuple[asyncio.Task[None], asyncio.Event]] = {}

    def __contains__(self, source: Source) -> bool:
        return source in self._followed

    def end_others(self, wanted: Collection[Source]) -> list[Source]:
        """End the tasks of sources that are not in ``wanted``; says whose."""
        ended = [source for source in self._followed if source not in wanted]
        for source in ended:
            self._followed.pop(source)[0].cancel()
        return ended

    def begin(
        self,
        tasks: asyncio.TaskGroup,
        source: Source,
        follow: Callable[[Source, asyncio.Event], Coroutine[Any, Any, None]],
    ) -> None:
        mended = asyncio.Event()
        self._followed[source] = (tasks.create_task(follow(source, mended)), mended)

    def try_at_once(self, source: Source) -> None:
        self._followed[source][1].set()


class Keeper:
    """Writes the last good of what was fetched, for a restart.

    ``writing`` says in the event loop how to write what there is then; that is done in a thread,
    and may raise ``OSError``, which is logged as ``event``. It is tried again after the next fetch.
    """

    def __init__(self, writing: Callable[[], Callable[[], None]], event: str) -> None:
        self._writing = writing
        self._event = event
        self._steps = Steps()
        self._due = asyncio.Event()
        self._is_behind = False
        self._alone = Lock()

    def fetched(self, *, has_changed: bool) -> None:
        """Note a fetch, and whether it brought anything that is not kept yet."""
        if has_changed or self._is_behind:
            self._due.set()

    async def run(self) -> None:
        """Write what is due, until cancelled; what is due then is still written."""
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                await asyncio.to_thread(self._write, self._writing())
        finally:
            if self._due.is_set():
                self._write(self._writing())

    def _write(self, write: Callable[[], None]) -> None:
        effect = "a restart fetches them anew"
        with self._alone, self._steps.contained(f"keeping ({self._event})", effect):
            self._is_behind = True
            try:
                write()
                self._is_behind = False
            except OSError as error:
                log.warning(self._event, reason=str(error), effect=effect)
