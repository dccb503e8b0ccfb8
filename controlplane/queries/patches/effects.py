"""Which patches do something to a proxy that their EnvoyFilters are attached to."""

from collections.abc import Collection
from typing import Final

from controlplane.envoy.patches.misses import Miss, first_miss
from controlplane.envoy.patches.patched import adds, is_of
from controlplane.envoy.resource import TypeUrl
from controlplane.graph import Graph, derived
from controlplane.model.patch import Operation, Patch, PatchReference
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.patches.named_resources import (
    extension_namings,
    named_extension,
    named_resource,
    namings,
)
from controlplane.queries.patches.parts import PatchedPart, unpatched
from controlplane.queries.patches.patched_parts import occupied_shards, patched_shard, surroundings
from controlplane.queries.patches.patched_views import parts_of
from controlplane.queries.policy.envoy_filters import patch_of

_TYPES: Final = (TypeUrl.LISTENER, TypeUrl.CLUSTER, TypeUrl.ROUTE)


def idle_patches(graph: Graph, view: ProxyView) -> tuple[PatchReference, ...]:
    """The patches that find nothing in what the proxy is sent, or are refused there."""
    return tuple(each for each in view.patches if not is_applied(graph, view, each))


def is_applied(graph: Graph, view: ProxyView, reference: PatchReference) -> bool:
    """Whether a patch finds something in what the proxy is sent, or adds to it."""
    patch = patch_of(graph, reference)
    if patch is None:
        return False
    if adds(patch, TypeUrl.EXTENSION):
        return any(
            named_extension(graph, view.patches, one) is not None
            for one in extension_namings(graph, view.patches)
            if one.patch == reference
        )
    return any(
        reference in applied_in_part(graph, part, type_url)
        for type_url in _TYPES
        for part in parts_of(view, type_url)
        if is_of(patch, type_url, part.context) or adds(patch, type_url)
    )


@derived
def applied_in_part(
    graph: Graph, part: PatchedPart, type_url: TypeUrl
) -> frozenset[PatchReference]:
    """The patches that find something in a part, or add to it; mostly equal when it runs again."""
    found = (
        each.applied
        for shard in occupied_shards(graph, part.part, type_url)
        for each in patched_shard(graph, part, type_url, shard).values()
    )
    additions = (
        one.patch
        for one in namings(graph, part, type_url)
        if one.before is None and named_resource(graph, part, type_url, one) is not None
    )
    return frozenset(reference for applied in found for reference in applied).union(additions)


def first_miss_at(graph: Graph, view: ProxyView, reference: PatchReference) -> Miss | None:
    """By which field a patch finds nothing at a proxy: of its parts where most of the condition is
    met. ``None`` where all of it is.
    """
    patch = patch_of(graph, reference)
    if patch is None:
        return None
    misses = [
        miss_in_part(graph, part, type_url, patch)
        for type_url in _TYPES
        for part in parts_of(view, type_url)
        if is_of(patch, type_url, part.context)
        and not (patch.operation is Operation.ADD and adds(patch, type_url))
    ]
    return deepest(misses)


@derived
def miss_in_part(graph: Graph, part: PatchedPart, type_url: TypeUrl, patch: Patch) -> Miss | None:
    """Runs again when a resource of the part changes; asked only of patches that find nothing."""
    found = unpatched(graph, part.part, type_url)
    resources = (found[name] for name in sorted(found)) if found is not None else ()
    return first_miss(type_url, patch, resources, lambda name: surroundings(part, name))


def deepest(misses: Collection[Miss | None]) -> Miss | None:
    """The miss with most fields met before it; ``None`` where one is ``None``, or there is none."""
    known = [miss for miss in misses if miss is not None]
    if not known or len(known) < len(misses):
        return None
    return max(known, key=lambda miss: (miss.depth, miss.found))
