"""What is wrong with a route, and its conditions at each of its parents.

They come from what traffic is made of: attachments, grants and backends.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, ObjectKey
from controlplane.graph import Graph, guarded
from controlplane.kinds.gateway_api.common import BackendObjectReference, BackendRef
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.tcp_route import TcpRoute
from controlplane.kinds.gateway_api.tls_route import TlsRoute
from controlplane.kinds.gateway_api.udp_route import UdpRoute
from controlplane.kinds.object import Object, is_of
from controlplane.model.gateway_api import Condition, Conformance, Problem
from controlplane.queries.gateway_api.attachment import AnyRoute, RouteKey, attachment, parent_key
from controlplane.queries.gateway_api.backends import NOT_PERMITTED, plain, unresolved
from controlplane.queries.gateway_api.classes import gateway_conformance
from controlplane.queries.gateway_api.listeners import gateway_of
from controlplane.queries.inputs.objects import object_of
from controlplane.translate.gateway_api.backend_ref import kind_of, namespace_of
from controlplane.translate.gateway_api.route_conditions import (
    BackendProblem,
    RouteProblems,
    route_conditions,
)
from controlplane.translate.gateway_api.route_faults import dropped_matches, route_faults
from controlplane.translate.gateway_api.route_rule import RouteRule, route_rules

NO_PROBLEMS: Final = RouteProblems()


@guarded
def route_status(graph: Graph, route: RouteKey, parent: int) -> tuple[Condition, ...] | None:
    """The conditions of a route at one of its parents, sorted by type; ``None`` where that is not
    served here.
    """
    found = attachment(graph, route, parent)
    conformance = parent_conformance(graph, route, parent)
    if found is None or conformance is None:
        return None
    return route_conditions(found, route_problems(graph, route, conformance), conformance)


def parent_conformance(graph: Graph, route: RouteKey, parent: int) -> Conformance | None:
    """Whose answers a parent gives; ``None`` where it is not served here."""
    declared = object_of(graph, route)
    if declared is None or parent >= len(declared.spec.parent_refs):
        return None
    key = parent_key(declared.spec.parent_refs[parent], declared.namespace)
    gateway = gateway_of(graph, key) if key is not None else None
    return gateway_conformance(graph, gateway) if gateway is not None else None


@guarded(first=NO_PROBLEMS)
def route_problems(graph: Graph, route: RouteKey, conformance: Conformance) -> RouteProblems:
    """What is wrong with a route, as a Gateway of one conformance sees it.

    Runs again when the route changes, or what its backendRefs name, or a grant for that.
    """
    declared = object_of(graph, route)
    if declared is None:
        return NO_PROBLEMS
    backends = tuple(
        problem
        for place, ref in backend_references(declared)
        for problem in _of_backend(graph, declared.kind, place, ref)
    )
    if isinstance(declared.spec, TlsRoute | TcpRoute | UdpRoute):
        return RouteProblems(backends=backends)
    assert is_of(declared, HTTP_ROUTE) or is_of(declared, GRPC_ROUTE), "these are all kinds"
    rules = route_rules(declared)
    return RouteProblems(
        faults=route_faults(rules, conformance),
        backends=backends,
        dropped=tuple(each for rule in rules for each in dropped_matches(rule)),
    )


def backend_references(
    route: Object[AnyRoute],
) -> Iterator[tuple[FieldRef, BackendObjectReference]]:
    """All that a route leads to, mirrors and who is asked included, and where it says so."""
    if is_of(route, HTTP_ROUTE) or is_of(route, GRPC_ROUTE):
        for located in route_rules(route):
            yield from _of_rule(located)
        return
    assert isinstance(route.spec, TlsRoute | TcpRoute | UdpRoute), "these are all kinds"
    at = FieldRef(route.key) / "spec" / "rules"
    backends = [rule.backend_refs for rule in route.spec.rules]
    for i, refs in enumerate(backends):
        for k, ref in enumerate(refs):
            yield at / i / "backendRefs" / k, ref


def _of_rule(located: RouteRule) -> Iterator[tuple[FieldRef, BackendObjectReference]]:
    rule, at = located.rule, located.place
    for i, each in enumerate(rule.filters):
        if each.request_mirror is not None:
            place = at / "filters" / i / "requestMirror" / "backendRef"
            yield place, each.request_mirror.backend_ref
        if each.external_auth is not None:
            place = at / "filters" / i / "externalAuth" / "backendRef"
            yield place, each.external_auth.backend_ref
    for i, backend in enumerate(rule.backend_refs):
        yield at / "backendRefs" / i, backend


def _of_backend(
    graph: Graph, kind: Kind, place: FieldRef, ref: BackendObjectReference
) -> Iterator[BackendProblem]:
    named = plain(ref)
    found = unresolved(graph, kind, place.object.namespace, named)
    if found is not None:
        withheld = None
        if found.reason == NOT_PERMITTED:
            namespace = namespace_of(ref, place.object.namespace)
            withheld = ObjectKey(kind_of(ref), namespace, ref.name)
        problem = Problem(
            found.reason, found.message, place / found.field, found.hint, withheld=withheld
        )
        has_weight = not isinstance(ref, BackendRef) or ref.weight > 0
        yield BackendProblem(
            problem, named, found.host, lacks_port=found.lacks_port, has_weight=has_weight
        )
