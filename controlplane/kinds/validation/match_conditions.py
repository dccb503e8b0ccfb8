"""What a match of an HTTP rule asks of a request, field by field.

Conditions are on parts of a request, each on its own. What is decided before any request comes
(ports, gateways, who calls) is compared here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.kinds.validation import names
from controlplane.kinds.validation.string_patterns import Pattern, Value, pattern

Part = tuple[str, str]
"""Of a request: ``("header", "x-user")``, ``("query", "q")``, ``("path", "")``."""
PATH: Final[Part] = ("path", "")
_PSEUDO: Final = (":method", ":authority", ":scheme", ":path")


@dataclass(frozen=True, slots=True)
class Condition:
    """``part`` is as ``pattern`` says, or ``negated``: it is not; then a missing one is empty."""

    part: Part
    pattern: Pattern
    negated: bool = False

    def holds(self, values: tuple[Value, ...]) -> bool | None:
        """Of a part that has these values; Envoy looks for any of them that matches."""
        if self.negated and not values and not self.pattern.is_universal:
            values = ("",)
        found = [self.pattern.holds(value) for value in values]
        matched = True if True in found else None if None in found else False
        return matched if not self.negated or matched is None else not matched


@dataclass(frozen=True, slots=True)
class Match:
    """A match as conditions on requests; what is decided without a request stays in ``spec``."""

    spec: HttpMatch
    conditions: tuple[Condition, ...]


def match_of(spec: HttpMatch) -> Match:
    return Match(spec, tuple(_conditions(spec)))


def _conditions(spec: HttpMatch) -> Iterator[Condition]:
    for name in HttpMatch.__struct_fields__:
        yield from FIELDS[name].conditions(spec)


def applies_wherever(later: Match, earlier: Match, _: object = None) -> bool:
    """Whether ``earlier`` is in force wherever ``later`` is, before any request comes."""
    return all(
        FIELDS[name].applies(earlier.spec, later.spec) for name in HttpMatch.__struct_fields__
    )


def without(spec: HttpMatch, unwanted: Callable[["Field"], bool]) -> HttpMatch:
    """``spec`` without the fields that are ``unwanted``."""
    fields = (name for name in HttpMatch.__struct_fields__ if unwanted(FIELDS[name]))
    left: HttpMatch = msgspec.structs.replace(
        spec, **{name: getattr(_EMPTY, name) for name in fields}
    )
    return left


def _header(name: str, text: StringMatch, negation: str) -> Part:
    """A claim of a token has its own rules: no condition on one covers another."""
    if names.is_claim(name):
        return ("claim", f"{negation}{name} {text}")
    return ("header", name.lower())


def may_be_missing(part: Part) -> bool:
    return part != PATH and part[1] not in _PSEUDO


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How a field of a match takes part.

    ``conditions``: what it asks of a request. ``applies``: whether the earlier match is in force
    wherever the later one is, as far as this field says. ``is_a_name``: it only names the match.
    ``gives_way``: where the rule delegates, its delegate may ask for something else instead.
    """

    conditions: Callable[[HttpMatch], Iterable[Condition]] = lambda _: ()
    applies: Callable[[HttpMatch, HttpMatch], bool] = lambda _earlier, _later: True
    is_a_name: bool = False
    gives_way: bool = False


def _path(spec: HttpMatch) -> Iterator[Condition]:
    if spec.uri is not None and spec.uri.prefix != "/":
        yield from _wanted(PATH, spec.uri, folds=spec.ignore_uri_case)


def _pseudo(name: str, field: Callable[[HttpMatch], StringMatch | None]) -> Field:
    def conditions(spec: HttpMatch) -> Iterator[Condition]:
        text = field(spec)
        if text is not None:
            yield from _wanted(("header", name), text)

    return Field(conditions=conditions)


def _headers(spec: HttpMatch) -> Iterator[Condition]:
    for name, text in spec.headers.items():
        yield from _wanted(_header(name, text, ""), text)


def _query(spec: HttpMatch) -> Iterator[Condition]:
    for name, text in spec.query_params.items():
        yield from _wanted(("query", name), text)


def _missing_headers(spec: HttpMatch) -> Iterator[Condition]:
    for name, text in spec.without_headers.items():
        yield Condition(_header(name, text, "without "), pattern(text), negated=True)


def _wanted(part: Part, text: StringMatch, *, folds: bool = False) -> Iterator[Condition]:
    wanted = pattern(text, folds=folds)
    if may_be_missing(part) or not wanted.is_universal:
        yield Condition(part, wanted)


def _for_gateways(earlier: HttpMatch, later: HttpMatch) -> bool:
    if not earlier.gateways:
        return True
    return bool(later.gateways) and set(later.gateways) <= set(earlier.gateways)


def _for_labels(earlier: HttpMatch, later: HttpMatch) -> bool:
    """A match that names gateways does not look at who calls."""
    if earlier.gateways or not earlier.source_labels:
        return True
    return not later.gateways and earlier.source_labels.items() <= later.source_labels.items()


def _for_namespace(earlier: HttpMatch, later: HttpMatch) -> bool:
    if earlier.gateways or not earlier.source_namespace:
        return True
    return not later.gateways and earlier.source_namespace == later.source_namespace


FIELDS: Final[Mapping[str, Field]] = {
    "name": Field(is_a_name=True),
    "stat_prefix": Field(is_a_name=True),
    "uri": Field(conditions=_path),
    "ignore_uri_case": Field(),  # a part of what uri asks
    "method": _pseudo(":method", lambda spec: spec.method),
    "authority": _pseudo(":authority", lambda spec: spec.authority),
    "scheme": _pseudo(":scheme", lambda spec: spec.scheme),
    "headers": Field(conditions=_headers),
    "query_params": Field(conditions=_query),
    "without_headers": Field(conditions=_missing_headers, gives_way=True),
    "port": Field(applies=lambda earlier, later: earlier.port in (0, later.port)),
    "gateways": Field(applies=_for_gateways),
    "source_labels": Field(applies=_for_labels, gives_way=True),
    "source_namespace": Field(applies=_for_namespace, gives_way=True),
}
"""Every field of a match. One that is missing here is a ``KeyError`` for every match, so that no
match is ever said to take more than it does.
"""
_EMPTY: Final = HttpMatch()
