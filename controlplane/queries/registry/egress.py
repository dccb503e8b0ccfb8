"""Which Sidecar applies to a proxy, and what it says of calls of the workload.

Source: https://istio.io/latest/docs/reference/config/networking/sidecar/, Istio
``pilot/pkg/model/push_context.go`` (``getSidecarScope``).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from controlplane.base.names import Namespace, key_is_of
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.sidecar import SIDECAR, Sidecar, SidecarKey
from controlplane.kinds.object import Object
from controlplane.model.egress import EVERY_PORT, EgressListener, PassOn, UnknownTraffic
from controlplane.model.endpoint import selects
from controlplane.model.outbound_view import OutboundView, SidecarScope
from controlplane.model.proxy import IpFamily, Labels, labels_of
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.istio import sidecar_egress as egress

_LOOPBACK: Final = "127.0.0.1"
_LOOPBACK_6: Final = "::1"


@index(SIDECAR)
def sidecars_of_namespace(declared: Object[Sidecar]) -> Iterator[tuple[Namespace, SidecarKey]]:
    yield declared.namespace, declared.key


@guarded(first=())
def sidecars_in_order(
    graph: Graph, namespace: Namespace
) -> tuple[tuple[SidecarKey, Labels | None, bool], ...]:
    """The Sidecars of a namespace in the order in which they are tried: key, selector, whether the
    proxy's namespace decides what is imported.

    Runs again when one of them comes, goes or changes; mostly to find the same.
    """
    found = [
        declared
        for key in sidecars_of_namespace(graph, namespace)
        if (declared := object_of(graph, key)) is not None
    ]
    found.sort(key=lambda declared: (declared.spec.workload_selector is None, declared.age))
    return tuple(
        (declared.key, _selector(declared.spec), egress.names_own_namespace(declared.spec))
        for declared in found
    )


def sidecar_scope(graph: Graph, namespace: Namespace, labels: Labels) -> SidecarScope | None:
    """The Sidecar that applies: of the proxy's own namespace the first whose selector it has, else
    the first without a selector in the root namespace.
    """
    for key, selector, _ in sidecars_in_order(graph, namespace):
        if selector is None or selects(selector, labels):
            return SidecarScope(key, namespace)
    root = Namespace(mesh_config(graph).root_namespace)
    if root == namespace:
        return None
    for key, selector, names_own_namespace in sidecars_in_order(graph, root):
        if selector is None:
            return SidecarScope(key, namespace if names_own_namespace else root)
    return None


def egress_listeners(graph: Graph, view: OutboundView) -> tuple[EgressListener, ...]:
    """Where sidecars of a view listen for what, with the address of those that have a socket of
    their own. The last may be the one for every port that no other has.
    """
    listeners = listeners_of_scope(graph, view.scope)
    captures = view.interception.captures
    if captures and not any(listener.binds for listener in listeners):
        return listeners
    loopback = _LOOPBACK if IpFamily.IPV4 in (view.families or (IpFamily.IPV4,)) else _LOOPBACK_6
    return tuple(
        replace(listener, binds=True, bind=listener.bind or loopback)
        if listener.binds or not captures
        else listener
        for listener in listeners
    )


@guarded(first=(EVERY_PORT,))
def listeners_of_scope(graph: Graph, scope: SidecarScope | None) -> tuple[EgressListener, ...]:
    """What a Sidecar says of its listeners; runs again when it changes."""
    spec = _sidecar(graph, scope)
    if spec is None or scope is None:
        return (EVERY_PORT,)
    return egress.egress_listeners(spec, scope.namespace)


@guarded(first=PassOn())
def unknown_traffic(graph: Graph, scope: SidecarScope | None) -> UnknownTraffic:
    """What becomes of calls to what is not imported; runs again when the Sidecar or MeshConfig
    changes.
    """
    return egress.unknown_traffic(_sidecar(graph, scope), mesh_config(graph))


def _sidecar(graph: Graph, scope: SidecarScope | None) -> Sidecar | None:
    if scope is None:
        return None
    key = scope.sidecar
    assert key_is_of(key, SIDECAR), "a scope is a Sidecar"
    declared = object_of(graph, key)
    return declared.spec if declared is not None else None


def _selector(spec: Sidecar) -> Labels | None:
    said = spec.workload_selector
    return None if said is None else labels_of(dict(said.labels))
