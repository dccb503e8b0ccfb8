"""A response without its nonce, shared by all sessions that send the same.

Serialized messages that are put one after the other are one message with the fields of all, so a
response is joined from its head, the framed bytes of its resources and a tail with the nonce.
Source: Protocol Buffers, "Encoding", "Last One Wins".
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import xxhash

from controlplane.envoy.resource import Resource, TypeUrl, resource_of_parts
from controlplane.xds.wire_pb2 import DeltaDiscoveryResponse, DiscoveryResponse, Node

NAME_SIZE: Final = 150  # bytes that a name in a set takes, roughly


class Variant(Enum):
    """The two variants of the protocol."""

    DELTA = auto()
    SOTW = auto()


@dataclass(slots=True, eq=False, kw_only=True)
class Response:
    """The content of one response. Immutable except for its cached serialization.

    ``fresh`` are the names whose form is new to the client: the suspects when it refuses the
    response. In delta these are all; a state of the world repeats what the client has.
    """

    variant: Variant
    type_url: TypeUrl
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()
    fresh: frozenset[str] = frozenset()
    _last: tuple[str, bytes] | None = field(default=None, repr=False)
    _size: int | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Roughly the bytes of the response in memory."""
        if self._size is None:
            resources = sum(resource.size for resource in self.resources)
            self._size = resources + NAME_SIZE * len(self.removed)
        return self._size

    def message(self, nonce: str) -> bytes:
        """The response in bytes; proxies that are alike use the same nonces, so the same bytes."""
        if self._last is None or self._last[0] != nonce:
            self._last = (nonce, self._serialized(nonce))
        return self._last[1]

    def _serialized(self, nonce: str) -> bytes:
        url = self.type_url.value
        if self.variant is Variant.DELTA:
            head = DeltaDiscoveryResponse(type_url=url, removed_resources=self.removed)
            tail = DeltaDiscoveryResponse(nonce=nonce)
            fragments = [piece for resource in self.resources for piece in resource.pieces]
            return b"".join((head.SerializeToString(), *fragments, tail.SerializeToString()))
        last = DiscoveryResponse(nonce=nonce)
        first = DiscoveryResponse(type_url=url, version_info=_version(self.resources))
        fragments = [resource.any for resource in self.resources]
        return b"".join((first.SerializeToString(), *fragments, last.SerializeToString()))


def delta_response(
    type_url: TypeUrl, put: Iterable[Resource], removed: Iterable[str] = ()
) -> Response:
    """A delta response, both parts in the order of the names."""
    resources = tuple(sorted(put, key=_name))
    return Response(
        variant=Variant.DELTA,
        type_url=type_url,
        resources=resources,
        removed=tuple(sorted(removed)),
        fresh=frozenset(resource.name for resource in resources),
    )


def sotw_response(
    type_url: TypeUrl, resources: Iterable[Resource], fresh: frozenset[str]
) -> Response:
    """A state-of-the-world response in the order of the names."""
    return Response(
        variant=Variant.SOTW,
        type_url=type_url,
        resources=tuple(sorted(resources, key=_name)),
        fresh=fresh,
    )


def nothing_named(type_url: TypeUrl, name: str) -> Resource | None:
    """The empty resource that means "there is none", for the two types that have one.

    Envoy would keep a listener warming forever when its routes were answered as removed.
    """
    if type_url not in (TypeUrl.ROUTE, TypeUrl.ENDPOINT):
        return None
    # The name is field 1, a string, in both types, as it is in this message.
    return resource_of_parts(type_url, name, (Node(id=name).SerializeToString(),))


def _name(resource: Resource) -> str:
    return resource.name


def _version(resources: tuple[Resource, ...]) -> str:
    """The version of a state is the hash of its resources': equal across restarts and replicas."""
    return xxhash.xxh3_64_hexdigest("".join(resource.version for resource in resources).encode())
