"""Which declaration of an object is used when several files, or an older and a newer text, claim
it. The first by path is used, even when it is refused, so that the object keeps its last accepted
version instead of being taken from a later file. What a file declared before is still claimed while
it is unknown what the file declares now (it was half-written, or it does not parse).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from controlplane.base import codes
from controlplane.base.diagnostics import Diagnostic, Related
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import ObjectKey
from controlplane.documents.content import FileContent, location_in
from controlplane.documents.document import RawObject
from controlplane.engine.read_files import ReadFiles
from controlplane.kinds.object import Object
from controlplane.kinds.unserved import is_foreign

Order = tuple[Path, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A declaration as it was decoded; ``object`` is ``None`` when it is refused or not served."""

    raw: RawObject
    object: Object[Any] | None
    diagnostics: tuple[Diagnostic, ...] = ()
    is_refused: bool = False

    @property
    def key(self) -> ObjectKey:
        return self.raw.key

    @property
    def is_unread(self) -> bool:
        """Whether an internal error kept it from being decoded."""
        return any(found.code is codes.INTERNAL_ERROR for found in self.diagnostics)

    @property
    def order(self) -> Order:
        origin = self.raw.origin
        return (origin.path, origin.document, -1 if origin.item is None else origin.item)


class Accepted(Protocol):
    """The objects that were accepted last, kept over restarts."""

    def keys(self) -> Iterable[ObjectKey]: ...

    def differing(self, objects: Iterable[RawObject]) -> Iterable[RawObject]:
        """Of what is remembered, all that is not among ``objects`` as it is."""

    def of_key(self, key: ObjectKey) -> RawObject | None: ...

    def of_file(self, path: Path) -> Iterable[RawObject]: ...

    def save(self, put: Iterable[RawObject], removed: Iterable[ObjectKey]) -> None: ...


class NothingAccepted:
    """No memory of earlier runs: what ``check`` uses."""

    def keys(self) -> Iterable[ObjectKey]:
        return ()

    def differing(self, objects: Iterable[RawObject]) -> Iterable[RawObject]:  # noqa: ARG002  # the protocol's form
        return ()

    def of_key(self, key: ObjectKey) -> RawObject | None:  # noqa: ARG002  # the protocol's form
        return None

    def of_file(self, path: Path) -> Iterable[RawObject]:  # noqa: ARG002  # the protocol's form
        return ()

    def save(self, put: Iterable[RawObject], removed: Iterable[ObjectKey]) -> None:
        """Forget them."""


