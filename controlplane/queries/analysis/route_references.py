"""What the parents and backends of routes that lead nowhere were most likely meant to be.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#parentreference
"""

from collections.abc import Iterator
from typing import Any

from controlplane.base.codes import BACKEND_UNRESOLVED, PARENT_UNKNOWN
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Kind, ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.object import Object
from controlplane.queries.analysis.destinations import services_by_name
from controlplane.queries.analysis.near_names import (
    near_object,
    report_refused,
    report_refused_host,
    service_of_host,
)
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.gateway_api.route_conditions import BackendProblem


@index(KUBERNETES_GATEWAY, LISTENER_SET)
def parents_by_name(declared: Object[Any]) -> Iterator[tuple[tuple[Kind, str], ObjectKey]]:
    yield (declared.kind, declared.name), declared.key


def report_unknown_parent(report: Report, graph: Graph, at: FieldRef, key: ObjectKey) -> None:
    """Say that a parent is not declared, or is refused."""
    if not report_refused(report, PARENT_UNKNOWN, at, graph, key):
        message = f"{key.display_name} is not declared, so the route attaches to nothing there"
        report.add(PARENT_UNKNOWN, at, message, hint=_meant_parent(graph, key))


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


def _meant_parent(graph: Graph, key: ObjectKey) -> str:
    elsewhere = parents_by_name(graph, (key.kind, key.name))
    if elsewhere:
        return f"add namespace: {elsewhere[0].namespace}, where one is declared"
    if key.kind == KUBERNETES_GATEWAY:
        istio = ObjectKey(GATEWAY, key.namespace, key.name)
        if object_of(graph, istio) is not None:
            return (
                f"Gateway {key.namespace}/{key.name} is Istio's, to which VirtualServices are "
                "bound: declare one of gateway.networking.k8s.io, or let migrate write it"
            )
    near = near_object(graph, key.kind, key.namespace, key.name)
    return f"write {near.name}" if near is not None else f"declare {key.display_name}"


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
