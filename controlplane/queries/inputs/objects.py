"""Where the user's objects enter the graph: each is an input, and so is each entry of an index
over them.

An index gives, for one object alone, the keys under which it is found and what is kept there. A
tracked function asks an index and never walks a whole kind, so that its reads are what it depends
on.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, Generic, TypeVar, overload

from controlplane.base.names import Kind, ObjectKey
from controlplane.graph import Fault, Graph, Input
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

    @property
    def name(self) -> str:
        return self.input.name

    def __call__(self, graph: Graph, key: K) -> tuple[V, ...]:
        return self.input(graph, key)

    def function(self, graph: Graph, object_: Object[Any]) -> set[tuple[K, V]]:  # noqa: ARG002
        """The entries of one object, in the form of a tracked function."""
        return set(self.entries(object_))


_INDEXES: Final[dict[Kind, list[Index[Any, Any]]]] = {}
_Change = tuple[Index[Any, Any], set[tuple[Any, Any]], set[tuple[Any, Any]]]
"""An index, the entries that an object had there, and those that it has now."""


def indexes() -> tuple[Index[Any, Any], ...]:
    """Every index of the modules that are loaded."""
    return tuple(dict.fromkeys(found for of_kind in _INDEXES.values() for found in of_kind))


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

    When an index raises for the object, so do ``put`` and ``remove``, and change nothing.
    """

    graph: Graph
    _entries: dict[tuple[Index[Any, Any], Hashable], dict[Any, int]] = field(default_factory=dict)
    """For each key of each index, its values and how many objects put them there."""
    _touched: dict[tuple[Index[Any, Any], Hashable], None] = field(default_factory=dict)
    _held: dict[Kind, dict[ObjectKey, Object[Any]]] = field(default_factory=dict)
    _unsortable: set[tuple[Index[Any, Any], Hashable]] = field(default_factory=set)
    """Where values could not be sorted, which is reported once while it lasts."""

    def put(self, object_: Object[Any]) -> None:
        changes = self._changes(object_.kind, self.get(object_.key), object_)
        self._held.setdefault(object_.kind, {})[object_.key] = object_
        self.graph.set(OBJECT, object_.key, object_)
        self._reindex(changes)

    def remove(self, key: ObjectKey) -> None:
        changes = self._changes(key.kind, self.get(key), None)
        self._held.get(key.kind, {}).pop(key, None)
        self.graph.set(OBJECT, key, None)
        self._reindex(changes)

    def get(self, key: ObjectKey) -> Object[Any] | None:
        return self._held.get(key.kind, {}).get(key)

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))

    def keys(self) -> Iterable[ObjectKey]:
        return chain.from_iterable(self._held.values())

    def count(self, kind: Kind) -> int:
        return len(self._held.get(kind, {}))

    def of_kind(self, kind: Kind) -> Iterator[Object[Any]]:
        return iter(self._held.get(kind, {}).values())

    def settle(self) -> None:
        """Give the graph the entries that the edit changed, each once."""
        for index_, key in self._touched:
            counts = self._entries[(index_, key)]
            if not counts:
                del self._entries[(index_, key)]
            self.graph.set(index_.input, key, self._sorted(index_, key, counts))
        self._touched.clear()

    def _changes(
        self, kind: Kind, before: Object[Any] | None, after: Object[Any] | None
    ) -> list[_Change]:
        return [
            (index_, self._entries_of(index_, before), self._entries_of(index_, after))
            for index_ in _INDEXES.get(kind, [])
        ]

    def _entries_of(
        self, index_: Index[Any, Any], object_: Object[Any] | None
    ) -> set[tuple[Any, Any]]:
        if object_ is None:
            return set()
        if self.graph.around is None:
            return index_.function(self.graph, object_)
        found: set[tuple[Any, Any]] = self.graph.around(index_, self.graph, object_)
        return found

    def _reindex(self, changes: list[_Change]) -> None:
        for index_, old, new in changes:
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

    def _sorted(
        self, index_: Index[Any, Any], key: Hashable, values: Iterable[Any]
    ) -> tuple[Any, ...]:
        try:
            found = tuple(sorted(values))
        except Exception as error:
            # Any stable order will do: an object that cannot be compared costs no other.
            if (index_, key) not in self._unsortable and self.graph.on_fault is not None:
                self.graph.on_fault(Fault(f"order of {index_.name}", (key,), error))
            self._unsortable.add((index_, key))
            return tuple(sorted(values, key=repr))
        if self._unsortable:
            self._unsortable.discard((index_, key))
        return found
