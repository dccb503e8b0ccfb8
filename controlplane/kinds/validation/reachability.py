"""Rules of a VirtualService that no request can reach, because earlier rules match all that they
ask for.

For ``http`` every possible request is considered: see ``match_coverage``. Of ``tls`` and ``tcp``
only what says the same as one before, or comes after a rule that matches everything. Only warnings:
Istio accepts such rules too.
Source: Istio ``analyzeUnreachableHTTPRules``, which sees a part of these.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from controlplane.base.codes import UNREACHABLE_RULE
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.virtual_service import (
    HttpMatch,
    HttpRoute,
    TcpMatch,
    TcpRoute,
    TlsMatch,
    TlsRoute,
    VirtualService,
)
from controlplane.kinds.validation.match_conditions import (
    Match,
    applies_wherever,
    match_of,
    without,
)
from controlplane.kinds.validation.match_coverage import EarlierMatches

RELATED: Final = 3  # rules named that match the requests


def check_reachability(report: Report, at: FieldRef, spec: VirtualService) -> None:
    if sum(len(rule.match) or 1 for rule in spec.http) > 1:
        check = _check_http if spec.hosts else _check_delegate
        check(report, at / "http", spec.http)
    if len(spec.tls) > 1:
        _check_streams(report, at / "tls", spec.tls)
    if len(spec.tcp) > 1:
        _check_streams(report, at / "tcp", spec.tcp)


def _check_http(report: Report, at: FieldRef, rules: Sequence[HttpRoute]) -> None:
    earlier: EarlierMatches[FieldRef] = EarlierMatches()
    for i, rule in enumerate(rules):
        asked = asked_matches(rule)
        covers: list[tuple[FieldRef, ...] | None] = []
        for n, one in enumerate(asked):
            place = at / i / "match" / n if rule.match else at / i
            covers.append(earlier.cover(one, partial(applies_wherever, one)))
            if rule.delegate is None and covers[-1] is None:
                earlier.add(one, place)
        _report_covers(report, at / i, covers)


def _check_delegate(report: Report, at: FieldRef, rules: Sequence[HttpRoute]) -> None:
    """Rules that others delegate to: one that contradicts every rule that delegates to it is left
    out whole, so another hides nothing unless it asks for the same, or for nothing.
    """
    earlier: dict[bytes, FieldRef] = {}
    catch_all: tuple[FieldRef, ...] = ()
    for i, rule in enumerate(rules):
        covers: list[tuple[FieldRef, ...] | None] = []
        for match in rule.match or (HttpMatch(),):
            text = msgspec.json.encode(without(match, lambda field: field.is_a_name))
            same = (earlier[text],) if text in earlier else ()
            # These two of its own replace those of the rule that delegates.
            narrows = not match.without_headers and not match.gateways
            covers.append(same or (catch_all if narrows else ()) or None)
            if len(rule.match) == 1:
                earlier.setdefault(text, at / i)
        _report_covers(report, at / i, covers)
        if not rule.match:
            catch_all = catch_all or (at / i,)


def asked_matches(rule: HttpRoute) -> tuple[Match, ...]:
    """What a rule asks for. A rule that delegates asks for at most this: a delegate's
    conditions win over its own on headers that must be missing, and on who may call.
    """
    matches = rule.match or (HttpMatch(),)
    if rule.delegate is not None:
        matches = tuple(without(match, lambda field: field.gives_way) for match in matches)
    return tuple(match_of(match) for match in matches)


def _report_covers(
    report: Report, at: FieldRef, covers: Sequence[tuple[FieldRef, ...] | None]
) -> None:
    """``covers``: for each match of the rule, which earlier rules match all that it asks for."""
    if all(covers):
        places = [place for cover in covers for place in cover or ()]
        message = "this rule is unreachable: earlier rules match every request it would"
        _report(report, at, message, places)
        return
    for n, cover in enumerate(covers):
        if cover is not None:
            message = "this match is unreachable: earlier ones match every request it would"
            _report(report, at / "match" / n, message, cover)


def _report(report: Report, at: FieldRef, message: str, cover: Sequence[FieldRef]) -> None:
    places = list(dict.fromkeys(cover))[:RELATED]
    related = tuple(Related(place=place, message="matches them") for place in places)
    report.add(UNREACHABLE_RULE, at, message, hint="move it up, or remove it", related=related)


def _check_streams(report: Report, at: FieldRef, rules: Sequence[TlsRoute | TcpRoute]) -> None:
    earlier: dict[bytes, FieldRef] = {}
    catch_all: FieldRef | None = None
    for i, rule in enumerate(rules):
        if catch_all is not None:
            message = "this rule is unreachable: an earlier one matches every connection"
            _report(report, at / i, message, (catch_all,))
            continue
        matches: Sequence[TlsMatch | TcpMatch] = rule.match
        covers: list[tuple[FieldRef, ...] | None] = []
        for n, match in enumerate(matches):
            text = msgspec.json.encode(match)
            covers.append((earlier[text],) if text in earlier else None)
            earlier.setdefault(text, at / i / "match" / n)
        if covers:
            _report_covers(report, at / i, covers)
        else:
            catch_all = at / i
