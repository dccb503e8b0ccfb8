"""Rules that no request can reach at a gateway, because earlier VirtualServices match all that they
ask for.

VirtualServices for one host merge at a gateway: one after another, and catch-all routes go last.
Only what holds for every proxy is reported: where the order depends on the proxy's namespace, where
a server admits one of them and not the other, and what depends on the port or on a delegate, is
treated as reachable.
Source: Istio ``pilot/pkg/networking/core/gateway.go`` (``SortVHostRoutes``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from controlplane.base.codes import SHADOWED_RULE
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import overlap
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.virtual_service import VirtualService, VirtualServiceKey
from controlplane.kinds.object import Object
from controlplane.kinds.validation.match_conditions import Match, applies_wherever
from controlplane.kinds.validation.match_coverage import EarlierMatches
from controlplane.kinds.validation.reachability import RELATED, asked_matches
from controlplane.model.visibility import Visibility, visibility
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.routes.virtual_services import bound_at
from controlplane.translate.istio.gateway import server_hosts
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.http_match import route_match
from controlplane.translate.istio.virtual_service import (
    complete_rules,
    virtual_service_gateways,
    virtual_service_hosts,
)

Age = tuple[str, str, Namespace]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One match of a rule, and whether a route comes of it that takes what it asks for."""

    rule: int
    order: int
    match: Match
    catches_all: bool
    delegates: bool
    takes: bool

    @property
    def goes_last(self) -> bool:
        """Whether its route goes after those of other VirtualServices that do not."""
        return self.catches_all and not self.delegates


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of a VirtualService as far as others at its hosts are concerned."""

    key: VirtualServiceKey
    age: Age
    seen: Visibility
    asked: tuple[Asked, ...] = field(repr=False)

    def is_there_with(self, other: "Rules") -> bool:
        """Whether every proxy that sees ``other`` sees this one."""
        return self.seen.is_public or (
            not other.seen.is_public and other.seen.namespaces <= self.seen.namespaces
        )

    def goes_before(self, other: "Rules") -> bool:
        """Whether it does for every proxy that sees ``other``."""
        if not self.is_there_with(other):
            return False
        if self.seen.is_public or other.seen.is_public:
            return other.seen.is_public and self.age < other.age
        return all(self._rank(n) < other._rank(n) for n in other.seen.namespaces)

    def _rank(self, client: Namespace) -> tuple[bool, Age]:
        return (self.key.namespace != client, self.age)


@dataclass(frozen=True, slots=True)
class Taker:
    """A match that may take requests from others, and whose it is."""

    rules: Rules
    asked: Asked

    @property
    def place(self) -> FieldRef:
        return FieldRef(self.rules.key) / "spec" / "http" / self.asked.rule


Shadowed = tuple[int, tuple[FieldRef, ...]]
"""The index of an unreachable rule, and the rules that match its requests."""


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The VirtualServices that merge at one host of a Gateway; runs again when one changes."""

    takers: EarlierMatches[Taker]


@derived
def rules_of(graph: Graph, key: VirtualServiceKey) -> Rules | None:
    """Runs again when the object changes; what does not bear on its rules' matches stops here."""
    declared = object_of(graph, key)
    if declared is None:
        return None
    default = mesh_config(graph).default_virtual_service_export_to
    seen = visibility(declared.spec.export_to or default, key.namespace)
    return Rules(key=key, age=declared.age, seen=seen, asked=tuple(_asked(declared)))


def _asked(declared: Object[VirtualService]) -> Iterator[Asked]:
    """In order. Nothing after a match that catches all is considered: no routes come of the
    rest.
    """
    ended, order = False, 0
    for i, rule in enumerate(complete_rules(declared)):
        delegates = rule.delegate is not None
        for match in asked_matches(rule):
            ends = route_match(match.spec).catches_all
            yield Asked(
                rule=i,
                order=order,
                match=match,
                catches_all=ends,
                delegates=delegates,
                takes=not ended and not delegates,
            )
            ended, order = ended or ends, order + 1


@derived
def merged_at(graph: Graph, gateway: str, host: Host) -> Merged:
    """Runs again when a VirtualService comes to the host, leaves it, or changes its matches."""
    found = (rules_of(graph, key) for key in bound_at(graph, (gateway, host)))
    return Merged(_takers(rules for rules in found if rules is not None))


def _takers(merged: Iterable[Rules]) -> EarlierMatches[Taker]:
    takers: EarlierMatches[Taker] = EarlierMatches()
    for rules in merged:
        for asked in rules.asked:
            # Which server's port is used depends on all hosts of a VirtualService.
            if asked.takes and not asked.match.spec.port:
                takers.add(asked.match, Taker(rules, asked))
    return takers


