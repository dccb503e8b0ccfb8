"""An Envoy resource as it leaves: name, version, and the bytes of its place in a response.

A message lives only inside the function that encodes it; what is kept is bytes, framed once, so
that a response is a join of them. Source: envoy/service/discovery/v3/discovery.proto
(``Resource``, ``DeltaDiscoveryResponse.resources = 2``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import xxhash
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from controlplane.envoy.rules import violations


class TypeUrl(Enum):
    """The resource types that are served, in the order of one flush: make before break.

    Clusters before their endpoints, both before listeners, listeners before the routes they ask
    for. Source: Envoy's xDS protocol, "Eventual consistency considerations".
    """

    CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    ENDPOINT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
    ROUTE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
    SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
    EXTENSION = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
    GATEWAY_PROXY = "type.googleapis.com/controlplane.v1.GatewayProxy"
    """Not Envoy's: what runners run."""

    # Members are single objects, and Enum's own hash, in Python, is five times as slow.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of one type. Two are equal when their names and versions are.

    ``version`` is a hash of the message's deterministic serialization: equal across restarts and
    replicas. ``pieces`` are the framed ``Resource``, field 2 of a ``DeltaDiscoveryResponse``; those
    between the first and the last hold the message as a framed ``google.protobuf.Any``. They are
    joined when they are sent. ``repr`` does not show them: a secret's bytes hold a private key.
    """

    name: str
    version: str
    pieces: tuple[bytes, ...] = field(repr=False)
    is_empty: bool = field(default=False, repr=False)
    """Whether it is an assignment without endpoints, which answers 503."""
    stand_in: "Resource | None" = field(default=None, repr=False)
    """What a proxy is to have that refuses it and never had another form of it."""

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    @property
    def framed(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def any(self) -> bytes:
        """The framed ``google.protobuf.Any``: field 2 of a ``Resource``, and also of a
        state-of-the-world ``DiscoveryResponse``.
        """
        return b"".join(self.pieces[1:-1])

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Resource) and (self.version, self.name) == (
            other.version,
            other.name,
        )

    def __hash__(self) -> int:
        return hash((self.name, self.version))


class RuleBroken(Exception):
    """A message that Envoy would refuse; an internal error, caught where a resource is
    remembered.
    """


def encoded(message: Message) -> bytes:
    """The deterministic serialization of ``message``, once it is known that Envoy's rules hold.

    Raises ``RuleBroken`` with every rule that does not.
    """
    broken = violations(message)
    if broken:
        raise RuleBroken(f"{message.DESCRIPTOR.full_name}: {'; '.join(broken)}")
    return message.SerializeToString(deterministic=True)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a serialized message, with a hash of it."""

    encoded: bytes = field(repr=False, compare=False)
    digest: bytes


def part(fragments: Iterable[bytes]) -> Part:
    """``fragments`` joined."""
    joined = b"".join(fragments)
    return Part(joined, xxhash.xxh3_128_digest(joined))


def resource(type_url: TypeUrl, name: str, message: Message) -> Resource:
    """Check and encode ``message`` once, in all the forms it is sent in; raises ``RuleBroken``."""
    return resource_of_parts(type_url, name, (encoded(message),))


def resource_of_parts(type_url: TypeUrl, name: str, parts: Iterable[bytes]) -> Resource:
    """As ``resource``, for a message that is serialized already, in parts."""
    whole = part(parts)
    head, packed_head, tail = _frame(type_url, name, whole.digest.hex(), len(whole.encoded))
    pieces = (head, b"".join((packed_head, whole.encoded)), tail)
    return Resource(name, whole.digest.hex(), pieces)


def large_resource(type_url: TypeUrl, name: str, parts: Sequence[Part]) -> Resource:
    """As ``resource_of_parts``, for a message of megabytes of which most parts are as before: none
    is copied or hashed again. The version depends on how the message is divided.
    """
    version = xxhash.xxh3_128_hexdigest(b"".join(each.digest for each in parts))
    size = sum(len(each.encoded) for each in parts)
    head, packed_head, tail = _frame(type_url, name, version, size)
    return Resource(name, version, (head, packed_head, *(each.encoded for each in parts), tail))


def _frame(type_url: TypeUrl, name: str, version: str, size: int) -> tuple[bytes, bytes, bytes]:
    """What is before the framed ``Any`` of a message of ``size`` bytes, before the message within
    it, and behind it.
    """
    type_and_value = length_delimited(1, type_url.value.encode()) + _head(2, size)
    packed_head = _head(2, len(type_and_value) + size) + type_and_value
    version_first = length_delimited(1, version.encode())
    name_last = length_delimited(3, name.encode())
    rest = len(version_first) + len(packed_head) + size + len(name_last)
    return _head(2, rest) + version_first, packed_head, name_last


def length_delimited(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return b"".join((_head(number, len(value)), value))


def _head(number: int, length: int) -> bytes:
    """What precedes the bytes of a length-delimited field: its number and its length."""
    return _varint(number << 3 | 2) + _varint(length)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def packed(resource: Resource) -> Any:
    """The message of a resource as it was packed, for display."""
    framed, at = resource.any, 1
    while framed[at] & 0x80:
        at += 1
    return Any.FromString(framed[at + 1 :])
