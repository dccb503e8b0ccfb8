"""The EnvoyFilters that are attached to a proxy, and their patches in the order of Istio.

By priority, those of the root namespace first, then by age.
Source: Istio ``pilot/pkg/model/push_context.go`` (``EnvoyFilters``)
"""

from collections.abc import Iterator

from controlplane.base.names import Namespace, key_is_of
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.envoy_filter import ENVOY_FILTER, EnvoyFilter, EnvoyFilterKey
from controlplane.kinds.object import Object
from controlplane.model.patch import Patch, PatchReference, ProxyCondition
from controlplane.model.proxy import Labels, ResolvedProxy, Role
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.istio.envoy_filter import (
    attachment,
    is_met,
    patches as translated,
    patches_for_role,
)
from controlplane.translate.istio.policy_attachment import Attachment, is_attached

_Rank = tuple[int, str, str]
"""Priority, creation, and ``NAME.NAMESPACE``: what decides between those of one namespace."""
Wanted = tuple[tuple[PatchReference, ProxyCondition], ...]
"""Patches in the order in which they are applied, and what each asks of the proxy."""


@index(ENVOY_FILTER)
def envoy_filters_of_namespace(
    declared: Object[EnvoyFilter],
) -> Iterator[tuple[Namespace, tuple[_Rank, Attachment, EnvoyFilterKey]]]:
    """The EnvoyFilters of a namespace with what they are attached by, the first to apply first."""
    rank = (
        declared.spec.priority,
        declared.created,
        f"{declared.name}.{declared.namespace}",
    )
    yield declared.namespace, (rank, attachment(declared.spec), declared.key)


def patches_for(graph: Graph, proxy: ResolvedProxy, metadata: Labels) -> tuple[PatchReference, ...]:
    """The patches that are for a proxy whose node says ``metadata``."""
    wanted = _attached(graph, proxy.namespace, proxy.labels, proxy.role)
    return tuple(reference for reference, condition in wanted if is_met(condition, metadata))


@derived
def _attached(graph: Graph, namespace: Namespace, labels: Labels, role: Role) -> Wanted:
    """Runs again when an EnvoyFilter of the namespace or of the root namespace comes, goes or is
    attached otherwise, or one of those that are attached changes.
    """
    root = Namespace(mesh_config(graph).root_namespace)
    found = [
        (rank[0], of != root, rank, key)
        for of in dict.fromkeys((root, namespace))
        for rank, by, key in envoy_filters_of_namespace(graph, of)
        if is_attached(by, of, namespace, labels)
    ]
    return tuple(
        wanted for *_, key in sorted(found) for wanted in _patches_for_role(graph, key, role)
    )


@derived
def _patches_for_role(graph: Graph, key: EnvoyFilterKey, role: Role) -> Wanted:
    """Runs again when the EnvoyFilter changes; mostly to say the same."""
    declared = object_of(graph, key)
    if declared is None:
        return ()
    return tuple(
        (PatchReference(key, number), condition)
        for number, condition in patches_for_role(declared.spec, role)
    )


@derived
def patches_of(graph: Graph, key: EnvoyFilterKey) -> tuple[Patch | None, ...]:
    """Every patch of an EnvoyFilter at its place. Runs again when it changes."""
    declared = object_of(graph, key)
    return translated(declared) if declared is not None else ()


def patch_of(graph: Graph, reference: PatchReference) -> Patch | None:
    """``None`` where the patch is no longer there, which the view does not know yet."""
    assert key_is_of(reference.object, ENVOY_FILTER), "only EnvoyFilters have patches"
    found = patches_of(graph, reference.object)
    return found[reference.number] if reference.number < len(found) else None
