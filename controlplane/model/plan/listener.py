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
    """An IP address and port, of TCP unless ``is_udp``, or a Unix socket (``unix://…``, port 0)."""

    host: str
    port: PortNumber
    is_udp: bool = False

    def __str__(self) -> str:
        return f"{self.host}_{self.port}{'_udp' if self.is_udp else ''}"

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
    REDIRECTED = auto()
    """It has a socket, and hands each connection on to the listener of the address that the
    connection was going to, if there is one.
    """
    INTERCEPTED = auto()
    """Another listener hands them on by the address that they were going to."""


class Transport(Enum):
    """What the first bytes of a connection are, as far as a chain distinguishes it."""

    RAW = auto()
    TLS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainMatch:
    """Which connections a chain accepts; no two chains of a listener accept the same ones. Without
    any field it accepts what no other chain does.

    ``destination_port`` and ``networks`` (CIDR, sorted) are of the address that the connection was
    going to. ``server_names`` are SNI in lower case, exact or ``*.suffix``, sorted.
    """

    destination_port: PortNumber | None = None
    networks: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()
    transport: Transport | None = None
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
    name: str = ""
    match: ChainMatch = EVERY_CONNECTION
    tls: ServerTls | None = None
    handshake_timeout: timedelta | None = None
    _hash: int = field(default=0, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChain:
    """A chain and every field that made it, the nearest first."""

    chain: ChainPlan
    origins: tuple[FieldRef, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """The first bytes of connections are looked at, but for those to ``skipped_ports`` (sorted);
    where ``only_ports`` (sorted) are given, of those to them alone.

    A change of these ports makes Envoy drain every connection of the listener.
    """

    skipped_ports: tuple[PortNumber, ...] = ()
    only_ports: tuple[PortNumber, ...] = ()


EVERYWHERE = Inspection()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerFilters:
    """What is done with a connection before a chain is chosen.

    ``proxy_protocol``: it begins with a PROXY header. ``original_destination``: where it was going
    is asked of the kernel. ``original_source``: the workload sees the client's own address
    (TPROXY). ``tls`` looks for a ClientHello, ``http`` for a request line. ``timeout`` is how long
    they wait for bytes, zero is for ever; what nothing is known of after it goes on. Unset is
    Envoy's own (15 s, then the connection is closed).
    """

    proxy_protocol: bool = False
    original_destination: bool = False
    original_source: bool = False
    tls: Inspection | None = None
    http: Inspection | None = None
    timeout: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpProxy:
    """What a client sends from one port goes to one endpoint of ``cluster``, until nothing came for
    a minute (Envoy's default).
    """

    stat_prefix: str
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerPlan:
    """``default`` takes what no chain of ``chains`` matches. ``is_transparent``: it takes
    connections to addresses that are not the machine's (TPROXY). ``unmatched_logs`` record
    connections that match no chain. ``buffer_limit`` is in bytes for each connection; unset is
    Envoy's own default (1 MiB). ``origins`` are those of its chains and of these settings. A
    listener of UDP has ``datagrams`` instead of chains.
    """

    name: str
    address: Address
    chains: tuple[PlannedChain, ...]
    direction: Direction
    default: PlannedChain | None = None
    capture: Capture = Capture.BOUND
    is_transparent: bool = False
    filters: ListenerFilters = ListenerFilters()
    unmatched_logs: tuple[AccessLog, ...] = ()
    buffer_limit: int | None = None
    origins: tuple[FieldRef, ...] = ()
    datagrams: UdpProxy | None = None
