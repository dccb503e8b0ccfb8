"""Values that are computed from others, remember what they read, and are computed again only when
it changed.

Push-dirty, pull-recompute: setting an input marks what depends on it as doubtful; reading a
doubtful value first looks whether anything it read has really changed, and runs its function only
then. When the result equals the old one, nothing above it runs (early cut-off). The cost of a
change is what it affects.

The idea is salsa's and adapton's. Single-threaded on purpose: one task owns a graph.
"""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from enum import auto
from functools import update_wrapper
from typing import Any
from typing import Concatenate
from typing import Generic
from typing import ParamSpec
from typing import TypeVar

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _State(Enum):
    CLEAN = auto()
    DOUBTFUL = auto()
    NEW = auto()


class _Cell:
    """One remembered value: an input, or a function with its arguments."""

    __slots__ = (
        "args",
        "changed_at",
        "dependents",
        "deps",
        "function",
        "notes",
        "pins",
        "state",
        "value",
        "verified_at",
    )

    def __init__(self, function: "Derived[..., Any] | Input[Any, Any]", args: tuple[Hashable, ...]):
        self.function = function
        self.args = args
        self.value: Any = None
        self.state = _State.NEW
        self.changed_at = 0
        self.verified_at = 0
        self.deps: tuple[_Cell, ...] = ()
        self.dependents: dict[_Cell, None] = {}
        self.notes: tuple[Any, ...] = ()
        self.pins = 0

    @property
    def is_input(self) -> bool:
        return isinstance(self.function, Input)

    def __repr__(self) -> str:
        return f"{self.function.name}({', '.join(map(str, self.args))})"