class Declarations:
    """The declarations of every file, and for each object the one that is used."""

    def __init__(self) -> None:
        self._by_key: dict[ObjectKey, dict[Order, Declaration]] = {}
        self._by_file: dict[Path, tuple[Declaration, ...]] = {}
        self._kept: dict[Path, frozenset[ObjectKey]] = {}
        self._faulty: dict[Order, Declaration] = {}
        self._contested: set[ObjectKey] = set()

    def replace(
        self, path: Path, declarations: tuple[Declaration, ...], *, is_complete: bool
    ) -> set[ObjectKey]:
        """What ``path`` declares now; returns the objects of which the declaration in use may have
        changed.
        """
        before, after = self._by_file.pop(path, ()), declarations
        kept_before = self._kept.pop(path, frozenset())
        for declaration in before:
            self._drop(declaration)
        for declaration in after:
            self._add(declaration)
        if after:
            self._by_file[path] = after
        unchanged = {id(d) for d in before} & {id(d) for d in after}
        touched = {d.key for d in (*before, *after) if id(d) not in unchanged} | kept_before
        if not is_complete:
            kept = kept_before.union(d.key for d in before) - {d.key for d in after}
            if kept:
                self._kept[path] = kept
        return touched

    def keep(self, path: Path, keys: Iterable[ObjectKey]) -> None:
        """Let ``path``, which is not complete, keep claiming ``keys``: they were accepted from it
        before.
        """
        self._kept[path] = self._kept.get(path, frozenset()).union(keys)

    def winner(self, key: ObjectKey) -> Declaration | None:
        declarations = self._by_key.get(key)
        return declarations[min(declarations)] if declarations else None

    def losers(self, key: ObjectKey) -> tuple[Declaration, ...]:
        """The declarations of ``key`` that are not used, in order."""
        declarations = self._by_key.get(key, {})
        return tuple(declarations[order] for order in sorted(declarations)[1:])

    def is_kept(self, key: ObjectKey) -> bool:
        return any(key in kept for kept in self._kept.values())

    def kept(self) -> Iterator[tuple[Path, ObjectKey]]:
        for path, keys in self._kept.items():
            yield from ((path, key) for key in sorted(keys))

    def faulty(self) -> Iterator[Declaration]:
        """The declarations that have diagnostics."""
        yield from self._faulty.values()

    def contested(self) -> Iterator[ObjectKey]:
        """The objects that are declared more than once."""
        yield from sorted(self._contested)

    def _add(self, declaration: Declaration) -> None:
        declarations = self._by_key.setdefault(declaration.key, {})
        declarations[declaration.order] = declaration
        if len(declarations) > 1:
            self._contested.add(declaration.key)
        if declaration.diagnostics:
            self._faulty[declaration.order] = declaration

    def _drop(self, declaration: Declaration) -> None:
        declarations = self._by_key[declaration.key]
        declarations.pop(declaration.order, None)
        self._faulty.pop(declaration.order, None)
        if len(declarations) < 2:
            self._contested.discard(declaration.key)
        if not declarations:
            del self._by_key[declaration.key]

    def of_file(self, path: Path) -> tuple[Declaration, ...]:
        return self._by_file.get(path, ())

    def files(self) -> Iterator[Path]:
        yield from self._by_file

    def all(self) -> Iterator[Declaration]:
        for declarations in self._by_file.values():
            yield from declarations


def declared_diagnostics(declarations: Declarations, files: ReadFiles) -> Iterator[Diagnostic]:
    """What is wrong with the text of ``files``, with what they declare, and where two of them
    declare one object. Walks only what has something to report.
    """
    for content in files.faulty():
        for found in content.diagnostics:
            yield from _located(declarations, files, _meant(content, found), (found,))
    for declaration in declarations.faulty():
        yield from _located(declarations, files, declaration.raw, declaration.diagnostics)
    for key in declarations.contested():
        yield from _duplicates(declarations, files, key)


def _meant(content: FileContent, found: Diagnostic) -> RawObject | None:
    """The object of ``content`` that a fault in its text makes unusable."""
    if isinstance(found.place, SourceLocation):
        return None
    key = found.place.object
    return next((raw for raw in content.objects if raw.key == key and raw.is_refused), None)


def _located(
    declarations: Declarations, files: ReadFiles, raw: RawObject | None, found: Iterable[Diagnostic]
) -> Iterator[Diagnostic]:
    """What was ``found`` in ``raw``; at its own lines where another declaration is used."""
    winner = declarations.winner(raw.key) if raw is not None else None
    if raw is None or winner is None or winner.raw is raw:
        yield from found
        return

    def own(place: FieldRef | SourceLocation) -> FieldRef | SourceLocation:
        if isinstance(place, SourceLocation) or place.object != raw.key:
            return place
        return location_in(files[raw.origin.path], raw.origin, place)

    for one in found:
        related = tuple(replace(r, place=own(r.place)) for r in one.related)
        yield replace(one, place=own(one.place), related=related)


def _duplicates(
    declarations: Declarations, files: ReadFiles, key: ObjectKey
) -> Iterator[Diagnostic]:
    if is_foreign(key.kind):
        return
    place = FieldRef(key) / "metadata" / "name"
    for loser in declarations.losers(key):
        origin = loser.raw.origin
        yield Diagnostic(
            code=codes.DUPLICATE_OBJECT,
            place=location_in(files[origin.path], origin, place),
            message=f"{key.display_name} is declared twice; the declaration in the first file "
            "(by path) is used",
            hint="remove one of the two, or rename it",
            related=(Related(place=place, message="the first is declared here"),),
        )
