"""The status of a route: its conditions at each parent that is served here.

Services are parents, too: the sidecars of their callers are who serves such a route.
Source: Istio ``pilot/pkg/config/kube/gateway/conversion.go`` (``referenceAllowed``).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.graph import Graph, guarded
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.model.gateway_api import (
    ISTIO_CONTROLLER,
    Condition,
    Conformance,
)
from controlplane.queries.gateway_api.attachment import RouteKey
from controlplane.queries.gateway_api.backends import NOT_PERMITTED, undeclared
from controlplane.queries.gateway_api.classes import NAMES
from controlplane.queries.gateway_api.route_status import (
    NO_PROBLEMS,
    parent_conformance,
    route_problems,
    route_status,
)
from controlplane.queries.inputs.objects import object_of
from controlplane.translate.gateway_api.attachment import (
    NO_MATCHING_PARENT,
    Attachment,
    Refusal,
)
from controlplane.translate.gateway_api.conditions import ACCEPTED, met
from controlplane.translate.gateway_api.mesh_route import mesh_parent
from controlplane.translate.gateway_api.route_conditions import (
    BackendProblem,
    RouteProblems,
    route_conditions,
)
from controlplane.translate.gateway_api.status import RouteParent, RouteStatus

_ROUTED_IN_THE_MESH: Final[tuple[Kind, ...]] = (HTTP_ROUTE, GRPC_ROUTE, TCP_ROUTE, TLS_ROUTE)


@guarded
def route_parents(graph: Graph, key: RouteKey) -> RouteStatus | None:
    """``None`` where there is no such route. Runs again when a condition of it changes."""
    route = object_of(graph, key)
    if route is None:
        return None
    refs = enumerate(route.spec.parent_refs)
    return RouteStatus(parents=tuple(p for i, ref in refs for p in _parent(graph, key, i, ref)))


def _parent(graph: Graph, key: RouteKey, i: int, ref: ParentReference) -> Iterator[RouteParent]:
    conformance, conditions = parent_conformance(graph, key, i), route_status(graph, key, i)
    if conformance is not None and conditions is not None:
        yield RouteParent(ref=ref, controller=NAMES[conformance], conditions=conditions)
    service = mesh_parent(ref, key.namespace)
    if service is not None and key.kind in _ROUTED_IN_THE_MESH:
        conditions = _in_mesh(graph, key, service)
        yield RouteParent(ref=ref, controller=ISTIO_CONTROLLER, conditions=conditions)


@guarded(first=NO_PROBLEMS)
def mesh_problems(graph: Graph, key: RouteKey) -> RouteProblems:
    """What is wrong with a route of the mesh, which needs no grant for its backends."""
    found = route_problems(graph, key, Conformance.ISTIO)
    backends = (_without_grant(graph, key.namespace, each) for each in found.backends)
    return replace(found, backends=tuple(each for each in backends if each is not None))


def _without_grant(
    graph: Graph, owner: Namespace, backend: BackendProblem
) -> BackendProblem | None:
    problem = backend.problem
    if problem.reason != NOT_PERMITTED:
        return backend
    why = undeclared(graph, owner, backend.ref)
    if why is None:
        return None
    problem = replace(problem, reason=why.reason, message=why.message, hint=why.hint)
    problem = replace(problem, withheld=None)
    return replace(backend, problem=problem, lacks_port=why.lacks_port)


def _in_mesh(graph: Graph, key: RouteKey, service: ObjectKey) -> tuple[Condition, ...]:
    problems = mesh_problems(graph, key)
    if object_of(graph, service) is None:
        refusal = Refusal(NO_MATCHING_PARENT, f"{service.display_name} is not declared")
        return route_conditions(Attachment((), refusal), problems, Conformance.ISTIO)
    accepted = met(ACCEPTED, message=f"callers of {service.display_name} are routed by it")
    _, *others = route_conditions(Attachment(()), problems, Conformance.ISTIO)
    return (accepted, *others)
