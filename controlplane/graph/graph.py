"""Values that are computed from others, remember what they read, and are computed again only when
it changed.

Push-dirty, pull-recompute: setting an input marks what depends on it as doubtful; reading a
doubtful value first looks whether anything it read has really changed, and runs its function only
then. When the result equals the old one, nothing above it runs (early cut-off). The cost of a
change is what it affects.

A function that raises has that as its outcome, remembered like a value with what it read: readers
raise the same, a guarded reader keeps its last good value instead. It runs again when what it read
has changed, and once in each later revision, so that a fault that does not repeat heals with the
next edit whatever that is.

The idea is salsa's and adapton's. Single-threaded on purpose: one task owns a graph.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import update_wrapper
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar

from controlplane.graph.cell import (
    BUSY,
    CLEAN,
    DOUBTFUL,
    STALE,
    UNSET,
    Cell,
    Family,
    Frame,
    cycle,
    inputs_below,
)
from controlplane.graph.failures import Failure, Failures, Fault, Raised, failure
from controlplane.graph.parameters import bound, parameters

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

RETRIED: Final = 100
"""How many functions that raised run again in one revision although nothing they read changed;
beyond that, those that waited longest.
"""


class Graph:
    """Holds every cell. ``revision`` counts the edits; it is 0 before the first."""

    def __init__(self) -> None:
        self.revision = 0
        self.trace: list[str] | None = None
        """When a list, each function that runs appends ``name(arguments)``."""
        self.around: Callable[..., Any] | None = None
        """Runs every function instead of a plain call; tests let functions fail by it. It is
        called with the ``Derived``, the graph and the arguments.
        """
        self.on_fault: Callable[[Fault], None] | None = None
        """Called once for each new fault. ``None``: guarded functions raise like all others."""
        self._cells: dict[tuple[Any, ...], Cell] = {}
        self._looked_at = -1
        """The newest revision in which a function was run or verified."""
        self._running: list[Frame] = []
        self._unread: list[Cell] = []
        self._dirty_pins: dict[Cell, None] = {}
        self._failures = Failures()

    def __len__(self) -> int:
        return len(self._cells)

    def set(self, input_: "Input[K, V]", key: K, value: V) -> bool:
        """Give an input a value, in the revision that ``edit`` began; says whether it is new.

        What was verified in this revision has not seen the value, so a new one begins.
        """
        cell = self._cell((input_, key))
        try:
            if cell.value is value or cell.value == value:
                return False
        except Exception:  # two values that cannot be compared are not known to be equal
            pass
        if self._looked_at == self.revision:
            self.revision += 1
        cell.value = value
        cell.changed_at = self.revision
        self._doubt(cell)
        return True

    def edit(self) -> int:
        """Begin a new revision: what is set from now on belongs to it."""
        assert not self._running, "inputs do not change while a function runs"
        self.revision += 1
        for cell in self._failures.take_turn(RETRIED):
            self._doubt(cell)
            cell.state = STALE
            if cell.pins:
                self._dirty_pins[cell] = None
        return self.revision

    def read(self, function: "Derived[..., T] | Input[Any, T]", args: tuple[Hashable, ...]) -> T:
        """The value of an input or a function; raises what the function raised."""
        key = (function, *args)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cell(key)
        running = self._running
        if running:
            # Recorded before the outcome is known: what raises is read as well.
            running[-1].reads[cell] = None
        if cell.state is not CLEAN:
            self._looked_at = self.revision
            self._refresh(cell)
        found = cell.value
        if not running and self._unread:
            self._sweep()
        if type(found) is Raised:
            raise found.error.with_traceback(found.traceback)
        value: T = found
        return value

    def faults(self) -> Iterator[Fault]:
        """The functions that raised by themselves and have not recovered."""
        return self._failures.faults()

    def pin(self, function: "Derived[P, T]", *args: P.args, **keywords: P.kwargs) -> None:
        """Keep a value although nothing reads it, and report it in ``take_dirty`` when it is in
        doubt.
        """
        self._cell((function, *function.bound(args, keywords))).pins += 1

    def unpin(self, function: "Derived[P, T]", *args: P.args, **keywords: P.kwargs) -> None:
        cell = self._cells[(function, *function.bound(args, keywords))]
        cell.pins -= 1
        if not cell.pins and cell.dependents is None:
            self._unread.append(cell)
            self._sweep()

    def take_dirty(self) -> list[tuple["Derived[..., Any]", tuple[Hashable, ...]]]:
        """The pinned values, as function and arguments, that came into doubt since the last
        call.
        """
        dirty, self._dirty_pins = self._dirty_pins, {}
        return [(c.family, c.args) for c in dirty if c.pins]

    def remembered(
        self, function: "Derived[P, T]", *args: P.args, **keywords: P.kwargs
    ) -> T | None:
        """The value as it was computed last, in doubt or not; ``None`` where it never was."""
        cell = self._cells.get((function, *function.bound(args, keywords)))
        if cell is None or cell.value is UNSET or isinstance(cell.value, Raised):
            return None
        value: T = cell.value
        return value

    def sources(
        self, function: "Derived[P, T]", *args: P.args, **keywords: P.kwargs
    ) -> list[tuple["Input[Any, Any]", Any]]:
        """Every input that the value was computed from, in the order first read: its
        provenance.
        """
        start = self._cells.get((function, *function.bound(args, keywords)))
        return [] if start is None else inputs_below(start)

    def _cell(self, key: tuple[Any, ...]) -> Cell:
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell(key)
            if key[0].is_input:
                cell.value, cell.state = key[0].default, CLEAN
        return cell

    def _doubt(self, changed: Cell) -> None:
        stack = [changed]
        while stack:
            for cell in stack.pop().each_dependent():
                if cell.state is CLEAN:
                    cell.state = DOUBTFUL
                    if cell.pins:
                        self._dirty_pins[cell] = None
                    stack.append(cell)

    def _refresh(self, cell: Cell) -> None:
        """Bring a cell up to date: look first, run only if something it read has changed.

        Raises only where it is read in a cycle; what functions raise is kept in their cells.
        """
        if cell.state is BUSY:
            running = {frame.cell: tuple(frame.reads) for frame in self._running}
            raise AssertionError(f"a tracked function reads itself: {cycle(cell, running)}")
        try:
            if cell.state is DOUBTFUL:
                cell.state = BUSY
                verified_at = cell.verified_at
                for dep in cell.deps:
                    if dep.state is not CLEAN:
                        if dep.state is BUSY:
                            break  # running it shows whether that is a cycle
                        self._refresh(dep)
                    if dep.changed_at > verified_at:
                        break
                else:
                    cell.state = CLEAN
                    cell.verified_at = self.revision
                    return
            cell.state = BUSY
            self._run(cell, cell.key[0])
        except BaseException:
            cell.state = STALE  # interrupted in the middle
            raise

    def _run(self, cell: Cell, function: "Derived[..., Any]") -> None:
        if self.trace is not None:
            self.trace.append(repr(cell))
        frame = Frame(cell, {})
        self._running.append(frame)
        value: Any = None
        failed: Failure | None = None
        before = self._failures.get(cell) if self._failures else None
        try:
            if self.around is None:
                value = function.function(self, *cell.key[1:])
            else:
                value = self.around(function, self, *cell.key[1:])
        except Exception as error:
            # The boundary of the design: an error is an outcome, kept with what was read.
            failed = failure(cell, frame.reads, error, before)
            value = self._kept_form(cell, function, failed)
        finally:
            self._running.pop()
        self._remember_reads(cell, frame, before, failed)
        if value is not cell.value and self._differs(value, cell):
            cell.value = value
            cell.changed_at = self.revision
        cell.verified_at = self.revision
        cell.state = CLEAN
        if failed is not None or before is not None:
            is_news = self._failures.remember(cell, failed)
            if is_news and self.on_fault is not None:
                self.on_fault(self._failures.fault(cell))

    def _kept_form(self, cell: Cell, function: "Derived[..., Any]", failed: Failure) -> Any:
        """What readers get from a function that raised."""
        if not function.is_guarded or self.on_fault is None:
            return failed.raised
        if function.otherwise is not None:
            return function.otherwise(*cell.args)
        if cell.value is UNSET or type(cell.value) is Raised:
            return function.first
        return cell.value

    def _differs(self, value: object, cell: Cell) -> bool:
        before = cell.value
        try:
            return before is UNSET or bool(value != before)
        except Exception as error:
            # The new value is good. Only whether readers must run is unknown, so they run.
            if self.on_fault is None:
                raise
            self.on_fault(Fault(f"== of {cell.family.name}", cell.args, error))
            return True

    def _remember_reads(
        self, cell: Cell, frame: Frame, before: Failure | None, failed: Failure | None
    ) -> None:
        reads = frame.reads
        deps = tuple(reads)
        if deps == cell.deps and before is None and failed is None:
            return
        held = reads if failed is None else reads | dict.fromkeys(failed.kept)
        for dep in cell.deps if before is None else (*cell.deps, *before.kept):
            if dep not in held:
                dep.drop_dependent(cell)
                if dep.dependents is None:
                    self._unread.append(dep)
        for dep in held:
            if dep.dependents is None:
                dep.dependents = cell
            else:
                dep.add_dependent(cell)
        cell.deps = deps

    def _sweep(self) -> None:
        """Forget values that nothing reads any more, and then what only they read."""
        while self._unread:
            cell = self._unread.pop()
            if cell.dependents is not None or cell.pins:
                continue
            # An input with its default is no different from a new one.
            if cell.family.is_input and cell.value is not cell.family.default:
                continue
            self._cells.pop(cell.key, None)
            for dep in (*cell.deps, *self._failures.forget(cell)):
                dep.drop_dependent(cell)
                if dep.dependents is None:
                    self._unread.append(dep)
            cell.deps = ()
            cell.value = UNSET
            cell.state = STALE


class Input(Family, Generic[K, V]):
    """A family of inputs, one for each key; a key that was never set has the default."""

    is_input = True

    def __init__(self, name: str, default: V) -> None:
        self.name = name
        self.default = default

    def __call__(self, graph: Graph, key: K) -> V:
        value: V = graph.read(self, (key,))
        return value

    def __repr__(self) -> str:
        return f"Input({self.name})"


class Derived(Family, Generic[P, T]):
    """A tracked function. It reads only through the graph and its arguments, which must be
    hashable.
    """

    def __init__(
        self,
        function: Callable[Concatenate[Graph, P], T],
        *,
        is_guarded: bool,
        first: Any = None,
        otherwise: Callable[..., T] | None = None,
    ) -> None:
        self.function: Callable[..., T] = function
        self.name = function.__name__
        self.is_guarded = is_guarded
        self.first = first
        """The value of a guarded function that raises before it ever had one."""
        self.otherwise = otherwise
        """Makes the value of a guarded function whenever it raises."""
        self._parameters = parameters(function)
        update_wrapper(self, function)

    def __call__(self, graph: Graph, *args: P.args, **keywords: P.kwargs) -> T:
        return graph.read(self, self.bound(args, keywords))

    def bound(self, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Hashable, ...]:
        """The arguments as they are remembered; ``TypeError`` where they do not fit."""
        return bound(self.name, self._parameters, args, keywords) if keywords else args

    def __repr__(self) -> str:
        return f"derived {self.name}"
