"""Is there a request that a match covers and none of the earlier matches does?

A search, not a comparison of texts: a request is constructed that meets the match; where an earlier
match covers that request, one of that match's conditions is to fail as well, and another request is
constructed, and so on. When none is left, the match is unreachable. Conditions on different parts
of a request are independent, so each part is constructed alone. Where something is not known, the
match is taken to be reachable.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from controlplane.kinds.validation.match_conditions import (
    PATH,
    Condition,
    Match,
    Part,
    may_be_missing,
)
from controlplane.kinds.validation.string_patterns import (
    Matching,
    Pattern,
    Value,
    beginning,
    value_of,
)

Where = TypeVar("Where")

_STEPS: Final = 200  # requests constructed for one match before it is assumed to be reachable
_LOOKED_AT: Final = 1_000  # matches that are asked for one match

_ANY_PATH: Final = value_of((), (), begins="/") or ""
_ANY_TEXT: Final = value_of((), ()) or ""
_ANYTHING: Final = ("any", PATH, "")

Key = tuple[str, Part, str]
"""How a match is filed: a way to match, the part that is asked for, the text."""
Assumed = Mapping[Part, tuple[tuple[Condition, bool], ...]]
"""What a request is to meet (true) and to fail (false), by part."""
Made = Mapping[Part, tuple[Value, ...]]
"""A request: the values of the parts that matter; other parts have any value."""


@dataclass(slots=True)
class EarlierMatches(Generic[Where]):
    """Matches that come before, in any order, found by what they say of the path."""

    _by_key: dict[Key, list[tuple[Match, Where]]] = field(default_factory=dict)

    def add(self, taker: Match, where: Where) -> None:
        for key in _filed(taker):
            self._by_key.setdefault(key, []).append((taker, where))

    def cover(
        self, taken: Match, may_take: Callable[[Match, Where], bool]
    ) -> tuple[Where, ...] | None:
        """Which matches cover every request that ``taken`` asks for; ``None`` where some request
        reaches it.

        ``may_take``: whether one applies wherever ``taken`` does, as far as that is decided without
        a request. A match that no request can meet is covered by nothing: ``None`` too.
        """
        search = _Search(self, may_take)
        assumed: dict[Part, tuple[tuple[Condition, bool], ...]] = {}
        for condition in taken.conditions:
            assumed[condition.part] = (*assumed.get(condition.part, ()), (condition, True))
        if search.gets_by(assumed):
            return None
        return tuple(search.used.values()) or None

    def candidates(self, made: Made) -> Iterator[tuple[Match, Where]]:
        for key in _found(made):
            yield from self._by_key.get(key, ())


def _filed(taker: Match) -> tuple[Key, ...]:
    """By its path; one that asks for none by an exact text, or a regular expression, that it asks
    for elsewhere.
    """
    elsewhere: tuple[Key, ...] | None = None
    for condition in taker.conditions:
        asked, part = condition.pattern, condition.part
        if part == PATH:
            return _filed_by_path(asked)
        if elsewhere is not None or condition.negated:
            continue
        if asked.exact is not None:
            elsewhere = (("exact", part, asked.exact),)
        elif asked.regex is not None and may_be_missing(part):
            elsewhere = (("regex", part, ""), ("same", part, asked.regex))
    return elsewhere or (_ANYTHING,)


def _filed_by_path(asked: Pattern) -> tuple[Key, ...]:
    if asked.regex is not None:
        return ("regex", PATH, beginning(asked.regex)), ("same", PATH, asked.regex)
    if asked.folds:
        return (("folded", PATH, asked.text.lower()),)
    return (("prefix" if asked.exact is None else "exact", PATH, asked.text),)


def _found(made: Made) -> Iterator[Key]:
    """Where matches are filed that may cover a request. A text of which only a regular expression
    is known is certainly taken by the same one alone.
    """
    yield _ANYTHING
    for part, values in made.items():
        for value in values:
            match value:
                case str():
                    yield ("exact", part, value)
                    if part != PATH:
                        yield ("regex", part, "")
                case Matching():
                    yield ("same", part, value.regex)
    path = made.get(PATH, (_ANY_PATH,))[0]
    known = path.beginning if isinstance(path, Matching) else path
    if isinstance(known, str):
        for end in range(len(known) + 1):
            yield ("prefix", PATH, known[:end])
            if not isinstance(path, Matching):
                yield ("regex", PATH, known[:end])
            yield ("folded", PATH, known[:end].lower())


@dataclass(slots=True)
class _Search(Generic[Where]):
    earlier: EarlierMatches[Where]
    may_take: Callable[[Match, Where], bool]
    used: dict[int, Where] = field(default_factory=dict)
    steps: int = 0
    looked_at: int = 0

    def gets_by(self, assumed: Assumed) -> bool:
        """Whether a request as assumed passes all earlier matches, or it is not known."""
        self.steps += 1
        made = _made(assumed)
        if made is None:
            return False
        found = self._taker(made)
        if found is None or self.steps > _STEPS or self.looked_at > _LOOKED_AT:
            return True
        taker, where = found
        self.used[id(taker)] = where
        return any(self.gets_by(_failing(assumed, condition)) for condition in taker.conditions)

    def _taker(self, made: Made) -> tuple[Match, Where] | None:
        """One that certainly covers a request."""
        for taker, where in self.earlier.candidates(made):
            self.looked_at += 1
            if self.looked_at > _LOOKED_AT:
                return None
            if _takes(taker, made) and self.may_take(taker, where):
                return taker, where
        return None


def _takes(taker: Match, made: Made) -> bool:
    return all(c.holds(_values(made, c.part)) is True for c in taker.conditions)


def _values(made: Made, part: Part) -> tuple[Value, ...]:
    """A part that nothing was asked of is missing, or where it cannot be, has any value."""
    if part in made:
        return made[part]
    if may_be_missing(part):
        return ()
    return (_ANY_PATH if part == PATH else _ANY_TEXT,)


def _failing(assumed: Assumed, condition: Condition) -> Assumed:
    before = assumed.get(condition.part, ())
    return {**assumed, condition.part: (*before, (condition, False))}


def _made(assumed: Assumed) -> Made | None:
    """A request as assumed; ``None``: there is none."""
    made: dict[Part, tuple[Value, ...]] = {}
    for part, asked in assumed.items():
        values = _made_part(part, asked)
        if values is None:
            return None
        made[part] = values
    return made


def _made_part(part: Part, asked: Iterable[tuple[Condition, bool]]) -> tuple[Value, ...] | None:
    """Values of one part: none where it may be missing, several where a header may repeat."""
    asked = tuple(asked)
    if may_be_missing(part) and all(condition.holds(()) is wanted for condition, wanted in asked):
        return ()
    wanted = [c.pattern for c, meets in asked if meets is not c.negated]
    unwanted = [c.pattern for c, meets in asked if meets is c.negated]
    begins = "/" if part == PATH else ""
    if part[0] != "header" or not may_be_missing(part) or not wanted:
        value = value_of(wanted, unwanted, begins=begins)
        return None if value is None else (value,)
    values = [value_of((one,), unwanted) for one in wanted]
    found = tuple(dict.fromkeys(value for value in values if value is not None))
    return found if None not in values else None
