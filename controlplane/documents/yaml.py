"""One chunk of YAML becomes plain data, by a builder over the events of libyaml.

Twice as fast as ``yaml.CSafeLoader``, and safe: depth and the expansion of aliases are counted
while the events arrive, so a bomb ends in a fault and never in libyaml's recursive composer.
Explicit keys win over ``<<``; keys become text as in JSON. The same object may occur several times
in the data (aliases), so it must not be changed.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from yaml import YAMLError
from yaml._yaml import CParser  # libyaml's parser alone; the package exports it only inside loaders
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from controlplane.base import codes
from controlplane.base.base64 import decoded
from controlplane.base.diagnostics import Code
from controlplane.documents.faults import Fault, Faulty
from controlplane.documents.flow_colons import respelled
from controlplane.documents.oddities import explained
from controlplane.documents.scalars import FIRST_OF_NUMBER, WORDS, Scalar, key_text, plain
from controlplane.documents.syntax import syntax_fault

Data = Mapping[str, "Data"] | list["Data"] | Scalar

DEPTH_LIMIT: Final = 64
ALIAS_LIMIT: Final = (
    100_000  # values that the aliases of one document may add; honest ones add a few
)
_TEXT_PER_VALUE: Final = 64  # characters that weigh as much as one value more
_FIRST_OF_OTHER: Final = FIRST_OF_NUMBER | {word[:1] for word in WORDS}
"""The first characters of plain scalars that may not be text."""
_KEYS: Final[dict[str, str]] = {}
"""Keys that were seen and mean themselves, quoted or not: names of fields, each once in memory."""
_KEYS_LIMIT: Final = 4096
_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """``data`` is ``None`` for an empty document, and where ``fault`` ended the parsing.

    ``duplicates``: some mapping has a key twice (the last one is used); ``locate.duplicate_keys``
    finds where.
    """

    data: Data
    fault: Fault | None = None
    duplicates: bool = False


def parsed(text: str) -> Parsed:
    """The only document of ``text``."""
    outcome = _parsed(text)
    if outcome.fault is None or outcome.fault.code is not codes.YAML_SYNTAX:
        return outcome
    return replace(outcome, fault=explained(text, outcome.fault))


def _parsed(text: str) -> Parsed:
    try:
        return _built(CParser(text).get_event)  # type: ignore[arg-type]  # None follows the end
    except YAMLError as error:
        again = respelled(text, error)
        if again is None:
            return Parsed(data=None, fault=syntax_fault(text, error))
    try:
        next_event: Callable[[], Event] = CParser(again.text).get_event  # type: ignore[assignment]
        return _built(again.events(next_event))
    except YAMLError as error:
        return Parsed(data=None, fault=syntax_fault(text, error))


def _built(next_event: Callable[[], Event]) -> Parsed:
    """Raises YAMLError for what libyaml refuses."""
    builder = _Builder(next_event)
    try:
        data = builder.document()
    except Faulty as faulty:
        return Parsed(data=None, fault=faulty.fault)
    return Parsed(data=data, duplicates=builder.duplicates)


class _Builder:
    """Pulls events and builds; recursion is bounded by ``DEPTH_LIMIT``."""

    __slots__ = ("_anchors", "_expanded", "_next", "_open", "_weights", "duplicates")

    def __init__(self, next_event: Callable[[], Event]) -> None:
        self._next = next_event
        self._anchors: dict[str, Data] = {}
        self._open: set[str] = set()
        self._weights: dict[int, int] = {}
        self._expanded = 0
        self.duplicates = False

    def document(self) -> Data:
        data: Data = None
        documents = 0
        event = self._next()
        while type(event) is not StreamEndEvent:
            if type(event) not in (StreamStartEvent, DocumentStartEvent, DocumentEndEvent):
                documents += 1
                if documents > 1:
                    raise _fault(
                        event, "a second document begins here without a --- line before it"
                    )
                data = self._value(event, 1)
            event = self._next()
        return data

    def _value(self, event: Event, depth: int) -> Data:
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, AliasEvent):
            return self._alias(event)
        assert isinstance(event, CollectionStartEvent), "only values start here"
        if depth > DEPTH_LIMIT:
            message = f"the document nests deeper than {DEPTH_LIMIT} levels here"
            raise _fault(event, message, codes.TOO_DEEP)
        anchor = event.anchor
        if anchor is not None:
            self._open.add(anchor)
        value = (
            self._mapping(depth) if isinstance(event, MappingStartEvent) else self._sequence(depth)
        )
        if anchor is not None:
            self._open.discard(anchor)
            self._anchors[anchor] = value
        return value

    def _sequence(self, depth: int) -> list[Data]:
        result: list[Data] = []
        next_event, scalar, value = self._next, self._scalar, self._value
        while type(event := next_event()) is not SequenceEndEvent:
            if type(event) is ScalarEvent:
                result.append(scalar(event))
            else:
                result.append(value(event, depth + 1))
        return result

    def _mapping(self, depth: int) -> Mapping[str, Data]:
        result: dict[str, Data] = {}
        merged: list[Mapping[str, Data]] = []
        next_event, scalar = self._next, self._scalar
        while type(event := next_event()) is not MappingEndEvent:
            # Nearly every key takes this branch: text that means nothing else.
            if type(event) is ScalarEvent and event.value in _KEYS and event.anchor is None:
                key = _KEYS[event.value]
            else:
                key = self._key(event)
            of_value = next_event()
            if key == "<<" and _is_merge(event):
                merged.extend(self._merged(of_value, depth))
                continue
            if key in result:
                self.duplicates = True
            if type(of_value) is ScalarEvent:
                result[key] = scalar(of_value)
            else:
                result[key] = self._value(of_value, depth + 1)
        return _together(merged, result) if merged else result

    def _key(self, event: Event) -> str:
        if isinstance(event, ScalarEvent | AliasEvent):
            value = self._value(event, 1)
            if not isinstance(value, Mapping | list):
                text = key_text(value)
                if text is not None:
                    _remember(text)
                    return text
                raise _fault(event, "a key is empty or null; a key is text")
        what = "list" if isinstance(event, SequenceStartEvent) else "mapping"
        raise _fault(event, f"a key is a {what}; a key is text")

    def _scalar(self, event: ScalarEvent) -> Scalar:
        text, tag = event.value, event.tag
        value: Scalar = text
        if tag is not None and tag != "!":
            value = _tagged(event, tag)
        elif not event.style and tag is None and text[:1] in _FIRST_OF_OTHER:
            value = WORDS[text] if text in WORDS else plain(text)
        if type(value) is float and not math.isfinite(value):
            raise _fault(event, f"{text} is not a JSON number; quote it if it is text")
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: AliasEvent) -> Data:
        name = event.anchor
        assert name is not None, "an alias names an anchor"
        if name in self._open:
            raise _fault(event, f'the alias "*{name}" is inside what it repeats')
        if name not in self._anchors:
            raise _fault(event, f'the alias "*{name}" has no anchor "&{name}" before it')
        value = self._anchors[name]
        self._expanded += self._weight(value)
        if self._expanded > ALIAS_LIMIT:
            message = f"the document's aliases expand to more than {ALIAS_LIMIT:,} values"
            raise _fault(event, message, codes.TOO_MANY_ALIASES)
        return value

    def _merged(self, event: Event, depth: int) -> list[Mapping[str, Data]]:
        value = self._value(event, depth + 1)
        mappings = value if isinstance(value, list) else [value]
        result = [mapping for mapping in mappings if isinstance(mapping, Mapping)]
        if len(result) < len(mappings):
            raise _fault(event, '"<<" needs a mapping or a list of mappings')
        return result

    def _weight(self, value: Data) -> int:
        """How many values ``value`` is when its own aliases are written out."""
        if isinstance(value, str):
            return 1 + len(value) // _TEXT_PER_VALUE
        if not isinstance(value, Mapping | list):
            return 1
        known = self._weights.get(id(value))
        if known is None:
            parts = value.values() if isinstance(value, Mapping) else value
            known = self._weights[id(value)] = 1 + sum(map(self._weight, parts))
        return known


def _remember(key: str) -> None:
    if key != "<<" and len(_KEYS) < _KEYS_LIMIT and plain(key) == key:
        _KEYS[key] = key


def _is_merge(event: Event) -> bool:
    """A quoted ``<<`` is a key like any other."""
    return isinstance(event, ScalarEvent) and (not event.style or event.tag == f"{_TAG}merge")


def _together(merged: list[Mapping[str, Data]], own: dict[str, Data]) -> dict[str, Data]:
    """Of the merged mappings the first one wins, and ``own`` over all of them."""
    result: dict[str, Data] = {}
    for mapping in reversed(merged):
        result.update(mapping)
    return result | own


def _tagged(event: ScalarEvent, tag: str) -> Scalar:
    """The value of a scalar with an explicit tag; tags without a counterpart in JSON give text."""
    text = event.value
    if tag == f"{_TAG}binary":
        content = decoded(text)
        if content is not None:
            with suppress(UnicodeError):
                return content.decode()
        raise _fault(event, "!!binary is not the base64 of text")
    wanted = _TYPES.get(tag)
    if wanted is None:
        return text
    value = plain(text)
    if type(value) is int and wanted is float:
        return value
    if type(value) is not wanted:
        raise _fault(
            event, f'"{text}" is not a valid value for its tag !!{tag.removeprefix(_TAG)} says'
        )
    return value


_TYPES: Final[Mapping[str, type]] = {
    f"{_TAG}int": int,
    f"{_TAG}float": float,
    f"{_TAG}bool": bool,
    f"{_TAG}null": type(None),
}


def _fault(event: Event, message: str, code: Code = codes.YAML_SYNTAX) -> Faulty:
    start, end = event.start_mark, event.end_mark
    assert start is not None, "libyaml marks every event"
    assert end is not None, "libyaml marks every event"
    width = max(end.index - start.index, 1) if start.line == end.line else 1
    return Faulty(Fault(code=code, start=start.index, width=width, message=message))
