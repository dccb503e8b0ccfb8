"""Faults of fields whose text holds something by accident, told by that: an unfilled placeholder, a
typographic quote, a space that is none.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from controlplane.base.codes import REGEX_REFUSED, UNKNOWN_FIELD
from controlplane.base.diagnostics import Diagnostic, Effect
from controlplane.base.locations import FieldRef
from controlplane.base.oddities import oddity_of_value, without_spaces


def told_by_accidents(found: Iterable[Diagnostic], body: object) -> Iterator[Diagnostic]:
    """``found``, each place that has such a text with one message about that.

    A space that is none in a key shifts its line, and all that is found follows from that.
    """
    told: set[FieldRef] = set()
    found = tuple(found)
    shifted = [one for one in found if _has_odd_key(one)][:1]
    for diagnostic in shifted or found:
        place = diagnostic.place
        if not isinstance(place, FieldRef) or not _may_quote(diagnostic, place):
            yield diagnostic
            continue
        odd = oddity_of_value(_text(body, place))
        if odd is None:
            yield diagnostic
        elif place not in told:
            told.add(place)
            yield replace(diagnostic, message=odd.message, hint=odd.hint, related=())


def _has_odd_key(found: Diagnostic) -> bool:
    place = found.place
    if not isinstance(place, FieldRef) or found.code is not UNKNOWN_FIELD:
        return False
    key = str(place.path[-1])
    return without_spaces(key) != key


def _may_quote(diagnostic: Diagnostic, place: FieldRef) -> bool:
    """A placeholder may be a part of a password, and a dollar sign of an expression."""
    is_refused = diagnostic.code.effect is Effect.REFUSED and diagnostic.code is not REGEX_REFUSED
    return is_refused and place.object.kind.name != "Secret"


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
