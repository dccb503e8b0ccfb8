"""When a route applies: conditions on the path, the headers, the query and a verified token's
claims.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never


@dataclass(frozen=True, slots=True)
class Exact:
    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    text: str


@dataclass(frozen=True, slots=True)
class Regex:
    """RE2, over the whole value."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Present:
    """Anything, as long as it is there."""


TextMatch = Exact | Prefix | Regex
ValueMatch = Exact | Prefix | Regex | Present


@dataclass(frozen=True, slots=True)
class Segments:
    """A prefix of whole path segments: ``/foo`` is one of ``/foo/bar``, not of ``/foobar``."""

    text: str


PathMatch = Exact | Prefix | Regex | Segments


def path_text(path: PathMatch) -> str:
    """How a route's operation spells its path; a prefix ends in a star."""
    match path:
        case Exact(text=text):
            return text
        case Prefix(text=text) | Segments(text=text):
            return f"{text}*"
        case Regex(pattern=pattern):
            return pattern
    assert_never(path)


class Missing(Enum):
    """What a request without the header is to a negated condition."""

    DIFFERS = auto()
    """As Envoy sees it: a condition on a value that is not there does not hold, negated or not."""
    EMPTY = auto()
    """As if the header were there and empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderMatch:
    """``name`` may be a pseudo header (``:method``, ``:authority``, ``:scheme``)."""

    name: str
    value: ValueMatch
    negated: bool = False
    missing: Missing = Missing.DIFFERS


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryMatch:
    name: str
    value: ValueMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMatch:
    """A claim of a verified token, reached by ``path``; a list holds what one of its items is."""

    path: tuple[str, ...]
    value: ValueMatch
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMatch:
    """Everything must hold. ``ignores_case`` is about the path, and not about a regex. ``share``:
    only requests whose random number is below it, of a million.
    """

    path: PathMatch = Prefix("/")
    ignores_case: bool = False
    headers: tuple[HeaderMatch, ...] = ()
    query: tuple[QueryMatch, ...] = ()
    claims: tuple[ClaimMatch, ...] = ()
    share: int | None = None

    @property
    def catches_all(self) -> bool:
        """Whether every request matches as Istio sees it: by prefix ``/`` or regex ``.*`` alone."""
        if self.headers or self.query or self.claims or self.share is not None:
            return False
        return self.path in (Prefix("/"), Segments("/"), Regex(".*"))
