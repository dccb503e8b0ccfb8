"""What remains of functions that raised: the error as their outcome, and which are to run again."""

from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any

from controlplane.graph.cell import Cell, inputs_below


@dataclass(frozen=True, slots=True)
class Fault:
    """A function that raised: which, with what arguments, what it raised, and the inputs that it
    had read, directly or not (those of its last good run where it read none).
    """

    function: str
    args: tuple[Hashable, ...]
    error: Exception
    sources: tuple[tuple[Any, Any], ...] = ()
    """Any: an ``Input`` and its key."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The value of a function that raised: its readers raise the same.

    Two are equal when the errors look the same, so an unchanged fault changes nothing above it.
    """

    error: Exception
    traceback: TracebackType | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Raised) and _looks(self.error) == _looks(other.error)

    def __hash__(self) -> int:
        return hash(_looks(self.error))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a cell has no value of this revision.

    ``kept`` is what it read when it last had one: those cells stay alive, so that their last good
    forms are not lost with the reader's. ``is_origin`` is false where the error came out of
    something that was read.
    """

    raised: Raised
    kept: tuple[Cell, ...]
    is_origin: bool


def failure(
    cell: Cell, reads: dict[Cell, None], error: Exception, before: Failure | None
) -> Failure:
    """What remains of a run that raised ``error`` after ``reads``; ``before``: it had raised
    already.
    """
    kept = cell.deps if before is None else before.kept
    for dep in reads:
        if type(dep.value) is Raised and dep.value.error is error:
            error.__traceback__ = dep.value.traceback
            return Failure(dep.value, kept, is_origin=False)
    traceback = error.__traceback__
    # Without the frame of the graph itself. What the others hold would live as long as the cell.
    traceback = traceback.tb_next if traceback is not None else None
    error.__traceback__ = traceback
    _forget_locals(traceback)
    return Failure(Raised(error, traceback), kept, is_origin=True)


class Failures:
    """The cells whose function raised when it ran last."""

    def __init__(self) -> None:
        self._failures: dict[Cell, Failure] = {}
        self._origins: dict[Cell, None] = {}

    def __bool__(self) -> bool:
        return bool(self._failures)

    def get(self, cell: Cell) -> Failure | None:
        return self._failures.get(cell)

    def remember(self, cell: Cell, failed: Failure | None) -> bool:
        """Note how ``cell`` ended; returns whether that is a new fault."""
        self._origins.pop(cell, None)
        if failed is None:
            self._failures.pop(cell, None)
            return False
        before = self._failures.get(cell)
        self._failures[cell] = failed
        if not failed.is_origin:
            return False
        self._origins[cell] = None
        return before is None or not before.is_origin or before.raised != failed.raised

    def forget(self, cell: Cell) -> tuple[Cell, ...]:
        """``cell`` is dropped; returns what it still held."""
        self._origins.pop(cell, None)
        failed = self._failures.pop(cell, None)
        return failed.kept if failed is not None else ()

    def take_turn(self, limit: int) -> tuple[Cell, ...]:
        """Up to ``limit`` cells that raised by themselves, least recently tried first."""
        turn = tuple(islice(self._origins, limit))
        for cell in turn:
            self._origins[cell] = self._origins.pop(cell)
        return turn

    def faults(self) -> Iterator[Fault]:
        for cell in self._origins:
            yield self.fault(cell)

    def fault(self, cell: Cell) -> Fault:
        failed = self._failures[cell]
        sources = inputs_below(cell) or [s for dep in failed.kept for s in inputs_below(dep)]
        return Fault(cell.family.name, cell.args, failed.raised.error, tuple(sources))


def _looks(error: Exception) -> tuple[type, str]:
    try:
        return type(error), repr(error)
    except Exception:
        return type(error), ""


def _forget_locals(traceback: TracebackType | None) -> None:
    while traceback is not None:
        with suppress(RuntimeError):  # still running: a function further up that reads this one
            traceback.tb_frame.clear()
        traceback = traceback.tb_next