@derived
def shadowed_at(
    graph: Graph, key: VirtualServiceKey, gateway: str, host: Host
) -> tuple[Shadowed, ...]:
    """The rules of a VirtualService that no request reaches at one host of a Gateway.

    Runs again when a VirtualService there changes; stops what does not change this.
    """
    if len(bound_at(graph, (gateway, host))) < 2:
        return ()
    rules, merged = rules_of(graph, key), merged_at(graph, gateway, host)
    if rules is None:
        return ()
    restricted = _is_restricted(graph, gateway, host, key.namespace)
    own = _takers((rules,))
    covers: dict[int, list[tuple[Taker, ...] | None]] = {}
    for asked in rules.asked:
        cover = _cover(merged.takers, own, Taker(rules, asked), restricted=restricted)
        covers.setdefault(asked.rule, []).append(cover)
    return tuple(
        (rule, tuple(dict.fromkeys(t.place for cover in found for t in cover or ())))
        for rule, found in covers.items()
        if all(found)
    )


def _cover(
    merged: EarlierMatches[Taker], own: EarlierMatches[Taker], taken: Taker, *, restricted: bool
) -> tuple[Taker, ...] | None:
    """What matches all requests; also ``None`` where that is its own VirtualService alone, which is
    reported elsewhere. ``own``: those of ``merged`` that are of its VirtualService.
    """
    key = taken.rules.key

    def before(match: Match, taker: Taker) -> bool:
        if taker.rules.key == key:
            return taker.asked.order < taken.asked.order and applies_wherever(
                taken.asked.match, match
            )
        if restricted and taker.rules.key.namespace != key.namespace:
            return False
        return _goes_before(taker, taken) and applies_wherever(taken.asked.match, match)

    found = merged.cover(taken.asked.match, before)
    if found is None or own.cover(taken.asked.match, before) is not None:
        return None
    return tuple(taker for taker in found if taker.rules.key != key)


def _goes_before(taker: Taker, taken: Taker) -> bool:
    """Wherever the second is."""
    if taker.rules.key == taken.rules.key:
        return taker.asked.order < taken.asked.order
    if taken.asked.goes_last and not taker.asked.goes_last:
        return taker.rules.is_there_with(taken.rules)
    if taker.asked.goes_last and not taken.asked.goes_last:
        return False
    return taker.rules.goes_before(taken.rules)


def _is_restricted(graph: Graph, gateway: str, host: Host, namespace: Namespace) -> bool:
    """Whether a server admits ``namespace`` to the host by name, and so perhaps no other."""
    at, _, name = gateway.partition("/")
    found = object_of(graph, ObjectKey(GATEWAY, Namespace(at), name))
    return found is None or any(
        served.namespace == namespace and overlap(served.host, host)
        for server in found.spec.servers
        for served in server_hosts(server, found.namespace)
    )


def check_shadows(report: Report, graph: Graph, declared: Object[VirtualService]) -> None:
    """Report each rule that no request reaches at any host of any Gateway it is for."""
    where = [
        (gateway, host)
        for gateway in virtual_service_gateways(declared)
        if gateway != MESH and _exists(graph, gateway)
        for host in virtual_service_hosts(declared)
    ]
    found = [dict(shadowed_at(graph, declared.key, *place)) for place in where]
    for rule in sorted(set.intersection(*map(set, found)) if found else ()):
        gateway, host = where[0]
        _report_shadowed(report, declared.key, rule, f"{host} at {gateway}", found[0][rule])


def _exists(graph: Graph, gateway: str) -> bool:
    namespace, _, name = gateway.partition("/")
    return object_of(graph, ObjectKey(GATEWAY, Namespace(namespace), name)) is not None


def _report_shadowed(
    report: Report,
    key: VirtualServiceKey,
    rule: int,
    where: str,
    takers: tuple[FieldRef, ...],
) -> None:
    names = list(dict.fromkeys(place.object.display_name for place in takers))
    earlier = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
    come = "come first and match" if names[1:] else "comes first and matches"
    report.add(
        SHADOWED_RULE,
        FieldRef(key) / "spec" / "http" / rule,
        f"this rule is unreachable for {where}: {earlier} {come} every request it would",
        hint="put the rules for one host into one VirtualService, in the order they are meant",
        related=tuple(Related(place=place, message="matches them") for place in takers[:RELATED]),
    )
