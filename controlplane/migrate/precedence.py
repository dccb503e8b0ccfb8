"""Whether Gateway API, which tries the most specific match first, answers as Istio, which tries the
first.

Two matches that change places matter where one request may meet both and they do different things
with it.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule ("Proxy or Load Balancer
routing configuration generated from HTTPRoutes MUST prioritize …"), Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``sortHTTPRoutes``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from controlplane.migrate.matches import AskedMatch, may_both_hold
from controlplane.migrate.paths import is_disjoint
from controlplane.migrate.rules import SpelledMatch
from controlplane.model.http_match import Prefix, Regex

_CATCH_ALL: Final = (Prefix("/"), Regex(".*"))


@dataclass(frozen=True, slots=True)
class Placed:
    """A match, and its place among those that Gateway API ranks alike."""

    match: SpelledMatch
    tie: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Overtaking:
    """``later`` of Istio's order is tried before ``earlier`` in Gateway API."""

    earlier: SpelledMatch
    later: SpelledMatch


def catches_all(asked: AskedMatch) -> bool:
    """As Istio sees it; where VirtualServices merge, such matches go last."""
    return asked.is_only_path and asked.path in _CATCH_ALL


def overtakings(sources: Sequence[Sequence[Placed]]) -> Iterator[Overtaking]:
    """What is tried too early. ``sources`` are the matches of each VirtualService at one host, in
    the order in which Istio merges them.
    """
    joined = [placed for source in sources for placed in source]
    ordered = sorted(joined, key=lambda placed: catches_all(placed.match.asked))
    for i, earlier in enumerate(ordered):
        rank = _rank(earlier)
        for later in ordered[i + 1 :]:
            if _rank(later) < rank and _matters(earlier.match, later.match):
                yield Overtaking(earlier.match, later.match)


def _rank(placed: Placed) -> tuple[object, ...]:
    match = placed.match
    return (*match.path.rank, *match.asked.rank, *placed.tie)


def _matters(one: SpelledMatch, other: SpelledMatch) -> bool:
    return (
        one.effect != other.effect
        and may_both_hold(one.asked, other.asked)
        and not is_disjoint(one.asked.path, other.asked.path)
    )
