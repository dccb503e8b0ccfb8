"""An Envoy resource as it leaves: name, version, and the bytes of its place in a response.

A message lives only inside the function that encodes it; what is kept is bytes, framed once, so
that a response is a join of them. Source: envoy/service/discovery/v3/discovery.proto
(``Resource``, ``DeltaDiscoveryResponse.resources = 2``).
"""

from dataclasses import dataclass
from dataclasses import field
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

    # Members are single objects, and Enum's own hash, in Python, is five times as slow.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of one type. Two are equal when their names and versions are.

    ``version`` is the hash of the message's deterministic serialization: equal across restarts and
    replicas. ``any`` is the framed ``google.protobuf.Any``: field 2 of a state-of-the-world
    ``DiscoveryResponse``. ``framed`` is the framed ``Resource``: field 2 of a
    ``DeltaDiscoveryResponse``. Neither is shown by ``repr``: a secret's bytes hold a private key.
    """

    name: str
    version: str
    any: bytes = field(repr=False)
    framed: bytes = field(repr=False)

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
    """A message that Envoy would refuse; a fault of ours, caught where a resource is remembered."""


def encoded(message: Message) -> bytes:
    """The deterministic serialization of ``message``, once it is known that Envoy's rules hold.

    Raises ``RuleBroken`` with every rule that does not.
    """
    broken = tuple(violations(message))
    if broken:
        raise RuleBroken(f"{message.DESCRIPTOR.full_name}: {'; '.join(broken)}")
    return message.SerializeToString(deterministic=True)


def resource(type_url: TypeUrl, name: str, message: Message) -> Resource:
    """Check and encode ``message`` once, in all the forms it is sent in; raises ``RuleBroken``."""
    return resource_of_bytes(type_url, name, encoded(message))


def resource_of_bytes(type_url: TypeUrl, name: str, value: bytes) -> Resource:
    """As ``resource``, for a message that is serialized already; copied once for each form."""
    version = xxhash.xxh3_128_hexdigest(value)
    type_and_value = length_delimited(1, type_url.value.encode()) + _head(2, len(value))
    packed_head = _head(2, len(type_and_value) + len(value)) + type_and_value
    version_and_packed = length_delimited(1, version.encode()) + packed_head
    name_at_end = length_delimited(3, name.encode())
    length = len(version_and_packed) + len(value) + len(name_at_end)
    return Resource(
        name,
        version,
        b"".join((packed_head, value)),
        b"".join((_head(2, length), version_and_packed, value, name_at_end)),
    )


def length_delimited(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return b"".join((_head(number, len(value)), value))


def _head(number: int, length: int) -> bytes:
    """What stands before the bytes of a length-delimited field: its number and its length."""
    size = bytearray((number << 3 | 2,))
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return bytes(size)


def packed(resource: Resource) -> Any:
    """The message of a resource as it was packed, for who shows it."""
    at = 1
    while resource.any[at] & 0x80:
        at += 1
    return Any.FromString(resource.any[at + 1 :])
