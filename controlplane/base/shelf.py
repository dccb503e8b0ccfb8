"""A map from names to values in a fixed number of shards, so that two of them are compared by what
differs.

A collection as large as the mesh is never walked for one edit: shards that did not change are the
same object in both shelves, and ``difference`` looks only into the others.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

V = TypeVar("V")
SHARDS: Final = 256
GROUP: Final = 16
"""Neighbouring shards that are put together before all are, the square root of their number: an
edit looks at one group and at the groups, not at every shard.
"""
GROUPS: Final = range(0, SHARDS, GROUP)
"""The first shard of each group."""
_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
"""The one empty shard, so that two shelves have it in common."""


def shard_of(name: str) -> int:
    """The shard that ``name`` lives in; the same in every run and on every machine.

    Of a cluster's name (``outbound|80|v1|reviews.default``, ``outbound_.80_._.reviews.default``)
    only the host is used, at its end: everything that concerns a host is in the shard of that host.
    """
    mark = "_." if name.startswith("outbound_.") else "|"
    _, _, host = name.rpartition(mark)
    return zlib.crc32(host.encode()) % SHARDS


@dataclass(frozen=True, slots=True)
class Change(Generic[V]):
    """What makes an older shelf the newer one; both parts in sorted order of the name."""

    put: tuple[tuple[str, V], ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)


@dataclass(frozen=True, slots=True, eq=False)
class Shelf(Mapping[str, V]):
    """An immutable map, iterated shard by shard. Equality is identity: compare with
    ``difference``.
    """

    shards: tuple[Mapping[str, V], ...]

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __getitem__(self, name: str) -> V:
        return self.shards[shard_of(name)][name]

    def __iter__(self) -> Iterator[str]:
        for shard in self.shards:
            yield from shard

    def __len__(self) -> int:
        return sum(map(len, self.shards))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.shards[shard_of(name)]

    def over(self, shards: Mapping[int, Mapping[str, V]]) -> "Shelf[V]":
        """This shelf with ``shards`` laid over its own, by their numbers; itself where they are
        none.
        """
        if not shards:
            return self
        laid = list(self.shards)
        for number, shard in shards.items():
            laid[number] = shard
        return Shelf(tuple(laid))

    def joined(self, other: "Shelf[V]") -> "Shelf[V]":
        """What both have, where no name is in both; a shard that only one fills is shared."""
        if not any(other.shards):
            return self
        return Shelf(
            tuple(
                own if not others else others if not own else MappingProxyType({**own, **others})
                for own, others in zip(self.shards, other.shards, strict=True)
            )
        )

    def without(self, names: Iterable[str]) -> "Shelf[V]":
        """This shelf without some names; itself where it has none of them."""
        lost = {name for name in names if name in self}
        if not lost:
            return self
        return self.over(
            {
                shard: MappingProxyType(
                    {name: value for name, value in self.shards[shard].items() if name not in lost}
                )
                for shard in {shard_of(name) for name in lost}
            }
        )

    def difference(self, older: "Shelf[V]") -> Change[V]:
        """What must be put and removed to make ``older`` this shelf; values are compared with
        ``==``.
        """
        put: dict[str, V] = {}
        removed: list[str] = []
        for new, old in zip(self.shards, older.shards, strict=True):
            if new is not old:
                put.update((n, v) for n, v in new.items() if n not in old or old[n] != v)
                removed.extend(n for n in old if n not in new)
        return Change(tuple(sorted(put.items(), key=lambda item: item[0])), tuple(sorted(removed)))


def shelf(values: Mapping[str, V]) -> Shelf[V]:
    """A shelf of ``values``; for collections that are small or made once."""
    shards: dict[int, dict[str, V]] = {}
    for name, value in values.items():
        shards.setdefault(shard_of(name), {})[name] = value
    return Shelf(tuple(shards.get(i, _EMPTY) for i in range(SHARDS)))
