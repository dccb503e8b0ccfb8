"""Whether an object may refer to one of another namespace, whose owner says so by a ReferenceGrant.

Source: https://gateway-api.sigs.k8s.io/api-types/referencegrant/
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.reference_grant import (
    REFERENCE_GRANT,
    ReferenceGrant,
    ReferenceGrantKey,
)
from controlplane.kinds.object import Object
from controlplane.queries.inputs.objects import index

Referrer = tuple[str, str, str]
"""Group and kind of objects, and their namespace."""
Referred = tuple[str, str, str]


@dataclass(frozen=True, slots=True, order=True)
class Granted:
    """Which objects may refer, and to which name; ``""`` for every one."""

    referrer: Referrer
    name: str


@index(REFERENCE_GRANT)
def grants_to(grant: Object[ReferenceGrant]) -> Iterator[tuple[Referred, Granted]]:
    """What is granted to kinds of objects in the grant's namespace."""
    for to in grant.spec.to:
        for of in grant.spec.from_:
            referrer = (of.group, of.kind, of.namespace)
            yield (to.group, to.kind, grant.namespace), Granted(referrer, to.name)


@index(REFERENCE_GRANT)
def grants_in(grant: Object[ReferenceGrant]) -> Iterator[tuple[Namespace, ReferenceGrantKey]]:
    """The grants of a namespace."""
    yield grant.namespace, grant.key


def granted(graph: Graph, from_: ObjectKey, to: ObjectKey) -> bool:
    """Whether ``from_`` may refer to ``to``; within a namespace it always may.

    Ask before looking whether ``to`` exists, so that nobody learns that who may not refer to it.
    """
    if from_.namespace == to.namespace:
        return True
    return _granted_kind(graph, from_.kind, from_.namespace, to)


@derived
def _granted_kind(graph: Graph, kind: Kind, namespace: Namespace, to: ObjectKey) -> bool:
    """Runs again when a grant for the kind of ``to`` in its namespace changes."""
    grants = grants_to(graph, (to.kind.group, to.kind.name, to.namespace))
    referrer = (kind.group, kind.name, namespace)
    return any(grant.referrer == referrer and grant.name in ("", to.name) for grant in grants)
