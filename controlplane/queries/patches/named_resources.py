"""The resources that patches give a name: those that they add, and those that had another one.

What has a name already keeps it, and the patch is reported: so istiod does with clusters. Of
listeners it sends both, and Envoy refuses all of them.
Source: Istio ``pilot/pkg/networking/core/cluster_builder.go`` (``normalizeClusters``)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import PATCH_NAME_TAKEN
from controlplane.base.diagnostics import Diagnostic, Related, UsersFault
from controlplane.base.locations import FieldRef
from controlplane.base.shelf import Shelf, shard_of, shelf
from controlplane.envoy.patches.patched import (
    Patched,
    added as encoded_addition,
    adds,
    name_in,
)
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.graph import Graph, derived, guarded, guarded_by
from controlplane.kinds.istio.envoy_filter import ENVOY_FILTER
from controlplane.model.patch import Operation, PatchContext, PatchReference
from controlplane.queries.patches.parts import PatchedPart, unpatched
from controlplane.queries.patches.patched_parts import (
    kept,
    occupied_shards,
    patched_shard,
    patches_of_type,
)
from controlplane.queries.policy.envoy_filters import patch_of

_RESOURCES: Final = {
    TypeUrl.LISTENER: "listener",
    TypeUrl.ROUTE: "route table",
    TypeUrl.CLUSTER: "cluster",
    TypeUrl.EXTENSION: "extension configuration",
}


@dataclass(frozen=True, slots=True)
class Naming:
    """A patch gives a resource its name; ``before`` is the one that it had, ``None`` where the
    patch adds it.
    """

    name: str
    patch: PatchReference
    before: str | None = None

    @property
    def place(self) -> FieldRef:
        return self.patch.place / "value" / "name"


@derived
def patched_shelf(graph: Graph, part: PatchedPart, type_url: TypeUrl) -> Shelf[Resource] | None:
    """``None`` while an internal error keeps the part from being known. Runs again when one of its
    resources comes, goes or changes, or a patch of them does.
    """
    found = unpatched(graph, part.part, type_url)
    if found is None:
        return None
    if patches_of_type(graph, part, type_url):
        found = found.over(
            {s: kept(graph, part, type_url, s) for s in occupied_shards(graph, part.part, type_url)}
        )
    named = (named_resource(graph, part, type_url, one) for one in namings(graph, part, type_url))
    return found.joined(shelf({each.name: each for each in named if each is not None}))


@derived
def extensions(graph: Graph, patches: tuple[PatchReference, ...]) -> Shelf[Resource]:
    """The configurations of extensions that patches add, which filters discover by name."""
    named = (named_extension(graph, patches, one) for one in extension_namings(graph, patches))
    return shelf({each.name: each for each in named if each is not None})


@derived
def namings(graph: Graph, part: PatchedPart, type_url: TypeUrl) -> tuple[Naming, ...]:
    """The first of a name is the one that has it. Runs again when any resource of the part does."""
    return (*_renamed(graph, part, type_url), *_added(graph, part.patches, part.context, type_url))


@derived
def extension_namings(graph: Graph, patches: tuple[PatchReference, ...]) -> tuple[Naming, ...]:
    """As ``namings``, of the configurations of extensions."""
    return tuple(_added(graph, patches, None, TypeUrl.EXTENSION))


@derived
def out_of_place(
    graph: Graph, part: PatchedPart, type_url: TypeUrl
) -> tuple[tuple[str, Patched], ...]:
    """The resources of a part, by the names that they had, that have another one or are for running
    proxies alone. Runs again when any resource of the part changes, to find mostly none.
    """
    if not patches_of_type(graph, part, type_url):
        return ()
    return tuple(
        (name, each)
        for shard in occupied_shards(graph, part.part, type_url)
        for name, each in patched_shard(graph, part, type_url, shard).items()
        if each.for_running or (each.resource is not None and each.resource.name != name)
    )


def _renamed(graph: Graph, part: PatchedPart, type_url: TypeUrl) -> Iterator[Naming]:
    for name, each in out_of_place(graph, part, type_url):
        if each.resource is not None:
            yield Naming(each.resource.name, _renaming(graph, each), name)


def _renaming(graph: Graph, patched: Patched) -> PatchReference:
    """The patch that gave a resource its name."""
    assert patched.resource is not None, "what is removed has no name"
    of_name = (
        reference
        for reference in patched.applied
        if (patch := patch_of(graph, reference)) is not None
        and name_in(patch) == patched.resource.name
    )
    return next(of_name, patched.applied[-1])


def _added(
    graph: Graph,
    patches: tuple[PatchReference, ...],
    context: PatchContext | None,
    type_url: TypeUrl,
) -> Iterator[Naming]:
    """What patches add; without a context in every one."""
    for reference in patches:
        patch = patch_of(graph, reference)
        if (
            patch is not None
            and patch.operation is Operation.ADD
            and adds(patch, type_url)
            and (context is None or patch.adds_to(context))
        ):
            found = addition(graph, reference, type_url)
            if found is not None:
                yield Naming(found.name, reference)


@guarded
def addition(graph: Graph, reference: PatchReference, type_url: TypeUrl) -> Resource | None:
    """What one patch adds; runs again when its EnvoyFilter changes."""
    assert reference.object.kind == ENVOY_FILTER, "only EnvoyFilters have patches"
    patch = patch_of(graph, reference)
    return encoded_addition(type_url, patch) if patch is not None else None


def _not_sent(*_: object) -> Resource | None:
    return None


@guarded_by(_not_sent)
def named_resource(
    graph: Graph, part: PatchedPart, type_url: TypeUrl, naming: Naming
) -> Resource | None:
    """``None`` where its name is taken, which is reported."""
    if naming.name in kept(graph, part, type_url, shard_of(naming.name)):
        raise UsersFault(_taken(naming, type_url))
    _check_first(naming, namings(graph, part, type_url), type_url)
    if naming.before is None:
        return addition(graph, naming.patch, type_url)
    return patched_shard(graph, part, type_url, shard_of(naming.before))[naming.before].resource


@guarded_by(_not_sent)
def named_extension(
    graph: Graph, patches: tuple[PatchReference, ...], naming: Naming
) -> Resource | None:
    """As ``named_resource``, the configuration of an extension."""
    _check_first(naming, extension_namings(graph, patches), TypeUrl.EXTENSION)
    return addition(graph, naming.patch, TypeUrl.EXTENSION)


def _check_first(naming: Naming, namings: tuple[Naming, ...], type_url: TypeUrl) -> None:
    first = next(one for one in namings if one.name == naming.name)
    if first != naming:
        raise UsersFault(_taken(naming, type_url, Related(place=first.place, message="has it")))


def _taken(naming: Naming, type_url: TypeUrl, *by: Related) -> Diagnostic:
    resource = _RESOURCES[type_url]
    does = f"adds the {resource}" if naming.before is None else f"renames a {resource} to"
    said = f'the patch {does} "{naming.name}", and the name is taken, so it is not sent'
    hint = "give it a name of its own, or change what has the name with MERGE"
    return Diagnostic(
        code=PATCH_NAME_TAKEN, place=naming.place, message=said, hint=hint, related=by
    )
