"""What the sessions of one server compute once for all of them: differences and responses.

A thousand proxies with one view ask the same questions. A question is named by the identity of the
shelves it is about, so an answer is one look into a dictionary and its bytes exist once.
"""

from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from controlplane.base.shelf import Change, Shelf, shard_of
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.response import NAME_SIZE, Response, Variant

ANSWERS_LIMIT: Final = 256 << 20  # bytes of remembered responses, until the next revision;
# with less than what all namespaces of a mesh get at first, a fleet that connects shares nothing
CHANGES_LIMIT: Final = 4096
REJECTIONS_LIMIT: Final = 4096

Names = frozenset[str]
Question = tuple[Variant, TypeUrl, Shelf[Resource], Shelf[Resource], Names | None, Names, Names]
"""Variant, type, what the client was given, what it is to have, the subscription (``None``: all),
the names that must be answered, and the names it still holds that are gone."""


class ResponseCache:
    """The common memory of sessions. It is cleared when a new revision makes most of it useless."""

    def __init__(self) -> None:
        self._changes: dict[tuple[Shelf[Resource], Shelf[Resource]], Change[Resource]] = {}
        self._answers: dict[Question, tuple[Response, ...]] = {}
        self._emptied: dict[tuple[Shelf[Resource], Shelf[Resource]], Shelf[Resource]] = {}
        self._endpoints: dict[tuple[Names, Shelf[Resource]], Names] = {}
        self._rejected: dict[tuple[TypeUrl, str, str], None] = {}
        self._names: WeakValueDictionary[int, Names] = WeakValueDictionary()
        self._size = 0

    @property
    def size(self) -> int:
        """Roughly the bytes of the answers that are remembered."""
        return self._size

    def forget(self) -> None:
        """Drop what older snapshots needed; rejections stay."""
        self._changes.clear()
        self._emptied.clear()
        self._answers.clear()
        self._endpoints.clear()
        self._size = 0

    def same(self, names: Names) -> Names:
        """The one object for all subscriptions to exactly ``names``; gone with the last of them.

        A subscription to a thousand clusters is 100 kB, and a thousand proxies have the same.
        """
        found = self._names.get(hash(names))
        if found is not None and found == names:
            return found
        self._names[hash(names)] = names
        return names

    def change(self, older: Shelf[Resource], newer: Shelf[Resource]) -> Change[Resource]:
        """``newer.difference(older)``, computed once."""
        key = (older, newer)
        found = self._changes.get(key)
        if found is None:
            if len(self._changes) >= CHANGES_LIMIT:
                self._changes.clear()
            found = self._changes[key] = newer.difference(older)
        return found

    def without_emptied(self, older: Shelf[Resource], newer: Shelf[Resource]) -> Shelf[Resource]:
        """``newer``, in which what has become empty is as in ``older``; computed once."""
        if older is newer:
            return newer
        found = self._emptied.get((older, newer))
        if found is None:
            kept: dict[int, dict[str, Resource]] = {}
            for name, resource in self.change(older, newer).put:
                before = older.get(name) if resource.is_empty else None
                if before is not None and not before.is_empty:
                    number = shard_of(name)
                    kept.setdefault(number, dict(newer.shards[number]))[name] = before
            found = self._emptied[older, newer] = newer.over(kept)
        return found

    def answer(
        self, question: Question, worked_out: Callable[[], tuple[Response, ...]]
    ) -> tuple[Response, ...]:
        """The answer to ``question``, computed by the first session that asks it."""
        found = self._answers.get(question)
        if found is None:
            found = worked_out()
            size = _size(question, found)
            self._size += size
            if self._size > ANSWERS_LIMIT or len(self._answers) >= CHANGES_LIMIT:
                self._answers.clear()
                self._size = size
            self._answers[question] = found
        return found

    def endpoints(self, clusters: Names, assignments: Shelf[Resource]) -> Names:
        """Those of ``clusters`` that take their endpoints from EDS."""
        key = (clusters, assignments)
        found = self._endpoints.get(key)
        if found is None:
            if len(self._endpoints) >= CHANGES_LIMIT:
                self._endpoints.clear()
            found = frozenset(name for name in clusters if name in assignments)
            self._endpoints[key] = found
        return found

    def reject(self, type_url: TypeUrl, name: str, version: str) -> None:
        """Remember that a proxy refused this form: others get it in a message of its own."""
        if len(self._rejected) >= REJECTIONS_LIMIT:
            self._rejected.pop(next(iter(self._rejected)))
        if (type_url, name, version) not in self._rejected:
            self._rejected[type_url, name, version] = None
            self.forget()

    def is_rejected(self, type_url: TypeUrl, resource: Resource) -> bool:
        key = (type_url, resource.name, resource.version)
        return bool(self._rejected) and key in self._rejected


def _size(question: Question, answer: tuple[Response, ...]) -> int:
    """What remembering an answer takes, roughly in bytes."""
    *_, scope, asked, gone = question
    names = len(asked) + len(gone) + (len(scope) if scope is not None else 0)
    return NAME_SIZE * names + sum(response.size for response in answer)
