"""Faults of fields whose text holds something by accident, told by that: an unfilled placeholder, a
typographic quote, a space that is none.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from controlplane.base.diagnostics import Diagnostic, Effect
from controlplane.base.locations import FieldRef
from controlplane.base.oddities import oddity


def told_by_accidents(found: Iterable[Diagnostic], body: object) -> Iterator[Diagnostic]:
    """``found``, each place that has such a text with one message about that."""
    told: set[FieldRef] = set()
    for diagnostic in found:
        place = diagnostic.place
        if not isinstance(place, FieldRef) or not _may_quote(diagnostic, place):
            yield diagnostic
            continue
        odd = oddity(_text(body, place))
        if odd is None:
            yield diagnostic
        elif place not in told:
            told.add(place)
            yield replace(diagnostic, message=odd.message, hint=odd.hint, related=())


def _may_quote(diagnostic: Diagnostic, place: FieldRef) -> bool:
    """A placeholder may be a part of a password."""
    return diagnostic.code.effect is Effect.REFUSED and place.object.kind.name != "Secret"


def _text(body: object, place: FieldRef) -> str:
    """The text at ``place``: a field's name, or its value where that is text."""
    value = body
    for step in place.path:
        match value, step:
            case Mapping(), str() if step in value:
                value = value[step]
            case list(), int() if 0 <= step < len(value):
                value = value[step]
            case _:
                return ""
    if place.on_key:
        return str(place.path[-1]) if place.path else ""
    return value if isinstance(value, str) else ""
