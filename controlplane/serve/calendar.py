"""When the graph's clock is to be advanced."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from controlplane.engine.engine import Engine

CLOCK_STEP: Final = timedelta(hours=1)
LOOK_AT_CLOCK: Final = 1.0  # seconds at most between two looks at what an edit made due


class Calendar:
    """Once an hour, and in the second in which a certificate becomes valid or expires: the next one
    after a moment is ``next_change``.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], datetime],
        next_change: Callable[[datetime], datetime | None],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._next_change = next_change
        self._revision = -1
        self._due = clock()

    def moment(self) -> datetime | None:
        """The time that it is, where the graph is to know it."""
        engine = self._engine
        if self._revision != engine.revision:
            latest = engine.now + CLOCK_STEP
            change = self._next_change(engine.now)
            self._revision, self._due = engine.revision, min(change or latest, latest)
        now = self._clock()
        return now if now >= self._due or now < engine.now else None  # a clock may be set back

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        left = (self._due - self._clock()).total_seconds()
        return min(max(left, 0), LOOK_AT_CLOCK)
