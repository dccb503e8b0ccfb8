"""Values that meet some conditions on text and none of others, found without trying all of them.

Between the texts that conditions name no condition tells values apart, so a few values stand for
all. A regular expression is asked where a value is known; of a value that only it describes, little
is known, and the answer is ``None``: unknown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Final

import re2  # type: ignore[import-untyped]  # google-re2 comes without types

from controlplane.kinds.istio.selection import StringMatch

_CASINGS: Final = 64  # spellings that are tried of a text whose case does not count
_OTHER: Final = "\x7f"  # stands for any text that no condition names
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-")


@dataclass(frozen=True, slots=True)
class Matching:
    """Some value that the regular expression takes; it begins with ``beginning``."""

    regex: str
    beginning: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Some value."""


Value = str | Matching | Unknown


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a value is asked for; nothing set: only to be there. At most one is set."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None
    folds: bool = False
    """Whether upper and lower case are alike; not to a regular expression."""

    @property
    def is_universal(self) -> bool:
        return self.exact is None and self.regex is None and not self.prefix

    def holds(self, value: Value) -> bool | None:
        if self.is_universal:
            return True
        match value:
            case str():
                return self._holds_of(value)
            case Matching():
                return self._holds_of_matching(value)
            case Unknown():
                return None

    def _holds_of(self, value: str) -> bool:
        if self.regex is not None:
            return _takes(self.regex, value)
        text = _folded(self.text) if self.folds else self.text
        value = _folded(value) if self.folds else value
        return value == text if self.exact is not None else value.startswith(text)

    def _holds_of_matching(self, value: Matching) -> bool | None:
        if self.regex is not None:
            return True if self.regex == value.regex else None
        text = _folded(self.text) if self.folds else self.text
        known = _folded(value.beginning) if self.folds else value.beginning
        if self.prefix is not None and known.startswith(text):
            return True
        if self.exact is not None and not self.folds and not _takes(value.regex, self.exact):
            return False
        return None if text.startswith(known) else False

    @property
    def text(self) -> str:
        return self.exact if self.exact is not None else self.prefix or ""

    def spellings(self) -> Iterator[str]:
        """The text, in every case where case does not matter (up to a number of them)."""
        if not self.folds:
            yield self.text
            return
        letters = [sorted({c.lower(), c.upper()}) if c.isascii() else [c] for c in self.text]
        for count, casing in enumerate(product(*letters)):
            if count == _CASINGS:
                return
            yield "".join(casing)

    @property
    def is_spelled_out(self) -> bool:
        """Whether ``spellings`` are all there are; never so of a regular expression."""
        if self.regex is not None:
            return False
        letters = sum(c.isascii() and c.isalpha() for c in self.text) if self.folds else 0
        return 1 << letters <= _CASINGS


def pattern(text: StringMatch, *, folds: bool = False) -> Pattern:
    """``*`` is Istio's word for presence; ``.*`` takes everything that is there."""
    if text.exact is not None:
        return Pattern(exact=text.exact, folds=folds)
    if text.prefix is not None:
        return Pattern(prefix=text.prefix, folds=folds)
    regex = None if text.regex in ("*", ".*") else text.regex
    return Pattern(regex=regex)


def value_of(
    wanted: Sequence[Pattern], unwanted: Sequence[Pattern], *, begins: str = ""
) -> Value | None:
    """A value that meets all of ``wanted`` and none of ``unwanted``; ``None``: there is none.

    It begins with ``begins``.
    """
    patterns = (*wanted, *unwanted)
    text = _text_of(wanted, unwanted, begins)
    if text is not None or _is_decided(wanted, unwanted):
        return text
    regex = next((p.regex for p in wanted if p.regex is not None), None)
    if regex is not None:
        return _matching(regex, wanted, unwanted)
    return None if all(p.is_spelled_out for p in patterns) else Unknown()


def _text_of(wanted: Sequence[Pattern], unwanted: Sequence[Pattern], begins: str) -> str | None:
    for text in _candidates((*wanted, *unwanted), begins):
        if all(p.holds(text) for p in wanted) and not any(p.holds(text) for p in unwanted):
            return text
    return None


def _is_decided(wanted: Sequence[Pattern], unwanted: Sequence[Pattern]) -> bool:
    """Whether the candidates are all there are: everything is unwanted, or one text is wanted."""
    return any(p.is_universal for p in unwanted) or any(p.exact and not p.folds for p in wanted)


def _matching(
    regex: str, wanted: Sequence[Pattern], unwanted: Sequence[Pattern]
) -> Matching | None:
    found = Matching(regex, beginning(regex))
    if any(p.holds(found) is False for p in wanted) or any(p.holds(found) for p in unwanted):
        return None
    return found


def _candidates(patterns: Sequence[Pattern], begins: str) -> Iterator[str]:
    """Values that stand for all others, where no regular expression is among the patterns."""
    yield begins + _OTHER
    if not begins:
        yield ""
    for p in patterns:
        if p.regex is None and not p.is_universal:
            for text in p.spellings():
                if text.startswith(begins):
                    yield text
                    yield text + _OTHER


def _folded(text: str) -> str:
    """As Envoy folds case: only that of ASCII letters."""
    return text.lower() if text.isascii() else "".join(c.lower() if c < "\x80" else c for c in text)


def _takes(regex: str, text: str) -> bool:
    compiled = _compiled(regex)
    return compiled is not None and compiled.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(regex: str) -> Any:
    """``None`` for one that RE2 does not compile; that is reported elsewhere."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(regex, options=options)
    except re2.error:
        return None


def beginning(regex: str) -> str:
    """What every text that the regular expression takes begins with, as far as that is plain."""
    if "|" in regex:
        return ""
    end = 0
    while end < len(regex) and regex[end] in _PLAIN:
        end += 1
    if end < len(regex) and regex[end] in "*?{":
        end -= 1
    return regex[: max(end, 0)]
