"""What is wrong with routes of the Gateway API: what makes a condition of theirs False, at the line
of the field at fault.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#routeconditiontype
"""

import re
from collections.abc import Collection
from typing import Final

from controlplane.base.codes import (
    BACKEND_NOT_PERMITTED,
    MATCH_DROPPED,
    MATCH_IS_TEXT,
    NO_EFFECT,
    NOT_SUPPORTED_YET,
    ROUTE_NOT_ATTACHED,
    RULE_NOT_SERVED,
)
from controlplane.base.diagnostics import Code, Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE, PathMatchType
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE
from controlplane.kinds.object import Object, is_of
from controlplane.model.gateway_api import Conformance, Problem
from controlplane.queries.analysis.equal_matches import check_equal_matches
from controlplane.queries.analysis.grant_hints import hint_of
from controlplane.queries.analysis.mesh_route_parents import (
    check_mesh_hostnames,
    check_mesh_parent,
)
from controlplane.queries.analysis.mesh_stream_parents import check_stream_parent
from controlplane.queries.analysis.route_references import (
    check_transport,
    report_foreign_parent,
    report_unknown_parent,
    report_unresolved,
    report_without_parent,
)
from controlplane.queries.gateway_api.attachment import (
    AnyRoute,
    RouteKey,
    attachment,
    parent_key,
)
from controlplane.queries.gateway_api.backends import NOT_PERMITTED
from controlplane.queries.gateway_api.listeners import parent_listeners
from controlplane.queries.gateway_api.route_parents import mesh_problems
from controlplane.queries.gateway_api.route_status import parent_conformance, route_problems
from controlplane.queries.inputs.objects import object_of
from controlplane.translate.gateway_api.attachment import (
    NO_MATCHING_HOSTNAME,
    NOT_ALLOWED,
    Refusal,
)
from controlplane.translate.gateway_api.entries import ROUTE_KINDS
from controlplane.translate.gateway_api.mesh_route import mesh_parent
from controlplane.translate.gateway_api.route_conditions import RouteProblems
from controlplane.translate.gateway_api.route_rule import route_rules

_ALL_AWAY: Final = "so no rule of the route is served"
_ONE_AWAY: Final = "so its rule answers 500"


@derived
def kubernetes_route_diagnostics(graph: Graph, key: RouteKey) -> Diagnostics:
    """Runs again when the route, what it attaches to or what it refers to changes."""
    route = object_of(graph, key)
    if route is None:
        return ()
    report = Report()
    for i, ref in enumerate(route.spec.parent_refs):
        _check_parent(graph, report, route, i, ref)
        check_mesh_parent(report, graph, route, i)
        check_stream_parent(report, graph, route, i)
    if not route.spec.parent_refs:  # useDefaultGateways has no effect, which is reported
        report_without_parent(report, FieldRef(key) / "spec")
    check_mesh_hostnames(report, route)
    served = [parent_conformance(graph, key, i) for i in range(len(route.spec.parent_refs))]
    conformances = {each for each in served if each is not None}
    strictest = Conformance.ISTIO if Conformance.ISTIO in conformances else None
    problems = _problems(graph, route, conformances)
    called = not conformances and _is_of_mesh(route)
    lost = _ALL_AWAY if strictest or called else _ONE_AWAY
    for fault in problems.faults:
        _add(report, RULE_NOT_SERVED, fault, f"{fault.message}, {lost}")
    at_fault = {fault.place for fault in problems.faults}
    for backend in problems.backends:
        if backend.problem.place in at_fault:
            continue  # a hostname in place of a name, of which more is said above
        if backend.problem.reason == NOT_PERMITTED:
            problem = backend.problem
            hint = hint_of(graph, problem)
            report.add(BACKEND_NOT_PERMITTED, problem.place, problem.message, hint=hint)
        else:
            report_unresolved(report, graph, backend)
    for dropped in problems.dropped:
        _add(report, MATCH_DROPPED, dropped, f"{dropped.message}, so this match is left out")
    _check_paths(report, route)
    check_equal_matches(report, graph, route)
    check_transport(report, graph, route, problems)
    if strictest is not None:
        _check_sessions(report, route)
    return tuple(report)


def _problems(
    graph: Graph, route: Object[AnyRoute], conformances: Collection[Conformance]
) -> RouteProblems:
    """What is wrong for those who serve the route: Gateways of these conformances, or else callers
    in the mesh.
    """
    if _is_of_mesh(route) and not conformances:
        return mesh_problems(graph, route.key)
    strict = Conformance.ISTIO not in conformances
    return route_problems(
        graph, route.key, Conformance.SPECIFICATION if strict else Conformance.ISTIO
    )


