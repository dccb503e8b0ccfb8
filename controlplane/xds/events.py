"""The events of a stream as values: what a client requests and answers, and what its session
does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from controlplane.envoy.resource import TypeUrl
from controlplane.xds.response import Response

Nonce = NewType("Nonce", str)
"""Names one response of one stream; empty in a request that answers none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaRequest:
    """A ``DeltaDiscoveryRequest`` without its node. ``error`` is set in a rejection (NACK) only."""

    type_url: TypeUrl
    subscribe: frozenset[str] = frozenset()
    unsubscribe: frozenset[str] = frozenset()
    initial: Mapping[str, str] = field(default_factory=dict)
    nonce: Nonce = Nonce("")
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SotwRequest:
    """A ``DiscoveryRequest`` without its node. ``error`` is set in a rejection (NACK) only.

    ``is_reconnect``: the first request of a type, from a client that has something of an earlier
    stream; which resources, it does not say.
    """

    type_url: TypeUrl
    names: frozenset[str] = frozenset()
    nonce: Nonce = Nonce("")
    error: str | None = None
    is_reconnect: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """The response to write next."""

    type_url: TypeUrl
    nonce: Nonce
    response: Response


@dataclass(frozen=True, slots=True)
class Acked:
    """The client accepted a response."""

    type_url: TypeUrl
    nonce: Nonce


@dataclass(frozen=True, slots=True)
class Rejected:
    """The client refused ``version`` of a resource; it keeps the form before it, or has none."""

    type_url: TypeUrl
    name: str
    version: str
    error: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The client refused a response of several resources; which of them is being searched for."""

    type_url: TypeUrl
    nonce: Nonce
    error: str


Output = Send | Acked | Rejected | Refused
