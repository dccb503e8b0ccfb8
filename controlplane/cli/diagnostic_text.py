"""Diagnostics as they are shown: sorted, with their locations, their lines and a caret below.

The form is the same in every command::

    mesh/reviews.yaml:14:17: error CP0302: subset "v3" of reviews.default is not declared
       14 |         subset: v3
          |                 ^^ DestinationRule default/reviews declares v1 and v2
       hint: add subset "v3" to DestinationRule default/reviews
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from controlplane.base.diagnostics import Code, Diagnostic, Effect, Severity
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.wording import first_of
from controlplane.cli.output import Segment, Style, printable

_TAB: Final = "    "
_LONGEST: Final = 120  # cells of a line that are shown; more of it is cut around the caret
_PLACES: Final = 5  # places that are named of what is like the one before
_BEFORE: Final = 60  # cells of a longer line that are shown before the caret
_STYLES: Final = {
    Severity.ERROR: Style.ERROR,
    Severity.WARNING: Style.WARNING,
    Severity.INFO: Style.INFO,
}


class Files(Protocol):
    """The files that places are in."""

    def location(self, place: FieldRef | SourceLocation) -> SourceLocation | None: ...

    def line(self, location: SourceLocation) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Another place to look at: ``where`` as it is shown, ``location`` unless it is in no file."""

    where: str
    location: SourceLocation | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticText:
    """One diagnostic with all that is shown of it.

    ``location`` is ``None`` for an object in no file.
    """

    code: Code
    message: str
    hint: str | None
    note: str | None
    where: str
    location: SourceLocation | None
    line: str | None
    object: str | None
    related: tuple[Pointer, ...]

    @property
    def severity(self) -> Severity:
        return self.code.severity

    @property
    def is_refusal(self) -> bool:
        return self.code.effect is Effect.REFUSED


def diagnostic_texts(diagnostics: Iterable[Diagnostic], files: Files) -> tuple[DiagnosticText, ...]:
    """Sorted by file, line, column and code; what is in no file comes first."""
    return tuple(sorted((_text(d, files) for d in diagnostics), key=_order))


def as_text(diagnostics: Iterable[DiagnosticText]) -> Iterator[list[Segment]]:
    """The lines to show, each in parts. Of those that say the same the first is shown in full."""
    found = tuple(diagnostics)
    others = _others(found)
    alike = {id(other) for more in others.values() for other in more}
    for one in found:
        if id(one) in alike:
            continue
        style = _STYLES[one.severity]
        yield [
            (printable(one.where), Style.NAME),
            (": ", Style.PLAIN),
            (f"{one.severity.value} {one.code}", style),
            (f": {printable(one.message)}", Style.NAME),
        ]
        if one.location is not None and one.line is not None:
            yield from _excerpt(one.location, one.line, one.note, style)
        elif one.note is not None:
            yield [(f"   note: {printable(one.note)}", Style.PLAIN)]
        for pointer in one.related:
            where, message = printable(pointer.where), printable(pointer.message)
            yield [("   see: ", Style.QUIET), (where, Style.NAME), (f": {message}", Style.PLAIN)]
        if one.hint is not None:
            yield [("   hint: ", Style.GOOD), (printable(one.hint), Style.PLAIN)]
        if id(one) in others:
            more = [printable(other.where) for other in others[id(one)]]
            said = f"   and {len(more)} more, at {first_of(more, _PLACES)}"
            yield [(said, Style.QUIET)]


def _others(found: Sequence[DiagnosticText]) -> dict[int, list[DiagnosticText]]:
    """For the first of those that say the same the others, where there are some.

    Information says the same where it has one code.
    """
    first: dict[object, DiagnosticText] = {}
    others: dict[int, list[DiagnosticText]] = {}
    for one in found:
        is_information = one.severity is Severity.INFO
        said = one.code if is_information else (one.code, one.message, one.note, one.hint)
        if first.setdefault(said, one) is not one:
            others.setdefault(id(first[said]), []).append(one)
    return others


def _text(diagnostic: Diagnostic, files: Files) -> DiagnosticText:
    place = diagnostic.place
    location = files.location(place)
    return DiagnosticText(
        code=diagnostic.code,
        message=diagnostic.message,
        hint=diagnostic.hint,
        note=diagnostic.note,
        where=_where(place, location),
        location=location,
        line=files.line(location) if location is not None else None,
        object=str(place.object) if isinstance(place, FieldRef) else None,
        related=tuple(
            Pointer(where=_where(r.place, at), location=at, message=r.message)
            for r in diagnostic.related
            for at in (files.location(r.place),)
        ),
    )


def _where(place: FieldRef | SourceLocation, location: SourceLocation | None) -> str:
    if location is None:
        return str(place)
    return (
        f"{location.path}:{location.line}:{location.column}"
        if location.line
        else str(location.path)
    )


def _order(one: DiagnosticText) -> tuple[str, int, int, str, str, str]:
    location = one.location
    at = (
        (str(location.path), location.line, location.column) if location is not None else ("", 0, 0)
    )
    return (*at, one.code.id, one.where, one.message)


def _excerpt(
    location: SourceLocation, line: str, note: str | None, style: Style
) -> Iterator[list[Segment]]:
    before, marked, after = _window(line, location.column - 1, location.width)
    number = f"{location.line:>5}"
    yield [(f"{number} | ", Style.QUIET), (f"{before}{marked}{after}", Style.PLAIN)]
    caret = " " * cells(before) + "^" * max(cells(marked), 1)
    yield [
        (f"{' ' * len(number)} | ", Style.QUIET),
        (caret, style),
        (f" {printable(note)}" if note else "", Style.PLAIN),
    ]


def _window(line: str, start: int, width: int) -> tuple[str, str, str]:
    """The line before, at and after the caret as a terminal shows it, cut where it is long."""
    before, marked = _visible(line[:start]), _visible(line[start : start + width])
    after = _visible(line[start + width :])
    if cells(before) + cells(marked) + cells(after) <= _LONGEST:
        return before, marked, after
    if cells(before) > _BEFORE:
        before = "…" + _last(before, _BEFORE - 1)
    marked = _first(marked, _LONGEST - cells(before))
    room = _LONGEST - cells(before) - cells(marked)
    return before, marked, after if cells(after) <= room else _first(after, room - 1) + "…"


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text.replace("\t", _TAB))


def cells(text: str) -> int:
    """How many cells of a terminal ``text`` takes. Source: Unicode Standard Annex 11."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _first(text: str, room: int) -> str:
    return text[: _fitting(text, room)]


def _last(text: str, room: int) -> str:
    return text[len(text) - _fitting(text[::-1], room) :]


def _fitting(text: Iterable[str], room: int) -> int:
    """How many of the first characters fit into ``room`` cells."""
    count = used = 0
    for character in text:
        used += _cells_of(character)
        if used > room:
            break
        count += 1
    return count