def _is_of_mesh(route: Object[AnyRoute]) -> bool:
    return any(mesh_parent(ref, route.namespace) for ref in route.spec.parent_refs)


def _check_paths(report: Report, route: Object[AnyRoute]) -> None:
    """A * is no wildcard in a path, as it is in those of many an Ingress."""
    if not is_of(route, HTTP_ROUTE):
        return
    at = FieldRef(route.key) / "spec" / "rules"
    for i, rule in enumerate(route.spec.rules):
        for k, match in enumerate(rule.matches):
            path = match.path
            if "*" in path.value and path.type is not PathMatchType.REGULAR_EXPRESSION:
                message = (
                    '"*" is compared as it is: only paths with a star in that place match '
                    f'"{path.value}"'
                )
                place = at / i / "matches" / k / "path" / "value"
                report.add(MATCH_IS_TEXT, place, message, hint=_without_star(path.value))


def _without_star(path: str) -> str:
    """What to write that matches as the path with a wildcard was meant to."""
    begin = path.removesuffix("*").rstrip("/")
    if "*" not in begin:
        return f"write type: PathPrefix, value: {begin or '/'}"
    expression = re.escape(path).replace(r"\*", "[^/]+")
    return f"write type: RegularExpression, value: '{expression}'"


def _check_sessions(report: Report, route: Object[AnyRoute]) -> None:
    """Gateways that answer as Istio's keep no sessions."""
    if not is_of(route, HTTP_ROUTE) and not is_of(route, GRPC_ROUTE):
        return
    for rule in route_rules(route):
        if rule.rule.session_persistence is not None:
            report.add(
                NO_EFFECT,
                (rule.place / "sessionPersistence").key,
                "sessionPersistence has no effect at Gateways of class istio, as with Istio",
                hint="let the Gateway have class controlplane",
            )


def _add(report: Report, code: Code, problem: Problem, message: str) -> None:
    report.add(code, problem.place, message, hint=problem.hint)


def _check_parent(
    graph: Graph, report: Report, route: Object[AnyRoute], i: int, ref: ParentReference
) -> None:
    at = FieldRef(route.key) / "spec" / "parentRefs" / i
    in_mesh = mesh_parent(ref, route.namespace)
    if in_mesh is not None and route.kind == UDP_ROUTE:
        message = f"{route.kind.name}s for calls of a {in_mesh.kind.name} are not supported yet"
        report.add(NOT_SUPPORTED_YET, at / "kind", f"{message}, so this one has no effect there")
        return
    key = parent_key(ref, route.namespace) or in_mesh
    if key is None:
        report_foreign_parent(report, at, ref)
        return
    if object_of(graph, key) is None:
        report_unknown_parent(report, graph, at / "name", key)
        return
    found = attachment(graph, route.key, i)
    if found is None or found.refusal is None:
        return
    report.add(
        ROUTE_NOT_ATTACHED,
        _place(at, ref, found.refusal, route),
        f"the route does not attach to {key.display_name}: {found.refusal.message}",
        hint=_hint(graph, key, route.kind, ref, found.refusal),
    )


def _place(
    at: FieldRef, ref: ParentReference, refusal: Refusal, route: Object[AnyRoute]
) -> FieldRef:
    if refusal.reason == NO_MATCHING_HOSTNAME:
        return FieldRef(route.key) / "spec" / "hostnames"
    if ref.section_name:
        return at / "sectionName"
    return at / "port" if ref.port is not None else at / "name"


def _hint(
    graph: Graph, key: ObjectKey, kind: Kind, ref: ParentReference, refusal: Refusal
) -> str | None:
    listeners = parent_listeners(graph, key)
    if refusal.reason == NO_MATCHING_HOSTNAME:
        named = ", ".join(dict.fromkeys(each.hostname for each in listeners))
        return f"the listeners' hostnames are {named}"
    if refusal.is_by_namespace:
        return "allow its namespace in allowedRoutes.namespaces of the listener"
    if refusal.reason == NOT_ALLOWED:
        protocols = [name for name, kinds in ROUTE_KINDS.items() if kind in kinds]
        if any(each.protocol in protocols for each in listeners):
            return f"let allowedRoutes.kinds of the listener name {kind.name}"
        return f"attach it to a listener of protocol {' or '.join(protocols)}"
    known = ", ".join(f"{each.id.name} (port {each.port})" for each in listeners)
    if ref.section_name or ref.port is not None:
        return f"its listeners are {known}" if known else None
    return f"correct its listeners: {known}" if known else None
