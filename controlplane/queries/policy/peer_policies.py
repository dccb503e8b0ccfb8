"""Which PeerAuthentications decide what a workload accepts.

One for each level: the mesh (root namespace, no selector), the namespace (no selector), the
workload (by its selector, in its own namespace). Of several on a level the oldest decides, then the
first by name. A selector in the root namespace selects nothing.
Source: Istio ``model/authentication.go``, ``authn/policy_applier.go``; the oracle's
``peerauthentication-levels`` and ``peerauthentication-two``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey, PortNumber, key_is_of
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.peer_authentication import (
    PEER_AUTHENTICATION,
    PeerAuthentication,
    PeerAuthenticationKey,
)
from controlplane.kinds.object import Object
from controlplane.model.endpoint import selects
from controlplane.model.mtls import NO_POLICY, MtlsMode, MtlsPolicy, effective
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


@guarded(first=NO_POLICY)
def mtls_policy(graph: Graph, levels: tuple[ObjectKey, ...]) -> MtlsPolicy:
    """What policies of different levels come to, the widest first.

    Runs again when one of them changes.
    """
    return effective(mtls_level(spec) for _, spec in _specs(graph, levels))


def deciding_field(
    graph: Graph, levels: tuple[ObjectKey, ...], port: PortNumber | None
) -> FieldRef | None:
    """The field that says what a port accepts, or any port that no policy names; ``None`` where
    nothing does and both are accepted.
    """
    for key, spec in reversed(tuple(_specs(graph, levels))):
        level = mtls_level(spec)
        if port is not None and dict(level.ports).get(port) is not None:
            return FieldRef(key, ("spec", "portLevelMtls", str(port), "mode"))
        if level.mode is not None:
            return FieldRef(key, ("spec", "mtls", "mode"))
    return None


@guarded(first=())
def plaintext_policies(graph: Graph, namespace: Namespace) -> tuple[tuple[Labels, MtlsPolicy], ...]:
    """Which workloads of a namespace, by their labels, accept plaintext alone on some port; the
    first that fits decides. Empty where none does.

    Runs again when a PeerAuthentication of the namespace or of the mesh changes; what accepts
    mutual TLS is all the same to callers, so it is mostly equal.
    """
    plain = peer_levels(graph, namespace, ())
    root = Namespace(mesh_config(graph).root_namespace)
    selecting = () if namespace == root else peers_of_namespace(graph, namespace)
    found = [
        (selector, _plaintext(mtls_policy(graph, replace(plain, workload=key).keys)))
        for _, selector, key in selecting
        if selector
    ]
    found.append(((), _plaintext(mtls_policy(graph, plain.keys))))
    return () if all(policy == NO_POLICY for _, policy in found) else tuple(found)


def _plaintext(policy: MtlsPolicy) -> MtlsPolicy:
    """What of a policy callers depend on."""
    mode = _for_callers(policy.mode)
    ports = ((port, _for_callers(own)) for port, own in policy.ports)
    return MtlsPolicy(mode=mode, ports=tuple((port, own) for port, own in ports if own != mode))


def _for_callers(mode: MtlsMode) -> MtlsMode:
    return MtlsMode.PERMISSIVE if mode is MtlsMode.STRICT else mode


def _specs(
    graph: Graph, levels: tuple[ObjectKey, ...]
) -> Iterator[tuple[ObjectKey, PeerAuthentication]]:
    for key in levels:
        assert key_is_of(key, PEER_AUTHENTICATION), "these alone say what a workload accepts"
        declared = object_of(graph, key)
        if declared is not None:
            yield key, declared.spec
