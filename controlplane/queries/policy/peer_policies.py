"""Which PeerAuthentications decide what a workload accepts.

One for each level: the mesh (root namespace, no selector), the namespace (no selector), the
workload (by its selector, in its own namespace). Of several on a level the oldest decides, then the
first by name. A selector in the root namespace selects nothing.
Source: Istio ``model/authentication.go``, ``authn/policy_applier.go``; the oracle's
``peerauthentication-levels`` and ``peerauthentication-two``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.names import Namespace
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.peer_authentication import (
    PEER_AUTHENTICATION,
    PeerAuthentication,
    PeerAuthenticationKey,
)
from controlplane.kinds.object import Object
from controlplane.model.endpoint import selects
from controlplane.model.mtls import MtlsPolicy, effective
from controlplane.model.proxy import Labels
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.istio.peer_authentication import mtls_level, selected_labels

PeerKeys = tuple[PeerAuthenticationKey, ...]
"""PeerAuthentications; where they are levels, the widest is first."""
_Age = tuple[str, str, Namespace]


@dataclass(frozen=True, slots=True)
class PeerLevels:
    """The policy that decides on each level, where there is one."""

    mesh: PeerAuthenticationKey | None = None
    namespace: PeerAuthenticationKey | None = None
    workload: PeerAuthenticationKey | None = None

    @property
    def keys(self) -> PeerKeys:
        return tuple(key for key in (self.mesh, self.namespace, self.workload) if key is not None)


@index(PEER_AUTHENTICATION)
def peers_of_namespace(
    declared: Object[PeerAuthentication],
) -> Iterator[tuple[Namespace, tuple[_Age, Labels, PeerAuthenticationKey]]]:
    """The policies of a namespace with what they select by, oldest first."""
    yield declared.namespace, (declared.age, selected_labels(declared.spec), declared.key)


def peer_levels(graph: Graph, namespace: Namespace, labels: Labels) -> PeerLevels:
    """The policies that decide for a workload of ``namespace`` with these labels."""
    root = Namespace(mesh_config(graph).root_namespace)
    mesh = _first(graph, root, ())
    if namespace == root:
        return PeerLevels(mesh=mesh)
    of_workload = next(
        (
            key
            for _, selector, key in peers_of_namespace(graph, namespace)
            if selector and selects(selector, labels)
        ),
        None,
    )
    return PeerLevels(mesh=mesh, namespace=_first(graph, namespace, ()), workload=of_workload)


def _first(graph: Graph, namespace: Namespace, selector: Labels) -> PeerAuthenticationKey | None:
    found = peers_of_namespace(graph, namespace)
    return next((key for _, labels, key in found if labels == selector), None)


@derived
def mtls_policy(graph: Graph, levels: PeerKeys) -> MtlsPolicy:
    """What policies of different levels come to, the widest first.

    Runs again when one of them changes.
    """
    declared = (object_of(graph, key) for key in levels)
    return effective(mtls_level(found.spec) for found in declared if found is not None)
