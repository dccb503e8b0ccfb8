"""HTTP rules of a VirtualService as rules of an HTTPRoute.

A rule is read once (``read_rule``); how its paths are spelled is decided for all rules of its hosts
together, so ``rule_data`` writes it for one spelling.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import NO_COUNTERPART
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.documents.yaml import Data
from controlplane.kinds.istio.virtual_service import (
    Destination,
    HttpRoute,
    HttpRouteDestination,
    MirrorPolicy,
    Percent,
)
from controlplane.migrate.backends import Backend, Grant, backend
from controlplane.migrate.filters import (
    HOSTNAME,
    Filter,
    cors_filter,
    duration_text,
    header_filters,
    mirror_filter,
    retry,
)
from controlplane.migrate.matches import EVERYTHING, AskedMatch, asked_match
from controlplane.migrate.meshes import Declared
from controlplane.migrate.paths import RoutePath
from controlplane.migrate.redirects import (
    ListenerPort,
    full_path,
    redirect_filter,
    replaced_match,
)
from controlplane.translate.istio.located_rules import LocatedRule

_MOST_BACKENDS: Final = 16
_MOST_WEIGHT: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRule:
    """A rule with what it asks for; ``effect`` is what it does in an HTTPRoute, but for a change
    of the path that depends on its match.
    """

    rule: HttpRoute
    place: FieldRef
    matches: tuple[tuple[AskedMatch, FieldRef], ...]
    effect: Mapping[str, Data]
    grants: tuple[Grant, ...] = ()


def read_rule(
    report: Report,
    located: LocatedRule,
    *,
    declared: Declared,
    owner: Namespace,
    ports: tuple[ListenerPort, ...],
) -> ReadRule:
    """The rule, whose hosts are complete, in a route of the namespace ``owner``."""
    rule, at = located.rule, located.origins[0]
    matches = tuple((asked_match(report, o[0], block), o[0]) for block, o in located.matches)
    backends: list[Backend] = []
    effect: dict[str, Data] = {}
    if rule.fault is not None:
        report.add(
            NO_COUNTERPART,
            at / "fault",
            "Gateway API does not inject faults",
            hint="inject them by an EnvoyFilter, or keep the VirtualService",
        )
    if rule.direct_response is not None and rule.redirect is None:
        report.add(NO_COUNTERPART, at / "directResponse", "Gateway API answers no request itself")
    filters = list(_filters(report, at, rule, backends, declared=declared, owner=owner))
    if rule.redirect is None:
        refs = list(_backend_refs(report, at, rule, backends, declared=declared, owner=owner))
        effect["backendRefs"] = refs
        effect.update(_times(report, at, rule))
    else:
        path = rule.redirect.uri
        change = full_path(report, at / "redirect" / "uri", path) if path else None
        filters.append(redirect_filter(report, at / "redirect", rule.redirect, ports, change))
    if filters:
        effect = {"filters": list[Data](filters), **effect}
    return ReadRule(
        rule=rule,
        place=at,
        matches=matches or ((EVERYTHING, at),),
        effect=effect,
        grants=tuple(found.grant for found in backends if found.grant is not None),
    )


def _filters(
    report: Report,
    at: FieldRef,
    rule: HttpRoute,
    backends: list[Backend],
    *,
    declared: Declared,
    owner: Namespace,
) -> Iterator[Filter]:
    yield from header_filters(report, at / "headers", rule.headers)
    rewrite = rule.rewrite
    if rewrite is not None and rewrite.uri_regex_rewrite is not None:
        report.add(
            NO_COUNTERPART,
            at / "rewrite" / "uriRegexRewrite",
            "Gateway API rewrites no paths by a regular expression",
        )
    if rewrite is not None and rewrite.authority and HOSTNAME.fullmatch(rewrite.authority) is None:
        place = at / "rewrite" / "authority"
        report.add(
            NO_COUNTERPART, place, f'Gateway API takes no "{rewrite.authority}" as a hostname'
        )
    for place, policy in _mirrors(at, rule):
        where = policy.destination or Destination()
        found = backend(report, place, where, declared=declared, owner=owner)
        copied = mirror_filter(policy, found.ref) if found is not None else None
        if found is not None and copied is not None:
            backends.append(found)
            yield copied
    if rule.cors_policy is not None:
        yield cors_filter(report, at / "corsPolicy", rule.cors_policy)


def _mirrors(at: FieldRef, rule: HttpRoute) -> Iterator[tuple[FieldRef, MirrorPolicy]]:
    if rule.mirror is not None:
        share = rule.mirror_percentage
        if share is None and rule.mirror_percent is not None:
            share = Percent(value=rule.mirror_percent)
        yield at / "mirror", MirrorPolicy(destination=rule.mirror, percentage=share)
    for i, policy in enumerate(rule.mirrors):
        yield at / "mirrors" / i / "destination", policy


def _backend_refs(
    report: Report,
    at: FieldRef,
    rule: HttpRoute,
    backends: list[Backend],
    *,
    declared: Declared,
    owner: Namespace,
) -> Iterator[Data]:
    several = len(rule.route) > 1
    if len(rule.route) > _MOST_BACKENDS:
        report.add(
            NO_COUNTERPART,
            at / "route",
            f"a rule of an HTTPRoute has at most {_MOST_BACKENDS} backends",
        )
    if several and not sum(share.weight for share in rule.route):
        report.add(NO_COUNTERPART, at / "route", "all weights are 0, which Gateway API answers 500")
    for i, share in enumerate(rule.route):
        place = at / "route" / i
        where = share.destination or Destination()
        found = backend(report, place / "destination", where, declared=declared, owner=owner)
        changes = list[Data](header_filters(report, place / "headers", share.headers))
        if share.weight > _MOST_WEIGHT:
            report.add(
                NO_COUNTERPART, place / "weight", f"Gateway API weighs up to {_MOST_WEIGHT:,}"
            )
        if found is not None:
            backends.append(found)
            yield _backend_ref(found.ref, share, changes, several=several)


def _backend_ref(
    ref: Mapping[str, Data], share: HttpRouteDestination, changes: list[Data], *, several: bool
) -> Data:
    data = dict(ref)
    if several:
        data["weight"] = share.weight
    if changes:
        data["filters"] = changes
    return data


def _times(report: Report, at: FieldRef, rule: HttpRoute) -> Iterator[tuple[str, Data]]:
    timeouts: dict[str, Data] = {}
    if rule.timeout is not None:
        timeouts["request"] = duration_text(report, at / "timeout", rule.timeout)
    retries = rule.retries
    if retries is not None and retries.per_try_timeout:
        place = at / "retries" / "perTryTimeout"
        timeouts["backendRequest"] = duration_text(report, place, retries.per_try_timeout)
        whole = rule.timeout
        if whole and retries.per_try_timeout.nanoseconds > whole.nanoseconds:
            report.add(
                NO_COUNTERPART, place, "Gateway API takes no perTryTimeout longer than the timeout"
            )
    if timeouts:
        yield "timeouts", timeouts
    if retries is not None:
        yield "retry", retry(report, at / "retries", retries)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpelledMatch:
    """One match of a rule as an HTTPRoute has it, and what that does with a request."""

    asked: AskedMatch
    path: RoutePath
    effect: Mapping[str, Data]
    place: FieldRef


def spelled_match(
    report: Report, read: ReadRule, asked: AskedMatch, place: FieldRef, path: RoutePath
) -> SpelledMatch:
    change = _path_change(report, read, asked, path)
    return SpelledMatch(asked=asked, path=path, effect=_effect(read, change), place=place)


def _path_change(
    report: Report, read: ReadRule, asked: AskedMatch, path: RoutePath
) -> dict[str, Data] | None:
    rewrite, redirect = read.rule.rewrite, read.rule.redirect
    if redirect is not None:
        if not redirect.prefix_rewrite:
            return None
        place = read.place / "redirect" / "prefixRewrite"
        return replaced_match(report, place, redirect.prefix_rewrite, asked.path, path)
    if rewrite is None or not rewrite.uri:
        return None
    return replaced_match(report, read.place / "rewrite" / "uri", rewrite.uri, asked.path, path)


def _effect(read: ReadRule, change: dict[str, Data] | None) -> dict[str, Data]:
    """What the rule does, with the change of the path that its matches ask for."""
    rewrite = read.rule.rewrite
    host = rewrite.authority if rewrite is not None and read.rule.redirect is None else ""
    if change is None and not host:
        return dict(read.effect)
    filters = list(_entries(read.effect.get("filters")))
    if read.rule.redirect is not None:
        filters = [_with_path(one, change) for one in filters]
    else:
        parts: dict[str, Data] = {"hostname": host} if host else {}
        if change is not None:
            parts["path"] = change
        filters.append({"type": "URLRewrite", "urlRewrite": parts})
    return (
        {**read.effect, "filters": filters}
        if "filters" in read.effect
        else ({"filters": filters, **read.effect})
    )


def _entries(data: Data) -> list[Data]:
    return list(data) if isinstance(data, list) else []


def _with_path(one: Data, change: dict[str, Data] | None) -> Data:
    match one:
        case {"type": "RequestRedirect", "requestRedirect": Mapping() as redirect}:
            return {"type": "RequestRedirect", "requestRedirect": {**redirect, "path": change}}
    return one
