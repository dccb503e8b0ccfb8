"""How long an edit waits for the rest of its change."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

QUIET: Final = 0.3  # seconds without a further edit, after which nothing more is expected
LONGEST: Final = 1.0  # the longest wait, in seconds


class RestOfChange:
    """Calls ``let_go`` once nothing more is to be expected. Use within an event loop."""

    def __init__(self, let_go: Callable[[], None]) -> None:
        self._let_go = let_go
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def edited(self, *, is_waiting: bool) -> timedelta | None:
        """Note an edit, after which something waits or not; gives how long something had waited
        before it.
        """
        loop = asyncio.get_running_loop()
        now, since = loop.time(), self._since
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._since = (since or now) if is_waiting else None
        if self._since is not None:
            self._timer = loop.call_at(min(now + QUIET, self._since + LONGEST), self._due)
        return None if since is None else timedelta(seconds=now - since)

    def cancel(self) -> None:
        """Let go of nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _due(self) -> None:
        self._timer = None
        self._let_go()
