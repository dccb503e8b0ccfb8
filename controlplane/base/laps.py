"""How long the stages of a piece of work take that are done one after the other."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lap:
    """A stage, and when it began and ended, in seconds of the clock that measured it."""

    stage: str
    began: float
    ended: float


class Laps:
    """``clock`` never jumps, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._laps: list[Lap] = []

    def begin(self, at: float) -> None:
        """Another piece of work began ``at`` that time."""
        self._last = at
        self._laps = []

    def lap(self, stage: str) -> None:
        """The stage is over; the next begins."""
        now = self._clock()
        self._laps.append(Lap(stage, self._last, now))
        self._last = now

    def taken(self) -> tuple[Lap, ...]:
        """The stages since ``begin``, in order."""
        return tuple(self._laps)
