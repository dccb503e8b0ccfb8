"""Which ReferenceGrant lacks what, where a reference to another namespace is not permitted.

Source: https://gateway-api.sigs.k8s.io/api-types/referencegrant/
"""

from collections.abc import Iterator

from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.gateway_api.reference_grant import ReferenceGrant
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Problem
from controlplane.queries.gateway_api.grants import grants_in
from controlplane.queries.inputs.objects import object_of


def hint_of(graph: Graph, problem: Problem) -> str | None:
    """The hint of a problem; of a reference that is not permitted, the grant that it needs."""
    if problem.withheld is None:
        return problem.hint
    return _meant_grant(graph, problem.place.object, problem.withheld)


def _meant_grant(graph: Graph, from_: ObjectKey, to: ObjectKey) -> str:
    """What to write so that ``from_`` may refer to ``to``: into the grant that lacks one of the
    two, or else into a new one.
    """
    referrer = (
        f"from: [{{group: {from_.kind.group}, kind: {from_.kind.name}, "
        f"namespace: {from_.namespace}}}]"
    )
    group = to.kind.group or '""'
    referred = f"to: [{{group: {group}, kind: {to.kind.name}}}]"
    for grant in _grants(graph, to.namespace):
        if _is_from(grant, from_):
            return f"add {referred} to {grant.key.display_name}"
    for grant in _grants(graph, to.namespace):
        if _is_to(grant, to):
            return f"add {referrer} to {grant.key.display_name}"
    for grant in _grants(graph, from_.namespace):
        if _is_from(grant, from_) and _is_to(grant, to):
            return (
                f"move {grant.key.display_name} to namespace {to.namespace}: a grant is in the "
                "namespace of what is referred to"
            )
    return f"declare a ReferenceGrant in namespace {to.namespace} with {referrer}, {referred}"


def _grants(graph: Graph, namespace: Namespace) -> Iterator[Object[ReferenceGrant]]:
    for key in grants_in(graph, namespace):
        grant = object_of(graph, key)
        if grant is not None:
            yield grant


def _is_from(grant: Object[ReferenceGrant], from_: ObjectKey) -> bool:
    wanted = (from_.kind.group, from_.kind.name, from_.namespace)
    return any((of.group, of.kind, of.namespace) == wanted for of in grant.spec.from_)


def _is_to(grant: Object[ReferenceGrant], to: ObjectKey) -> bool:
    kind = (to.kind.group, to.kind.name)
    return any(
        (each.group, each.kind) == kind and each.name in ("", to.name) for each in grant.spec.to
    )
