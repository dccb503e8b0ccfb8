"""The resources of a part, each patched in a cell of its own.

Where patches would make Envoy refuse a resource, or an internal error stops them, it is sent with
the patches of before, as long as those work; else without the broken ones, as istiod sends it when
a patch fails. So a listener always has the policies of now. Where patches never worked, it is sent
only to proxies that have one of the name: of what istiod sends then, an Envoy that starts takes
nothing, and one that runs keeps what it has.
"""

from collections.abc import Mapping
from types import MappingProxyType

from controlplane.base.names import PortNumber
from controlplane.base.shelf import shard_of
from controlplane.envoy.patches.patched import (
    Patched,
    Surroundings,
    is_of,
    patched,
    patches_that_work,
)
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.graph import Graph, derived, guarded, guarded_by
from controlplane.model.cluster_name import inbound
from controlplane.model.patch import Patch
from controlplane.queries.patches.parts import (
    GatewayPart,
    InboundPart,
    Part,
    PatchedPart,
    unpatched,
)
from controlplane.queries.policy.envoy_filters import patch_of

NOTHING = MappingProxyType[str, Patched]({})


@derived
def patches_of_type(graph: Graph, part: PatchedPart, type_url: TypeUrl) -> tuple[Patch, ...]:
    """The patches that may change resources of a type, in order."""
    found = (patch_of(graph, reference) for reference in part.patches)
    return tuple(p for p in found if p is not None and is_of(p, type_url, part.context))


@derived
def occupied_shards(graph: Graph, part: Part, type_url: TypeUrl) -> tuple[int, ...]:
    """What calls a workload is in few of the 256; mostly equal when it runs again."""
    found = unpatched(graph, part, type_url)
    return tuple(n for n, of in enumerate(found.shards) if of) if found is not None else ()


@derived
def _shard(graph: Graph, part: Part, type_url: TypeUrl, number: int) -> Mapping[str, Resource]:
    """Separate, so that an edit in one shard patches nothing of another."""
    found = unpatched(graph, part, type_url)
    return found.shards[number] if found is not None else {}


@derived
def patched_shard(
    graph: Graph, part: PatchedPart, type_url: TypeUrl, number: int
) -> Mapping[str, Patched]:
    """The resources of a shard by their names before they are patched."""
    names = _shard(graph, part.part, type_url, number)
    if not names:
        return NOTHING
    return {name: _sent(graph, part, type_url, name) for name in names}


def _sent(graph: Graph, part: PatchedPart, type_url: TypeUrl, name: str) -> Patched:
    """A resource as it is now, with the patches that work: none that is broken keeps it from
    following its policies.
    """
    args = (part, type_url, name)
    found = _with_patches_in_force(graph, *args)
    if found is not None:
        return found
    working = _without_broken_patches(graph, *args)
    if working is not None and _patches_in_force(graph, *args) is None:
        return Patched(None, for_running=working.resource)
    return working or Patched(resource_before(graph, part.part, type_url, name))


def _unknown(*_: object) -> Patched | None:
    return None


@guarded_by(_unknown)
def _with_patches_in_force(
    graph: Graph, part: PatchedPart, type_url: TypeUrl, name: str
) -> Patched | None:
    """``None`` where patches do not work with the resource as it is now."""
    patches = _patches_in_force(graph, part, type_url, name)
    if patches is None:
        return None
    return patched_resource(graph, part, type_url, name, patches)


@guarded
def _patches_in_force(
    graph: Graph, part: PatchedPart, type_url: TypeUrl, name: str
) -> tuple[Patch, ...] | None:
    """The patches of a resource in their last form that worked; ``None`` where none did."""
    patches = patches_of_type(graph, part, type_url)
    patched_resource(graph, part, type_url, name, patches)  # raises where they do not
    return patches


@guarded_by(_unknown)
def _without_broken_patches(
    graph: Graph, part: PatchedPart, type_url: TypeUrl, name: str
) -> Patched | None:
    """With the patches that work beside those before them."""
    found = resource_before(graph, part.part, type_url, name)
    if found is None:
        return None
    around = surroundings(part, name)
    patches = patches_that_work(type_url, found, patches_of_type(graph, part, type_url), around)
    return patched(type_url, found, patches, around)


@derived
def patched_resource(
    graph: Graph, part: PatchedPart, type_url: TypeUrl, name: str, patches: tuple[Patch, ...]
) -> Patched:
    """Runs again when the resource changes; raises ``UsersFault`` where Envoy would refuse it."""
    found = resource_before(graph, part.part, type_url, name)
    if found is None:
        return Patched(None)
    return patched(type_url, found, patches, surroundings(part, name))


def surroundings(part: PatchedPart, name: str) -> Surroundings:
    return Surroundings(
        context=part.context,
        hosts=_hosts(part.part, name),
        service_ports=_service_ports(part.part),
    )


@derived
def resource_before(graph: Graph, part: Part, type_url: TypeUrl, name: str) -> Resource | None:
    """Without patches; runs again when another one is in its shard."""
    return _shard(graph, part, type_url, shard_of(name)).get(name)


def _hosts(part: Part, name: str) -> tuple[str, ...]:
    """The hosts of the services that lead to a port of a workload."""
    if not isinstance(part, InboundPart):
        return ()
    return tuple(port.host for port in part.inbound.ports if inbound(port.number) == name)


def _service_ports(part: Part) -> Mapping[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    pairs: tuple[tuple[PortNumber, PortNumber], ...] = ()
    if isinstance(part, GatewayPart):
        pairs = part.instance.target_ports
    for port, target in pairs:
        found.setdefault(target, set()).add(port)
    return {target: frozenset(ports) for target, ports in found.items()}


@derived
def kept(graph: Graph, part: PatchedPart, type_url: TypeUrl, number: int) -> Mapping[str, Resource]:
    """Those of a shard that are there and have the name that they had."""
    if not patches_of_type(graph, part, type_url):
        return _shard(graph, part.part, type_url, number)
    found = patched_shard(graph, part, type_url, number).items()
    return {
        name: each.resource
        for name, each in found
        if each.resource is not None and each.resource.name == name
    }
