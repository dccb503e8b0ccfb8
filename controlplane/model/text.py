"""Texts that policies compare values with, as Envoy does.

Source: envoy/type/matcher/v3/string.proto.
"""

from dataclasses import dataclass
from typing import assert_never

import re2  # type: ignore[import-untyped]  # google-re2 comes without types


@dataclass(frozen=True, slots=True)
class Exact:
    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """``text`` is not empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Suffix:
    """``text`` is not empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Filled:
    """Any text but the empty one and those of several lines."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """RE2, over the whole value. It is never the user's own: what users wrote is quoted in it."""

    pattern: str


Text = Exact | Prefix | Suffix | Filled | Pattern
FILLED = Filled()


def is_meant(text: Text, value: str) -> bool:
    """Whether ``value`` is one of those that ``text`` stands for."""
    match text:
        case Exact(text=exact):
            return value == exact
        case Prefix(text=prefix):
            return value.startswith(prefix)
        case Suffix(text=suffix):
            return value.endswith(suffix)
        case Filled():
            return bool(value) and "\n" not in value
        case Pattern(pattern=pattern):
            return re2.fullmatch(pattern, value) is not None
    assert_never(text)


def in_lower_case(text: Text) -> Text:
    """``text`` for values in lower case, where case does not matter."""
    match text:
        case Exact(text=exact):
            return Exact(exact.lower())
        case Prefix(text=prefix):
            return Prefix(prefix.lower())
        case Suffix(text=suffix):
            return Suffix(suffix.lower())
        case Filled():
            return text
        case Pattern(pattern=pattern):
            return Pattern(f"(?i:{pattern})")
    assert_never(text)
