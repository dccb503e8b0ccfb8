"""Conditions on paths in both APIs: what of Gateway API says the same as a condition of Istio's,
and whether two of them can hold for one request.

Istio's ``prefix`` is one of text, Gateway API's ``PathPrefix`` one of whole segments. So a prefix
becomes a ``RegularExpression``, but ``/``, and ``/a/`` where ``/a`` itself is taken by an ``Exact``
match.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httppathmatch
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

import re2  # type: ignore[import-untyped]  # google-re2 comes without types

from controlplane.kinds.validation.string_patterns import beginning
from controlplane.model.http_match import Exact, PathMatch, Prefix, Regex, Segments

_EVERYTHING: Final = "/"
_LONGEST: Final = 1024  # characters; the CRD of HTTPRoute
_PLAIN: Final = re.compile(r"/(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*")
_NEVER_PLAIN: Final = ("//", "/./", "/../", "%2f", "%2F")
_NEVER_ENDS: Final = ("/..", "/.")
_SPECIAL: Final = re.compile(r"([.+*?()\[\]{}^$|\\])")


class PathType(Enum):
    """The value is the API's word. In the order in which Gateway API tries them."""

    EXACT = "Exact"
    PATH_PREFIX = "PathPrefix"
    REGULAR_EXPRESSION = "RegularExpression"


_ORDER: Final = tuple(PathType)


@dataclass(frozen=True, slots=True)
class RoutePath:
    """``path`` of an HTTPRoute's match."""

    type: PathType
    value: str

    @property
    def rank(self) -> tuple[int, int]:
        """Sort key: what is tried first. A trailing slash of a prefix is not part of it."""
        value = self.value
        if self.type is PathType.PATH_PREFIX and value != _EVERYTHING:
            value = value.removesuffix("/")
        return _ORDER.index(self.type), -len(value)


ROOT: Final = RoutePath(PathType.PATH_PREFIX, _EVERYTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """A way to write the paths of a VirtualService. The first that keeps its order is used.

    ``root_is_regex``: the prefix ``/`` is a regular expression, behind all others.
    ``segments_are_regex``: so is ``/a/`` next to an exact ``/a``.
    """

    root_is_regex: bool = False
    segments_are_regex: bool = False


SPELLINGS: Final = (
    Spelling(),
    Spelling(root_is_regex=True),
    Spelling(root_is_regex=True, segments_are_regex=True),
)


def route_path(
    asked: PathMatch, spelling: Spelling, exact: frozenset[str], *, by_segment: bool
) -> RoutePath | None:
    """The same condition in an HTTPRoute; ``None`` where there is none.

    ``exact`` are the paths that an exact match of the same hosts takes whatever else a request
    has. ``by_segment``: the user wants prefixes of whole segments, though they take less.
    """
    match asked:
        case Exact(text=text):
            return RoutePath(PathType.EXACT, text) if is_plain(text) else None
        case Regex(pattern=pattern):
            return _regex(pattern)
        case Prefix(text=text) | Segments(text=text):
            return _prefix(text, spelling, exact, by_segment=by_segment)


def _prefix(
    text: str, spelling: Spelling, exact: frozenset[str], *, by_segment: bool
) -> RoutePath | None:
    if text == _EVERYTHING:
        return _regex("/.*") if spelling.root_is_regex else ROOT
    whole = text.removesuffix("/")
    is_whole = text.endswith("/") and whole in exact and not spelling.segments_are_regex
    if (is_whole or by_segment) and is_plain(whole):
        return RoutePath(PathType.PATH_PREFIX, whole)
    return _regex(f"{quoted(text)}.*") if text.startswith("/") else None


def _regex(pattern: str) -> RoutePath | None:
    if len(pattern) > _LONGEST:
        return None
    return RoutePath(PathType.REGULAR_EXPRESSION, pattern)


def is_plain(path: str) -> bool:
    """Whether an HTTPRoute takes ``path`` as an ``Exact`` or ``PathPrefix`` value."""
    return (
        len(path) <= _LONGEST
        and _PLAIN.fullmatch(path) is not None
        and not any(part in path for part in _NEVER_PLAIN)
        and not path.endswith(_NEVER_ENDS)
    )


def quoted(text: str) -> str:
    """``text`` as a regular expression (RE2) that only it matches."""
    return _SPECIAL.sub(r"\\\1", text)


def is_disjoint(one: PathMatch, other: PathMatch) -> bool:
    """Whether no path meets both conditions of Istio's, as far as that is known."""
    return any(_excludes(a, b) for a, b in ((one, other), (other, one)))


def _excludes(one: PathMatch, other: PathMatch) -> bool:
    match one, other:
        case Exact(text=text), Exact(text=beside):
            return text != beside
        case Exact(text=text), Prefix(text=beside) | Segments(text=beside):
            return not text.startswith(beside)
        case Exact(text=text), Regex(pattern=pattern):
            return re2.fullmatch(pattern, text) is None
        case Prefix(text=text) | Segments(text=text), Prefix(text=beside) | Segments(text=beside):
            return _part(text, beside)
        case Prefix(text=text) | Segments(text=text), Regex(pattern=pattern):
            return _part(text, beginning(pattern))
        case Regex(pattern=pattern), Regex(pattern=beside):
            return _part(beginning(pattern), beginning(beside))
    return False


def _part(one: str, other: str) -> bool:
    """Whether no text begins with both."""
    return not one.startswith(other) and not other.startswith(one)


def boundaries(path: PathMatch) -> Iterator[str]:
    """Paths at the edges of a condition: some that meet it, some that just do not."""
    match path:
        case Exact(text=text) | Prefix(text=text) | Segments(text=text):
            yield from (text, f"{text}/", f"{text}x", f"{text}/x", f"{text}//x", text[:-1] or "/")
            yield from (text.upper(), f"{text}?a=b")
        case Regex(pattern=pattern):
            text = beginning(pattern)
            yield from (text, f"{text}/", f"{text}x", f"{text}1/x")
