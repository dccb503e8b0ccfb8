"""Which patches do something to a proxy that their EnvoyFilters are attached to."""

from typing import Final

from controlplane.envoy.patches.patched import adds, is_of
from controlplane.envoy.resource import TypeUrl
from controlplane.graph import Graph
from controlplane.model.patch import Operation, Patch, PatchReference
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.patches.named_resources import (
    extension_namings,
    named_extension,
    named_resource,
    namings,
)
from controlplane.queries.patches.parts import PatchedPart
from controlplane.queries.patches.patched_parts import occupied_shards, patched_shard
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
        _is_applied_to(graph, part, type_url, patch)
        for type_url in _TYPES
        for part in parts_of(view, type_url)
    )


def _is_applied_to(graph: Graph, part: PatchedPart, type_url: TypeUrl, patch: Patch) -> bool:
    if patch.operation is Operation.ADD and adds(patch, type_url):
        return any(
            named_resource(graph, part, type_url, one) is not None
            for one in namings(graph, part, type_url)
            if one.patch == patch.reference
        )
    return is_of(patch, type_url, part.context) and any(
        patch.reference in each.applied
        for shard in occupied_shards(graph, part.part, type_url)
        for each in patched_shard(graph, part, type_url, shard).values()
    )
