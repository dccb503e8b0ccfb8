"""Where the user's objects enter the graph: each is an input, and so is each entry of an index
over them.

An index says, for one object alone, under which keys it is found and what is kept there. A tracked
function asks an index and never walks a whole kind, so that its reads are what it depends on.
"""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final
from typing import Generic
from typing import TypeVar
from typing import overload

from controlplane.base.names import Kind
from controlplane.base.names import ObjectKey
from controlplane.graph import Graph
from controlplane.graph import Input
from controlplane.kinds.object import Object

S = TypeVar("S")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)
Entries = Iterable[tuple[K, V]]

OBJECT: Final[Input[ObjectKey, "Object[Any] | None"]] = Input("object", None)
"""The accepted form of an object, or ``None`` where there is none; read it by ``object_of``."""


def object_of(graph: Graph, key: ObjectKey[S]) -> Object[S] | None:
    """The accepted object of ``key``, whose spec is of the struct of the key's kind."""
    return OBJECT(graph, key)


class Index(Generic[K, V]):
    """For each key the values that some objects put there, without repeats, in sorted order."""

    def __init__(
        self,
        name: str,
        kinds: tuple[Kind, ...],
        entries: Callable[[Object[Any]], Iterable[tuple[K, V]]],
    ):
        self.kinds = kinds
        self.entries = entries
        self.input: Input[K, tuple[V, ...]] = Input(name, ())

    def __call__(self, graph: Graph, key: K) -> tuple[V, ...]:
        return self.input(graph, key)


_INDEXES: Final[dict[Kind, list[Index[Any, Any]]]] = {}


@overload
def index(kind: Kind[S], /) -> Callable[[Callable[[Object[S]], Entries[K, V]]], Index[K, V]]: ...


@overload
def index(*kinds: Kind) -> Callable[[Callable[[Object[Any]], Entries[K, V]]], Index[K, V]]: ...


def index(*kinds: Kind) -> Callable[[Callable[[Object[Any]], Entries[K, V]]], Index[K, V]]:
    """Declare an index over objects of ``kinds``: a pure function from an object to (key, value)
    pairs.

    Values must be sortable among themselves; the usual value is the object's ``key``.
    """

    def declare(entries: Callable[[Object[Any]], Entries[K, V]]) -> Index[K, V]:
        made = Index(entries.__name__, kinds, entries)
        for kind in kinds:
            _INDEXES.setdefault(kind, []).append(made)
        return made

    return declare


@dataclass(slots=True)
class Objects:
    """Keeps the graph's objects and the indexes over them in step. Use within one edit, then
    ``settle``.
    """

    graph: Graph
    _entries: dict[tuple[Index[Any, Any], Hashable], dict[Any, int]] = field(default_factory=dict)
    """For each key of each index, its values and how many objects put them there."""
    _touched: dict[tuple[Index[Any, Any], Hashable], None] = field(default_factory=dict)
    _held: dict[ObjectKey, Object[Any]] = field(default_factory=dict)

    def put(self, object_: Object[Any]) -> None:
        before = self._held.get(object_.key)
        self._held[object_.key] = object_
        if self.graph.set(OBJECT, object_.key, object_):
            self._reindex(object_.kind, before, object_)

    def remove(self, key: ObjectKey) -> None:
        before = self._held.pop(key, None)
        if self.graph.set(OBJECT, key, None):
            self._reindex(key.kind, before, None)

    def get(self, key: ObjectKey) -> Object[Any] | None:
        return self._held.get(key)

    def __len__(self) -> int:
        return len(self._held)

    def count(self, kind: Kind) -> int:
        """How many objects of ``kind`` there are; walks them all."""
        return sum(key.kind == kind for key in self._held)

    def of_kind(self, kind: Kind) -> Iterator[Object[Any]]:
        """The objects of ``kind``; walks them all."""
        return (held for key, held in self._held.items() if key.kind == kind)

    def settle(self) -> None:
        """Give the graph the entries that the edit changed, each once."""
        for index_, key in self._touched:
            counts = self._entries[(index_, key)]
            if not counts:
                del self._entries[(index_, key)]
            self.graph.set(index_.input, key, tuple(sorted(counts)))
        self._touched.clear()

    def _reindex(self, kind: Kind, before: Object[Any] | None, after: Object[Any] | None) -> None:
        for index_ in _INDEXES.get(kind, []):
            old = set(index_.entries(before)) if before is not None else set()
            new = set(index_.entries(after)) if after is not None else set()
            for key, value in old - new:
                counts = self._entries[(index_, key)]
                counts[value] -= 1
                if not counts[value]:
                    del counts[value]
                self._touched[(index_, key)] = None
            for key, value in new - old:
                counts = self._entries.setdefault((index_, key), {})
                counts[value] = counts[value] + 1 if value in counts else 1
                self._touched[(index_, key)] = None
