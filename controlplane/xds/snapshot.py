"""What the proxies of one view are to have: one shelf of resources for each type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.resource import Resource, TypeUrl

NOTHING: Final[Shelf[Resource]] = shelf({})


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All resources of the proxies that get the same; equality is identity.

    A cluster that takes its endpoints from EDS has an assignment of its own name in ``ENDPOINT``.
    A shelf that did not change is the same object in the next snapshot: sessions skip it.
    """

    revision: int
    shelves: Mapping[TypeUrl, Shelf[Resource]]

    def shelf(self, type_url: TypeUrl) -> Shelf[Resource]:
        return self.shelves.get(type_url, NOTHING)


def snapshot(revision: int, resources: Mapping[TypeUrl, Iterable[Resource]]) -> Snapshot:
    """A snapshot made at once; the engine keeps its shelves and puts them together itself."""
    return Snapshot(
        revision,
        {
            type_url: shelf({resource.name: resource for resource in some})
            for type_url, some in resources.items()
        },
    )
