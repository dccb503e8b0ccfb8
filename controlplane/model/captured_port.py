"""What one port of a service asks of the listener at an address, before it is known what others ask
of it there.
"""

from dataclasses import dataclass, field

from controlplane.base.hashing import hashed_once
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host
from controlplane.model.plan.listener import Address
from controlplane.model.plan.network_filters import NetworkFilter
from controlplane.model.service import Protocol

Order = tuple[str, str, str]
"""Creation, name and namespace of a service: the first claims what two want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedStream:
    """Connections that are forwarded as they are: those to ``networks`` (CIDR, sorted; empty for
    all) with one of the ``server_names`` (SNI, sorted; empty for any).
    """

    filters: tuple[NetworkFilter, ...]
    networks: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()
    origins: tuple[FieldRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedRequests:
    """Requests that the route table ``table`` routes. ``sniffs``: only connections that are seen to
    be HTTP; the others are left to the streams. ``caches`` are the names of the caches of
    addresses that routes look hosts up in.
    """

    table: str
    sniffs: bool
    accepts_grpc_web: bool = False
    caches: tuple[str, ...] = ()


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPort:
    """``host`` is of the service; of a port with requests alone, of the first service with it."""

    address: Address
    order: Order
    host: Host
    protocol: Protocol
    requests: CapturedRequests | None = None
    streams: tuple[CapturedStream, ...] = ()
    origins: tuple[FieldRef, ...] = ()
    _hash: int = field(default=0, init=False, repr=False, compare=False)
