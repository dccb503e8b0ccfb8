"""Which patches had a part in each resource: they are its nearest origins."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.provenance import Provenance
from controlplane.base.shelf import shard_of
from controlplane.envoy.patches.outline import Outline, outline
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.graph import Graph, derived
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.patches.named_resources import (
    Naming,
    extension_namings,
    named_extension,
    named_resource,
    namings,
)
from controlplane.queries.patches.parts import PatchedPart
from controlplane.queries.patches.patch_secrets import patch_secret_origins
from controlplane.queries.patches.patched_parts import patched_shard, resource_before
from controlplane.queries.patches.patched_views import parts_of

_PATCHED: Final = frozenset({TypeUrl.LISTENER, TypeUrl.CLUSTER, TypeUrl.ROUTE})
Places = tuple[FieldRef, ...]


def patched_origins(
    graph: Graph,
    view: ProxyView,
    type_url: TypeUrl,
    before: tuple[Provenance, ...],
    *,
    is_last: bool,
) -> tuple[Provenance, ...]:
    """The origins of resources, ``before`` those of a slice of what they were without patches. What
    patches add to them, and the resources that they add, are in the last slice.
    """
    if type_url is TypeUrl.SECRET:
        return (*before, *(patch_secret_origins(graph, view) if is_last else ()))
    if type_url is not TypeUrl.EXTENSION and type_url not in _PATCHED:
        return before
    parts = parts_of(view, type_url)
    if type_url is TypeUrl.EXTENSION:
        return (*before, *(_of_additions(graph, view, parts, type_url) if is_last else ()))
    found = [
        patched
        for one in before
        for patched in _patched(graph, parts, type_url, one, is_last=is_last)
    ]
    if is_last:
        found += _of_additions(graph, view, parts, type_url)
    return tuple(found)


def _patched(
    graph: Graph,
    parts: tuple[PatchedPart, ...],
    type_url: TypeUrl,
    one: Provenance,
    *,
    is_last: bool,
) -> Iterator[Provenance]:
    """Nothing for what a patch removes; what a patch renames has the name that it is sent by."""
    for part in parts:
        made = patched_shard(graph, part, type_url, shard_of(one.name)).get(one.name)
        if made is None:
            continue
        if made.resource is not None:
            places = tuple(reference.place for reference in made.applied)
            name = made.resource.name
            if not places:
                yield one
            else:
                adds = type_url is not TypeUrl.ROUTE or is_last
                yield replace(
                    one,
                    name=name,
                    origins=(*places, *one.origins),
                    parts=_parts(outlines(graph, part, type_url, one.name), one, places, adds=adds),
                )
        return


@dataclass(frozen=True, slots=True)
class Outlines:
    """The parts of a resource by name, without patches and with them."""

    before: Outline = ()
    sent: Outline = ()


@derived
def outlines(graph: Graph, part: PatchedPart, type_url: TypeUrl, name: str) -> Outlines:
    """Runs again when the resource changes."""
    found = resource_before(graph, part.part, type_url, name)
    made = patched_shard(graph, part, type_url, shard_of(name)).get(name)
    if found is None or made is None or made.resource is None:
        return Outlines()
    return Outlines(outline(type_url, found), outline(type_url, made.resource))


def _parts(
    outlines: Outlines, one: Provenance, places: Places, *, adds: bool
) -> tuple[Provenance, ...]:
    """The parts of ``one`` that are still sent, in the order in which they are, and those that
    patches made, if they are to be said here.
    """
    if outlines.before == outlines.sent:
        return one.parts
    left: dict[str, list[Provenance]] = {}
    for part in one.parts:
        left.setdefault(part.name, []).append(part)
    there = Counter(name for name, _ in outlines.before)
    found: list[Provenance] = []
    for name, size in outlines.sent:
        there[name] -= 1
        if there[name] >= 0:
            if left.get(name):
                found.append(_part(left[name].pop(0), size, places))
        elif adds:
            found.append(Provenance(name=name, origins=places, parts=_made(size, places)))
    return tuple(found)


def _part(before: Provenance, size: int, places: Places) -> Provenance:
    if len(before.parts) == size:
        return before
    return replace(before, origins=(*places, *before.origins), parts=_made(size, places))


def _made(size: int, places: Places) -> tuple[Provenance, ...]:
    return tuple(Provenance(name="", origins=places) for _ in range(size))


def _of_additions(
    graph: Graph, view: ProxyView, parts: tuple[PatchedPart, ...], type_url: TypeUrl
) -> Iterator[Provenance]:
    if type_url is TypeUrl.EXTENSION:
        for one in extension_namings(graph, view.patches):
            yield from _of_addition(one, type_url, named_extension(graph, view.patches, one))
        return
    for part in parts:
        for one in namings(graph, part, type_url):
            if one.before is None:
                yield from _of_addition(one, type_url, named_resource(graph, part, type_url, one))


def _of_addition(naming: Naming, type_url: TypeUrl, made: Resource | None) -> Iterator[Provenance]:
    if made is not None:
        places = (naming.patch.place,)
        sent = tuple(
            Provenance(name=name, origins=places, parts=_made(size, places))
            for name, size in outline(type_url, made)
        )
        yield Provenance(name=made.name, origins=places, parts=sent)