@dataclass(slots=True)
class _Frame:
    """A function that is running now."""

    reads: dict[_Cell, None]
    notes: list[Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """A guarded function that raised: which, with what arguments, and what it raised."""

    function: str
    args: tuple[Hashable, ...]
    error: Exception


class Graph:
    """Holds every cell. ``revision`` counts the edits; it is 0 before the first."""

    def __init__(self) -> None:
        self.revision = 0
        self.trace: list[str] | None = None
        """When a list, each function that runs appends ``name(arguments)``."""
        self.on_fault: Callable[[Fault], None] = _raise
        """Called when a guarded function raises; the default raises on."""
        self._cells: dict[tuple[Hashable, ...], _Cell] = {}
        self._running: list[_Frame] = []
        self._noted: dict[_Cell, None] = {}
        self._unread: list[_Cell] = []
        self._dirty_pins: dict[_Cell, None] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def set(self, input_: "Input[K, V]", key: K, value: V) -> bool:
        """Give an input a value; says whether it was another one. Begins no revision: see
        ``edit``.
        """
        cell = self._cell(input_, (key,))
        if cell.state is _State.NEW:
            cell.value, cell.state = input_.default, _State.CLEAN
        if cell.value is value or cell.value == value:
            return False
        cell.value = value
        cell.changed_at = self.revision
        self._doubt(cell)
        return True

    def edit(self) -> int:
        """Begin a new revision: what is set from now on belongs to it."""
        assert not self._running, "inputs do not change while a function runs"
        self.revision += 1
        return self.revision

    def read(self, function: "Derived[..., T] | Input[Any, T]", args: tuple[Hashable, ...]) -> T:
        cell = self._cells.get((function, *args))
        if cell is None:
            cell = self._cell(function, args)
        if cell.state is not _State.CLEAN:
            self._refresh(cell)
        if self._running:
            self._running[-1].reads[cell] = None
        elif self._unread:
            self._sweep()
        value: T = cell.value
        return value

    def note(self, *items: object) -> None:
        """Attach what is worth telling (diagnostics) to the value that is being computed."""
        assert self._running, "a note belongs to a running function"
        self._running[-1].notes.extend(items)

    def notes(self) -> Iterator[Any]:
        """The notes of every remembered value; walks only the values that have some."""
        for cell in self._noted:
            yield from cell.notes

    def pin(self, function: "Derived[P, T]", *args: P.args, **_: P.kwargs) -> None:
        """Keep a value although nothing reads it, and report it in ``take_dirty`` when it is in
        doubt.
        """
        self._cell(function, args).pins += 1

    def unpin(self, function: "Derived[P, T]", *args: P.args, **_: P.kwargs) -> None:
        cell = self._cells[(function, *args)]
        cell.pins -= 1
        if not cell.pins and not cell.dependents:
            self._unread.append(cell)
            self._sweep()

    def take_dirty(self) -> list[tuple["Derived[..., Any]", tuple[Hashable, ...]]]:
        """The pinned values, as function and arguments, that came into doubt since the last
        call.
        """
        dirty, self._dirty_pins = self._dirty_pins, {}
        return [(c.function, c.args) for c in dirty if c.pins and isinstance(c.function, Derived)]

    def sources(
        self, function: "Derived[P, T]", *args: P.args, **_: P.kwargs
    ) -> list[tuple["Input[Any, Any]", Any]]:
        """Every input that the value was computed from, in the order first read: its
        provenance.
        """
        start = self._cells.get((function, *args))
        return [] if start is None else _inputs(start)

    def makers(
        self, function: "Derived[..., Any]", args: tuple[Hashable, ...], kind: type[T]
    ) -> Iterator[tuple[T, list[tuple["Input[Any, Any]", Any]]]]:
        """The values of type ``kind`` that the value was put together from, each with the inputs
        of the function that made it. Walks all that the value depends on: for showing, not for
        computing.
        """
        start = self._cells.get((function, *args))
        for cell in _below(start) if start is not None else ():
            if isinstance(cell.value, kind) and all(d.value is not cell.value for d in cell.deps):
                yield cell.value, _inputs(cell)

    def _cell(
        self, function: "Derived[..., Any] | Input[Any, Any]", args: tuple[Hashable, ...]
    ) -> _Cell:
        key = (function, *args)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = _Cell(function, args)
        return cell

    def _doubt(self, changed: _Cell) -> None:
        stack = list(changed.dependents)
        while stack:
            cell = stack.pop()
            if cell.state is _State.CLEAN:
                cell.state = _State.DOUBTFUL
                if cell.pins:
                    self._dirty_pins[cell] = None
                stack.extend(cell.dependents)

    def _refresh(self, cell: _Cell) -> None:
        """Bring a cell up to date: look first, run only if something it read has changed."""
        if isinstance(cell.function, Input):
            cell.value, cell.state = cell.function.default, _State.CLEAN
            return
        if cell.state is _State.DOUBTFUL:
            for dep in cell.deps:
                if dep.state is not _State.CLEAN:
                    self._refresh(dep)
                if dep.changed_at > cell.verified_at:
                    break
            else:
                cell.state = _State.CLEAN
                cell.verified_at = self.revision
                return
        self._run(cell, cell.function)

    def _run(self, cell: _Cell, function: "Derived[..., Any]") -> None:
        if self.trace is not None:
            self.trace.append(repr(cell))
        frame = _Frame({}, [])
        self._running.append(frame)
        try:
            value = function.function(self, *cell.args)
        except Exception as error:
            # The boundary of design: a guarded value keeps its last good form and says so.
            if not function.is_guarded:
                raise
            self.on_fault(Fault(function.name, cell.args, error))
            value = cell.value
        finally:
            self._running.pop()
        self._remember_reads(cell, frame)
        if cell.state is _State.NEW or not (value is cell.value or value == cell.value):
            cell.value = value
            cell.changed_at = self.revision
        cell.verified_at = self.revision
        cell.state = _State.CLEAN

    def _remember_reads(self, cell: _Cell, frame: _Frame) -> None:
        reads = frame.reads
        for dep in cell.deps:
            if dep not in reads:
                dep.dependents.pop(cell, None)
                if not dep.dependents:
                    self._unread.append(dep)
        for dep in reads:
            dep.dependents[cell] = None
        cell.deps = tuple(reads)
        cell.notes = tuple(frame.notes)
        if cell.notes:
            self._noted[cell] = None
        else:
            self._noted.pop(cell, None)

    def _sweep(self) -> None:
        """Forget values that nothing reads any more, and then what only they read."""
        while self._unread:
            cell = self._unread.pop()
            if cell.dependents or cell.pins or cell.is_input:
                continue
            self._cells.pop((cell.function, *cell.args), None)
            self._noted.pop(cell, None)
            for dep in cell.deps:
                dep.dependents.pop(cell, None)
                if not dep.dependents:
                    self._unread.append(dep)
            cell.deps = ()
            cell.state = _State.NEW


class Input(Generic[K, V]):
    """A family of inputs, one for each key; a key that was never set has the default."""

    def __init__(self, name: str, default: V) -> None:
        self.name = name
        self.default = default

    def __call__(self, graph: Graph, key: K) -> V:
        value: V = graph.read(self, (key,))
        return value

    def __repr__(self) -> str:
        return f"Input({self.name})"


class Derived(Generic[P, T]):
    """A tracked function. It reads only through the graph and its arguments, which must be
    hashable.
    """

    def __init__(self, function: Callable[Concatenate[Graph, P], T], *, is_guarded: bool) -> None:
        self.function: Callable[..., T] = function
        self.name = function.__name__
        self.is_guarded = is_guarded
        update_wrapper(self, function)

    def __call__(self, graph: Graph, *args: P.args, **_: P.kwargs) -> T:
        return graph.read(self, args)

    def __repr__(self) -> str:
        return f"derived {self.name}"


def derived(function: Callable[Concatenate[Graph, P], T]) -> Derived[P, T]:
    """Make a function tracked: ``f(graph, *args)`` is remembered by its positional arguments."""
    return Derived(function, is_guarded=False)


def guarded(function: Callable[Concatenate[Graph, P], T | None]) -> Derived[P, T | None]:
    """As ``derived``, but when the function raises, the value stays what it was (``None`` at
    first).
    """
    return Derived(function, is_guarded=True)


def _below(start: _Cell) -> Iterator[_Cell]:
    """``start`` and all that it depends on, in the order first read."""
    seen: dict[_Cell, None] = {}
    stack = [start]
    while stack:
        cell = stack.pop()
        if cell not in seen:
            seen[cell] = None
            yield cell
            stack.extend(reversed(cell.deps))


def _inputs(start: _Cell) -> list[tuple["Input[Any, Any]", Any]]:
    return [
        (cell.function, cell.args[0]) for cell in _below(start) if isinstance(cell.function, Input)
    ]


def _raise(fault: Fault) -> None:
    raise fault.error
