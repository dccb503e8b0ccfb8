"""What a proxy listens on: an address, the chains that a connection may take there, and what these
do with it.

Each chain, and the listener, knows the fields of the user's text that made it. These are beside
what is encoded, not in it: chains that differ in their origins alone share their bytes.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

from controlplane.base.hashing import hashed_once
from controlplane.base.locations import FieldRef
from controlplane.base.names import PortNumber
from controlplane.model.access_log import AccessLog
from controlplane.model.plan.network_filters import NetworkFilter
from controlplane.model.tls import ServerTls


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """An IP address and port, or a Unix socket (``unix://…``, port 0)."""

    host: str
    port: PortNumber

    def __str__(self) -> str:
        return f"{self.host}_{self.port}"

    @property
    def pipe(self) -> str | None:
        """The path of a Unix socket; ``@name`` is an abstract one."""
        return self.host.removeprefix("unix://") if self.host.startswith("unix://") else None


class Direction(Enum):
    """Whether connections come to the workload beside the proxy, or are passed on."""

    INBOUND = auto()
    OUTBOUND = auto()


class Capture(Enum):
    """How connections get to a listener."""

    BOUND = auto()
    """It has a socket of its own."""
    INTERCEPTED = auto()
    """Another listener hands them on by the address that they were going to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainMatch:
    """Which connections a chain accepts; no two chains of a listener accept the same ones. Without
    any field it accepts what no other chain does.

    ``server_names`` are SNI in lower case, exact or ``*.suffix``, sorted.
    """

    server_names: tuple[str, ...] = ()
    application_protocols: tuple[str, ...] = ()


EVERY_CONNECTION = ChainMatch()


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPlan:
    """One filter chain of a listener. The last of its network filters, by slot, is the terminal
    one.

    ``handshake_timeout`` is how long a client may take to begin TLS; ``None`` is forever.
    """

    network_filters: tuple[NetworkFilter, ...]
    match: ChainMatch = EVERY_CONNECTION
    tls: ServerTls | None = None
    handshake_timeout: timedelta | None = None
    _hash: int = field(default=0, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChain:
    """A chain and every field that made it, the nearest first."""

    chain: ChainPlan
    origins: tuple[FieldRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerPlan:
    """``inspects_tls``: the first bytes are inspected for a ClientHello and its SNI.

    ``expects_proxy_protocol``: connections begin with a PROXY header. ``unmatched_log`` records
    connections that match no chain. ``buffer_limit`` is in bytes for each connection; unset is
    Envoy's own default (1 MiB). ``origins`` are those of its chains and of these settings.
    """

    name: str
    address: Address
    chains: tuple[PlannedChain, ...]
    direction: Direction
    capture: Capture = Capture.BOUND
    inspects_tls: bool = False
    expects_proxy_protocol: bool = False
    unmatched_log: AccessLog | None = None
    buffer_limit: int | None = None
    origins: tuple[FieldRef, ...] = ()
