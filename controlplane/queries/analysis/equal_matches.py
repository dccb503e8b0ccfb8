"""Matches of HTTPRoutes and GRPCRoutes that get no request, because an equal one comes first.

The matches of all routes at a listener and hostname, or of all routes of a namespace for a service,
are ranked together. One that is less specific than another loses some requests; one that is equal
loses all.
Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#httprouterule
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from controlplane.base.codes import ROUTE_MATCH_TAKEN, UNREACHABLE_RULE
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import short_name
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.object import Object, is_of
from controlplane.model.gateway_api import Conformance
from controlplane.model.http_match import RouteMatch
from controlplane.queries.gateway_api.attachment import (
    AnyRoute,
    RequestRoute,
    RequestRouteKey,
    http_routes_of,
    listeners_of_route,
    route_hosts,
)
from controlplane.queries.gateway_api.backends import plain, unresolved
from controlplane.queries.gateway_api.listeners import attached
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.mesh_parents import MeshRouteSet, parent_hosts
from controlplane.queries.routes.http_routes import RouteSet
from controlplane.queries.routes.mesh_routes import served_routes
from controlplane.translate.gateway_api.mesh_route import mesh_parent, parent_port
from controlplane.translate.gateway_api.route_faults import (
    demanded_mirrors,
    route_faults,
    served_matches,
)
from controlplane.translate.gateway_api.route_match import EVERY_REQUEST, MatchRank
from controlplane.translate.gateway_api.route_rule import LocatedMatch, RouteRule, route_rules

_Ranked = tuple[MatchRank, RouteMatch, FieldRef]
Lost = Mapping[FieldRef, FieldRef]
"""The places of matches that get no request, each with that of the equal one that comes first. They
are few, so that an edit of one route mostly looks at no other.
"""


def check_equal_matches(report: Report, graph: Graph, route: Object[AnyRoute]) -> None:
    """Report the matches of a route that an equal one takes every request from, somewhere."""
    if not is_of(route, HTTP_ROUTE) and not is_of(route, GRPC_ROUTE):
        return
    rules = route_rules(route)
    reported: set[tuple[FieldRef, FieldRef]] = set()
    for where, lost in _sets(graph, route):
        for rule in rules if lost else ():
            losing = {m.place: lost[m.place] for m in _matches(rule) if m.place in lost}
            own = {p: by for p, by in losing.items() if by.object == route.key}
            if own and len(own) == len(_matches(rule)):
                _report_own(report, rule, next(iter(own.values())), reported)
            for place, by in losing.items():
                if by.object != route.key and (place, by) not in reported:
                    reported.add((place, by))
                    _report_taken(report, place, by, where)


def _sets(graph: Graph, route: Object[RequestRoute]) -> Iterator[tuple[str, Lost]]:
    """What the matches of a route that is served are ranked with, and of what they are matches."""
    for listener in sorted(listeners_of_route(graph, route.key)):
        at = attached(graph, listener)
        if at is None or not _is_served(graph, route.key, at.conformance):
            continue
        for host in route_hosts(route):
            where = f"at listener {listener.name} of {listener.parent.display_name}"
            of = f"requests for {host} {where}" if host != "*" else f"requests {where}"
            yield of, lost_at_listener(graph, RouteSet(listener, host))
    for ref in route.spec.parent_refs:
        service = mesh_parent(ref, route.namespace)
        for host in parent_hosts(graph, service) if service is not None else ():
            routes = MeshRouteSet(host, route.namespace, parent_port(ref))
            if route.key in served_routes(graph, routes):
                yield f"calls of {short_name(host)}", lost_in_mesh(graph, routes)


@derived
def lost_at_listener(graph: Graph, routes: RouteSet) -> Lost:
    """Runs again when a route of a listener and hostname comes or goes, or its matches change."""
    at = attached(graph, routes.listener)
    if at is None:
        return {}
    keys = http_routes_of(graph, routes.listener, Host(routes.host))
    return _lost(graph, [key for key in keys if _is_served(graph, key, at.conformance)])


@derived
def lost_in_mesh(graph: Graph, routes: MeshRouteSet) -> Lost:
    """Runs again when a route of a namespace for a host comes or goes, or its matches change."""
    return _lost(graph, served_routes(graph, routes))


def _lost(graph: Graph, keys: Iterable[RequestRouteKey]) -> Lost:
    """``keys`` are in the order by which ties of equal matches break."""
    found = [
        (rank, order, i, match, place)
        for order, key in enumerate(keys)
        for i, (rank, match, place) in enumerate(_ranked_matches(graph, key))
    ]
    takers: dict[RouteMatch, FieldRef] = {}
    lost: dict[FieldRef, FieldRef] = {}
    for *_, match, place in sorted(found, key=lambda each: each[:3]):
        by = takers.setdefault(match, place)
        if by != place:
            lost[place] = by
    return lost


@derived
def _ranked_matches(graph: Graph, key: RequestRouteKey) -> tuple[_Ranked, ...]:
    """The matches of a route in their order."""
    declared = object_of(graph, key)
    rules = route_rules(declared) if declared is not None else ()
    return tuple(
        (located.ranked.rank, _normal(located), located.place)
        for rule in rules
        for located in _matches(rule)
    )


@derived
def _is_served(graph: Graph, key: RequestRouteKey, conformance: Conformance) -> bool:
    """Whether nothing of a route takes all of its rules away. Runs again when the route changes, or
    what it mirrors to.
    """
    declared = object_of(graph, key)
    if declared is None:
        return False
    rules = route_rules(declared)
    if conformance is Conformance.ISTIO and route_faults(rules, conformance):
        return False
    mirrors = demanded_mirrors(rules, key.kind, conformance)
    problems = (unresolved(graph, key.kind, key.namespace, plain(ref)) for ref in mirrors)
    return all(problem is None or problem.lacks_port for problem in problems)


def _matches(rule: RouteRule) -> tuple[LocatedMatch, ...]:
    if not rule.matches:
        return (LocatedMatch(EVERY_REQUEST, rule.place),)
    return tuple(served_matches(rule))


def _normal(located: LocatedMatch) -> RouteMatch:
    """The match, in a form in which equal ones are equal: neither the order of its conditions nor
    the case of a header's name matters.
    """
    match = located.ranked.match
    headers = (replace(header, name=header.name.lower()) for header in match.headers)
    return replace(
        match, headers=tuple(sorted(headers, key=repr)), query=tuple(sorted(match.query, key=repr))
    )


def _report_own(
    report: Report, rule: RouteRule, by: FieldRef, reported: set[tuple[FieldRef, FieldRef]]
) -> None:
    if (rule.place, by) in reported:
        return
    reported.add((rule.place, by))
    report.add(
        UNREACHABLE_RULE,
        rule.place,
        "an earlier rule has the same matches, so no request gets to this one",
        hint="remove one of the two, or match something else",
        related=(Related(place=by, message="takes the requests"),),
    )


def _report_taken(report: Report, place: FieldRef, by: FieldRef, where: str) -> None:
    report.add(
        ROUTE_MATCH_TAKEN,
        place,
        f"{by.object.display_name} has the same match and comes first: {where} go to it",
        note="the older route wins; of one age, the first by namespace and name",
        hint="remove one of the two, or match something else",
        related=(Related(place=by, message="comes first"),),
    )
