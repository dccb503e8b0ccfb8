"""How long an edit waits for the rest of its change."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

from controlplane.base.names import ObjectKey

QUIET: Final = 0.3  # seconds without a further edit, after which nothing more is expected
LONGEST: Final = 1.0  # the longest wait, in seconds


class Waits:
    """Since when each object waits. Times are seconds of one steady clock."""

    def __init__(self) -> None:
        self._since: dict[ObjectKey, float] = {}
        self._edited = 0.0

    def edited(self, waiting: Iterable[ObjectKey], now: float) -> float | None:
        """Note an edit, after which ``waiting`` wait; gives for how long what it completed had
        waited, in seconds.
        """
        before, self._edited = self._since, now
        self._since = {key: before.get(key, now) for key in waiting}
        ended = [since for key, since in before.items() if key not in self._since]
        return now - min(ended) if ended else None

    @property
    def next_due(self) -> float | None:
        """When something is to be let go of, if there is no edit before."""
        if not self._since:
            return None
        return min(self._edited + QUIET, min(self._since.values()) + LONGEST)

    def due(self, now: float) -> frozenset[ObjectKey]:
        """What nothing more is to be expected of; in the midst of edits that is what has waited for
        longest, with what came soon after it, and not what has just begun to wait.
        """
        if now >= self._edited + QUIET:
            return frozenset(self._since)
        return frozenset(k for k, at in self._since.items() if now >= at + LONGEST - QUIET)


class RestOfChange:
    """Calls ``let_go`` with the objects of which nothing more is to be expected. Use within an
    event loop.
    """

    def __init__(self, let_go: Callable[[frozenset[ObjectKey]], None]) -> None:
        self._let_go = let_go
        self._waits = Waits()
        self._timer: asyncio.TimerHandle | None = None

    def edited(self, waiting: Iterable[ObjectKey]) -> timedelta | None:
        """Note an edit, after which ``waiting`` wait; gives for how long what it completed had
        waited.
        """
        loop = asyncio.get_running_loop()
        waited = self._waits.edited(waiting, loop.time())
        self.cancel()
        due = self._waits.next_due
        self._timer = None if due is None else loop.call_at(due, self._due, due)
        return None if waited is None else timedelta(seconds=waited)

    def cancel(self) -> None:
        """Let go of nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self, moment: float) -> None:
        self._timer = None
        self._let_go(self._waits.due(moment))
