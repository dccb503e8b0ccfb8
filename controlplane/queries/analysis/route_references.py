"""What the parents and backends of routes that lead nowhere were most likely meant to be.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#parentreference
"""

from collections.abc import Iterator
from typing import Any, Final

from controlplane.base.codes import (
    BACKEND_TRANSPORT,
    BACKEND_UNRESOLVED,
    NO_EFFECT,
    NOT_SUPPORTED_YET,
    PARENT_UNKNOWN,
)
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Kind, ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET, ParentGatewayReference
from controlplane.kinds.gateway_api.near_kind import field_at_fault, kind_hint, near_kind
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.object import Object
from controlplane.kinds.validation.virtual_service import MESH
from controlplane.model.service import Protocol
from controlplane.queries.analysis.destinations import services_by_name
from controlplane.queries.analysis.near_names import (
    near_object,
    report_refused,
    report_refused_host,
    service_of_host,
)
from controlplane.queries.gateway_api.attachment import AnyRoute
from controlplane.queries.gateway_api.route_status import backend_references
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.registry.services import service
from controlplane.translate.gateway_api.backend_ref import backend_host
from controlplane.translate.gateway_api.route_conditions import BackendProblem, RouteProblems

PARENTS: Final = (KUBERNETES_GATEWAY, LISTENER_SET, SERVICE, SERVICE_ENTRY)
"""What routes attach to; ListenerSets to the first alone."""


@index(KUBERNETES_GATEWAY, LISTENER_SET)
def parents_by_name(declared: Object[Any]) -> Iterator[tuple[tuple[Kind, str], ObjectKey]]:
    yield (declared.kind, declared.name), declared.key


def report_unknown_parent(report: Report, graph: Graph, at: FieldRef, key: ObjectKey) -> None:
    """Say that a parent of a route or ListenerSet is not declared, or is refused."""
    if not report_refused(report, PARENT_UNKNOWN, at, graph, key):
        message = f"{key.display_name} is not declared, so {_child(at)} attaches to nothing there"
        report.add(PARENT_UNKNOWN, at, message, hint=_meant_parent(graph, key))


def _child(at: FieldRef) -> str:
    return "the ListenerSet" if at.object.kind == LISTENER_SET else "the route"


def report_foreign_parent(
    report: Report, at: FieldRef, ref: ParentReference | ParentGatewayReference
) -> None:
    """Say that a parentRef is of a kind to which nothing attaches here: a slip, or the business of
    another controller.
    """
    meant = near_kind(ref.kind, PARENTS[: 1 if at.object.kind == LISTENER_SET else None])
    if meant is None:
        message = f"parents of kind {ref.kind} are not supported, so this one has no effect"
        report.add(NOT_SUPPORTED_YET, at / "kind", message)
        return
    place = at / field_at_fault(ref.kind, meant)
    of = f"group {ref.group}" if ref.group else 'group ""'
    message = f'{of} has no kind "{ref.kind}", so {_child(at)} attaches to nothing there'
    report.add(PARENT_UNKNOWN, place, message, hint=kind_hint(ref.group, ref.kind, meant))


def report_without_parent(report: Report, at: FieldRef) -> None:
    """Say that a route names nothing to attach to."""
    message = "the route has no parentRefs, so it attaches to nothing"
    hint = "add parentRefs: [{name: GATEWAY}]"
    report.add(NO_EFFECT, at / "parentRefs", message, hint=hint)


def report_unresolved(report: Report, graph: Graph, backend: BackendProblem) -> None:
    """Say that a backend leads nowhere."""
    problem, host = backend.problem, backend.host
    if problem.hint is None and host is not None:
        if report_refused_host(report, BACKEND_UNRESOLVED, problem.place, graph, host):
            return
        hint = _meant_backend(graph, host)
    else:
        hint = problem.hint
    report.add(BACKEND_UNRESOLVED, problem.place, problem.message, hint=hint)


def check_transport(
    report: Report, graph: Graph, route: Object[AnyRoute], problems: RouteProblems
) -> None:
    """Report backends that are there, whose port is for what the route does not send."""
    sends_datagrams = route.kind == UDP_ROUTE
    unresolved = [each.problem.place for each in problems.backends]
    for place, ref in backend_references(route):
        host = backend_host(ref, route.namespace)
        found = service(graph, host, route.namespace) if host is not None else None
        ports = [p for p in found.ports if p.number == ref.port] if found is not None else []
        takes = {port.protocol is Protocol.UDP for port in ports}
        if not ports or sends_datagrams in takes or any(_is_in(place, at) for at in unresolved):
            continue
        assert found is not None, "it has the port"
        by, what = ("TCP", "datagrams") if sends_datagrams else ("UDP", "connections")
        wanted = "UDP" if sends_datagrams else "TCP"
        declared = found.declared_by[0]
        report.add(
            BACKEND_TRANSPORT,
            place / "port",
            f"port {ref.port} of {declared.display_name} is for {by}, and the {route.kind.name} "
            f"leads {what} to it",
            hint=f"name a port of {wanted}, or let the port have protocol {wanted}",
            related=(Related(place=FieldRef(declared), message="declares the port"),),
        )


def _is_in(place: FieldRef, at: FieldRef) -> bool:
    """Whether ``at`` is a field of ``place``."""
    return at.path[: len(place.path)] == place.path


def _meant_parent(graph: Graph, key: ObjectKey) -> str:
    elsewhere = parents_by_name(graph, (key.kind, key.name))
    if elsewhere:
        return (
            f"add namespace: {elsewhere[0].namespace}, where one is declared, whose listeners must "
            f"allow routes of {key.namespace} (allowedRoutes)"
        )
    other = _of_another_kind(graph, key)
    if other is not None:
        return other
    if key.kind == KUBERNETES_GATEWAY:
        istio = ObjectKey(GATEWAY, key.namespace, key.name)
        if object_of(graph, istio) is not None:
            return (
                f"Gateway {key.namespace}/{key.name} is Istio's, to which VirtualServices are "
                "bound: declare one of gateway.networking.k8s.io, or let migrate write it"
            )
    near = near_object(graph, key.kind, key.namespace, key.name)
    return f"write {near.name}" if near is not None else f"declare {key.display_name}"


def _of_another_kind(graph: Graph, key: ObjectKey) -> str | None:
    """How to name what has the name and another kind, or of which the hostname is named."""
    if key.kind == KUBERNETES_GATEWAY:
        for kind in (LISTENER_SET, SERVICE):
            if object_of(graph, ObjectKey(kind, key.namespace, key.name)) is not None:
                group = "" if kind.group else 'group: "", '
                return f"write {group}kind: {kind.name}"
        if key.name == MESH:
            return 'for calls in the mesh write {group: "", kind: Service, name: SERVICE}'
    short, dot, _ = key.name.partition(".")
    if key.kind == SERVICE and dot:
        return f"write {short}: a parentRef has the name of the Service, not its hostname"
    return None


def _meant_backend(graph: Graph, host: Host) -> str | None:
    key = service_of_host(host)
    if key is None:
        return None
    elsewhere = services_by_name(graph, key.name)
    if elsewhere:
        namespace = elsewhere[0].namespace
        return f"add namespace: {namespace}, where one is declared, and a ReferenceGrant there"
    near = near_object(graph, SERVICE, key.namespace, key.name)
    return f"write {near.name}" if near is not None else f"create {key.display_name}"
