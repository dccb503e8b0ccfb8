"""What the proxies of one view are to have: one shelf of resources for each type."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from controlplane.base.shelf import Shelf, shard_of, shelf
from controlplane.envoy.resource import Resource, TypeUrl

NOTHING: Final[Shelf[Resource]] = shelf({})


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All resources of the proxies that get the same; equality is identity.

    A cluster that takes its endpoints from EDS has an assignment of its own name in ``ENDPOINT``.
    A shelf that did not change is the same object in the next snapshot: sessions skip it.
    ``for_running`` is what only clients are to have that have a resource of the name already.
    """

    revision: int
    shelves: Mapping[TypeUrl, Shelf[Resource]]
    for_running: Mapping[TypeUrl, tuple[Resource, ...]] = field(default_factory=dict)

    def shelf(self, type_url: TypeUrl, held: Container[str] = ()) -> Shelf[Resource]:
        """What a client is to have that has ``held`` of the type already."""
        found = self.shelves.get(type_url, NOTHING)
        laid: dict[int, dict[str, Resource]] = {}
        for resource in self.for_running.get(type_url, ()):
            if resource.name in held:
                number = shard_of(resource.name)
                laid.setdefault(number, dict(found.shards[number]))[resource.name] = resource
        return found.over(laid)


def snapshot(revision: int, resources: Mapping[TypeUrl, Iterable[Resource]]) -> Snapshot:
    """A snapshot made at once; the engine keeps its shelves and puts them together itself."""
    return Snapshot(
        revision,
        {
            type_url: shelf({resource.name: resource for resource in some})
            for type_url, some in resources.items()
        },
    )
