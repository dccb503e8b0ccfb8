"""One remembered value, and the small operations on it that do not need the whole graph."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final


class State(Enum):
    """``BUSY`` is a cell that runs or is being verified: who reads it then has found a cycle.

    ``STALE`` must run whatever it read: it never ran, or it raised in an earlier revision.
    """

    CLEAN = auto()
    DOUBTFUL = auto()
    STALE = auto()
    BUSY = auto()


class Family:
    """What cells are grouped by: an input or a tracked function, with its name for people."""

    name: str
    is_input = False


# Looked up in loops over thousands of cells: a name of a module is found faster than an attribute.
CLEAN: Final = State.CLEAN
DOUBTFUL: Final = State.DOUBTFUL
STALE: Final = State.STALE
BUSY: Final = State.BUSY

FEW: Final = 8
"""Dependents that are kept in a tuple: a dict of two takes four times the memory."""

UNSET: Final = object()
"""The value of a cell that has never been computed."""


class Cell:
    """An input, or a tracked function with its arguments.

    ``key`` is the function and its arguments, as the graph finds the cell. ``dependents`` is
    ``None``, the only dependent itself, a tuple of a few, or a dict of more: most cells have one or
    two, and a dict for each of them would be a fifth of all memory.
    """

    __slots__ = (
        "changed_at",
        "dependents",
        "deps",
        "key",
        "pins",
        "state",
        "value",
        "verified_at",
    )

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key
        self.value: Any = UNSET
        self.state = State.STALE
        self.changed_at = 0
        self.verified_at = 0
        self.deps: tuple[Cell, ...] = ()
        self.dependents: Cell | tuple[Cell, ...] | dict[Cell, None] | None = None
        self.pins = 0

    @property
    def family(self) -> Any:  # Any: an Input or a Derived, of which this module knows nothing
        return self.key[0]

    @property
    def args(self) -> tuple[Hashable, ...]:
        return self.key[1:]

    def add_dependent(self, cell: "Cell") -> None:
        known = self.dependents
        if isinstance(known, dict):
            known[cell] = None
        elif isinstance(known, tuple):
            if cell not in known:
                more = (*known, cell)
                self.dependents = more if len(more) <= FEW else dict.fromkeys(more)
        elif known is None or known is cell:
            self.dependents = cell
        else:
            self.dependents = (known, cell)

    def drop_dependent(self, cell: "Cell") -> None:
        known = self.dependents
        if isinstance(known, dict):
            known.pop(cell, None)
            if not known:
                self.dependents = None
        elif isinstance(known, tuple):
            left = tuple(other for other in known if other is not cell)
            self.dependents = left if len(left) > 1 else left[0]
        elif known is cell:
            self.dependents = None

    def each_dependent(self) -> Iterable["Cell"]:
        """Not to be changed meanwhile."""
        known = self.dependents
        if known is None:
            return ()
        return known if isinstance(known, tuple | dict) else (known,)

    def __repr__(self) -> str:
        return f"{self.family.name}({', '.join(map(str, self.args))})"


@dataclass(slots=True)
class Frame:
    """A function that is running now: its cell, and what it has read so far."""

    cell: Cell
    reads: dict[Cell, None]


def below(start: Cell) -> Iterator[Cell]:
    """``start`` and all that it depends on, in the order first read."""
    seen: dict[Cell, None] = {}
    stack = [start]
    while stack:
        cell = stack.pop()
        if cell not in seen:
            seen[cell] = None
            yield cell
            stack.extend(reversed(cell.deps))


def inputs_below(start: Cell) -> list[tuple[Any, Any]]:
    """Every input that ``start`` was computed from, with its key, in the order first read."""
    return [(c.family, c.args[0]) for c in below(start) if c.family.is_input]


def cycle(start: Cell, running: Mapping[Cell, tuple[Cell, ...]]) -> str:
    """``a(1) -> b(2) -> a(1)``: the way from ``start`` over busy cells back to itself.

    ``running`` are those that run, with what they have read so far; the others are being verified.
    """
    ways: list[tuple[Cell, ...]] = [(start,)]
    seen = {start}
    while ways:
        way = ways.pop()
        for dep in running.get(way[-1], way[-1].deps):
            if dep is start:
                return " -> ".join(map(repr, (*way, start)))
            if dep.state is State.BUSY and dep not in seen:
                seen.add(dep)
                ways.append((*way, dep))
    return repr(start)
