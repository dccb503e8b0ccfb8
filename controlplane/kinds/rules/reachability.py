"""Rules of a VirtualService that no request can reach, because a rule before them takes all they
ask for.

An earlier match covers a later one when each of its conditions follows from a condition of the
later one.
Only warnings: Istio accepts such rules too.
Source: Istio ``analyzeUnreachableHTTPRules``, which sees a part of these.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Final

import msgspec

from controlplane.base.codes import NEVER_REACHED
from controlplane.base.diagnostics import Related
from controlplane.base.diagnostics import Report
from controlplane.base.places import Place
from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.kinds.istio.virtual_service import HttpRoute
from controlplane.kinds.istio.virtual_service import TcpMatch
from controlplane.kinds.istio.virtual_service import TcpRoute
from controlplane.kinds.istio.virtual_service import TlsMatch
from controlplane.kinds.istio.virtual_service import TlsRoute
from controlplane.kinds.istio.virtual_service import VirtualService

Match = HttpMatch | TlsMatch | TcpMatch
Rule = HttpRoute | TlsRoute | TcpRoute


def check_reachability(report: Report, at: Place, spec: VirtualService) -> None:
    fields: tuple[tuple[str, Sequence[Rule]], ...] = (
        ("http", spec.http),
        ("tls", spec.tls),
        ("tcp", spec.tcp),
    )
    for name, rules in fields:
        if sum(len(rule.match) or 1 for rule in rules) > 1:
            _check_rules(report, at / name, rules)


def _check_rules(report: Report, at: Place, rules: Sequence[Rule]) -> None:
    earlier = _Earlier()
    catch_all: Place | None = None
    for i, rule in enumerate(rules):
        place = at / i
        if catch_all is not None:
            message = "no request gets to this rule: one before it takes all"
            _report(report, place, message, catch_all)
            continue
        covered: list[tuple[Place, Place]] = []
        matches: Sequence[Match] = rule.match
        for n, match in enumerate(matches):
            cover = earlier.cover(match)
            if cover is None:
                earlier.add(match, place / "match" / n)
            else:
                covered.append((place / "match" / n, cover))
        if covered and len(covered) == len(rule.match):
            message = "no request gets to this rule: rules before it take all that it matches"
            _report(report, place, message, covered[0][1])
        else:
            for where, cover in covered:
                message = "no request gets to this match: one before it takes all of these"
                _report(report, where, message, cover)
        if not rule.match or earlier.takes_all:
            catch_all = place


def _report(report: Report, at: Place, message: str, cover: Place) -> None:
    related = Related(place=cover, message="takes them")
    report.add(NEVER_REACHED, at, message, hint="move it up, or remove it", related=(related,))


@dataclass(slots=True)
class _Earlier:
    """The matches so far, found by what they say of the path."""

    same: dict[bytes, Place] = field(default_factory=dict)
    by_path: dict[tuple[bool, str | None], list[tuple[HttpMatch, Place]]] = field(
        default_factory=dict
    )
    takes_all: bool = False

    def add(self, match: Match, place: Place) -> None:
        self.same[_text(match)] = place
        if isinstance(match, HttpMatch):
            self.takes_all = self.takes_all or _text(match) in _EVERYTHING
            if match.uri is None or match.uri.prefix is not None:
                prefix = None if match.uri is None else match.uri.prefix
                key = (match.ignore_uri_case, _folded(match, prefix))
                self.by_path.setdefault(key, []).append((match, place))

    def cover(self, match: Match) -> Place | None:
        """The place of an earlier match that takes all that ``match`` asks for."""
        if _text(match) in self.same:
            return self.same[_text(match)]
        if isinstance(match, HttpMatch):
            for key in _paths(match):
                for candidate, place in self.by_path.get(key, ()):
                    if _covers(candidate, match):
                        return place
        return None


def _paths(match: HttpMatch) -> Iterator[tuple[bool, str | None]]:
    """Where matches are filed whose path condition follows from that of ``match``."""
    yield (match.ignore_uri_case, None)
    yield (not match.ignore_uri_case, None)
    path = None if match.uri is None else match.uri.exact or match.uri.prefix
    if path is not None:
        folded = _folded(match, path) or ""
        for end in range(len(folded) + 1):
            yield (match.ignore_uri_case, folded[:end])


def _folded(match: HttpMatch, path: str | None) -> str | None:
    return path.lower() if path is not None and match.ignore_uri_case else path


def _covers(earlier: HttpMatch, later: HttpMatch) -> bool:
    """Whether the conditions of ``earlier`` beside the path follow from those of ``later``."""
    return (
        all(
            wide is None or (narrow is not None and _implies(narrow, wide))
            for wide, narrow in (
                (earlier.scheme, later.scheme),
                (earlier.method, later.method),
                (earlier.authority, later.authority),
            )
        )
        and _all_implied(earlier.headers, later.headers)
        and _all_implied(earlier.query_params, later.query_params)
        and all(
            name in later.without_headers and later.without_headers[name] == unwanted
            for name, unwanted in earlier.without_headers.items()
        )
        and earlier.port in (0, later.port)
        and earlier.gateways == later.gateways
        and earlier.source_labels.items() <= later.source_labels.items()
        and earlier.source_namespace in ("", later.source_namespace)
    )


def _all_implied(wide: Mapping[str, StringMatch], narrow: Mapping[str, StringMatch]) -> bool:
    return all(name in narrow and _implies(narrow[name], wide[name]) for name in wide)


def _implies(narrow: StringMatch, wide: StringMatch) -> bool:
    if narrow == wide or wide == StringMatch() or wide.regex in ("*", ".*"):
        return True
    text = narrow.exact if narrow.exact is not None else narrow.prefix
    return wide.prefix is not None and text is not None and text.startswith(wide.prefix)


def _text(match: Match) -> bytes:
    """What a match asks for, without its name."""
    if isinstance(match, HttpMatch) and (match.name or match.stat_prefix):
        match = msgspec.structs.replace(match, name="", stat_prefix="")
    return msgspec.json.encode(match)


_EVERYTHING: Final = frozenset(
    _text(HttpMatch(uri=uri))
    for uri in (None, StringMatch(prefix=""), StringMatch(prefix="/"), StringMatch(regex=".*"))
)
