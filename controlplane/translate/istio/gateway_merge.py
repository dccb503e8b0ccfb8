"""The servers of all Gateways that select a proxy become its doors: who shares a port and who
loses it.

First come, first served, in the order of Gateways (by age, then name, then namespace) and of their
servers: TLS servers share a port while their hosts differ, plain HTTP servers share one route
table, one in plaintext may join one that ends TLS, anything else that comes second loses, alone.
Where Istio would send Envoy what it refuses (one host ended for two namespaces, two servers for any
SNI), the later server loses too. Source:
istio ``pilot/pkg/model/gateway.go``, ``mergeGateways``.
"""

import ipaddress
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Final

from controlplane.base.names import PortNumber
from controlplane.model.gateway import HttpServer
from controlplane.model.gateway import RouteTableOutline
from controlplane.model.gateway import ServerHost
from controlplane.model.listening import Address
from controlplane.model.server import Conflict
from controlplane.model.server import Door
from controlplane.model.server import Doors
from controlplane.model.server import PassMeshTls
from controlplane.model.server import PassTls
from controlplane.model.server import Server
from controlplane.model.server import ServeRequests

_LEAVE_HOST: Final = "take the host from one of the two"

ResolvePort = Callable[[PortNumber], PortNumber]
"""From the port a Gateway declares to the one the proxy opens."""


@dataclass(slots=True)
class _OpenDoor:
    """A door while servers are still coming in."""

    address: Address
    servers: list[Server] = field(default_factory=list)
    settled: dict[ServerHost, Server] = field(default_factory=dict)
    """The hosts of servers with TLS settings."""
    ended: dict[str, Server] = field(default_factory=dict)
    """The hosts whose TLS ends here, in lower case."""
    takes_any_name: Server | None = None
    """The server whose chain has no SNI."""
    first_plain: Server | None = None
    first_tls: Server | None = None


@dataclass(slots=True)
class _OpenPort:
    """A port number, whichever addresses it is opened at: the first server of all decides how
    others join, as in Istio.
    """

    first: Server
    routed: set[str] = field(default_factory=set)
    """The ``bind`` of the plain HTTP servers that came to a port of TLS."""
    joined: set[str] = field(default_factory=set)
    """The ``bind`` of all that came to it."""


def merged(servers: Iterable[Server], *, resolve: ResolvePort, every_address: str) -> Doors:
    """Doors in the order they were opened. ``every_address`` is what an empty ``bind`` means."""
    open_doors: dict[Address, _OpenDoor] = {}
    open_ports: dict[PortNumber, _OpenPort] = {}
    tables: dict[str, Server] = {}
    conflicts: list[Conflict] = []
    shared: list[Conflict] = []
    for server in servers:
        address = door_address(server, resolve, every_address)
        door = open_doors.get(address) or _OpenDoor(address)
        port = open_ports.get(address.port) or _OpenPort(server)
        conflict = (
            _settled_host(door, server)
            or _conflict(port, door, server)
            or _table_conflict(tables, door, server)
            or _refused_by_envoy(door, server)
        )
        if conflict is not None:
            conflicts.append(conflict)
            continue
        open_ports[address.port] = port
        _enter(door, server)
        shared.extend(_beside(door, server))
        open_doors[address] = door
    return Doors(
        doors=tuple(Door(address=d.address, servers=tuple(d.servers)) for d in open_doors.values()),
        conflicts=tuple(conflicts),
        shared=tuple(shared),
    )


def door_address(server: Server, resolve: ResolvePort, every_address: str) -> Address:
    if server.bind.startswith("unix://"):
        return Address(server.bind, PortNumber(0))
    bind = str(ipaddress.ip_address(server.bind)) if server.bind else every_address
    return Address(bind, resolve(server.port))


def route_table_name(server: Server, address: Address) -> str | None:
    """Istio's name of the route table of a server; ``None`` where no requests are read."""
    suffix = f".{server.bind}" if server.bind else ""
    match server.service:
        case ServeRequests(tls=None):
            return f"http.{address.port}{suffix}"
        case ServeRequests():
            namespace, _, name = server.gateway.partition("/")
            return f"https.{server.port}.{server.port_name}.{name}.{namespace}{suffix}"
        case _:
            return None


def outlines(doors: Iterable[Door]) -> tuple[RouteTableOutline, ...]:
    """The route tables of doors: one for all plain HTTP servers of a door, one for each HTTPS
    server.
    """
    tables: dict[str, tuple[Address, list[Server]]] = {}
    for door in doors:
        plain = [server for server in door.servers if server.routes_plain_requests]
        for server in door.servers:
            first = plain[0] if server.routes_plain_requests else server
            name = route_table_name(first, door.address)
            if name is not None:
                tables.setdefault(name, (door.address, []))[1].append(server)
    return tuple(
        RouteTableOutline(
            name=name, port=address.port, servers=tuple(_http_server(s) for s in servers)
        )
        for name, (address, servers) in tables.items()
    )


def _http_server(server: Server) -> HttpServer:
    return HttpServer(
        gateway=server.gateway,
        hosts=server.hosts,
        port=server.port,
        redirects_to_https=server.redirects_to_https,
        has_tls_settings=server.has_tls_settings,
    )


def _conflict(port: _OpenPort, door: _OpenDoor, server: Server) -> Conflict | None:
    """Whom Istio leaves out: what comes to plaintext at its own address, unless both are HTTP; what
    comes to TLS in plaintext after another.
    """
    if server is port.first:
        return None
    if not port.first.sees_tls:
        both_http = port.first.routes_plain_requests and server.routes_plain_requests
        return (
            None if both_http or server.bind != port.first.bind else _lost(door, server, port.first)
        )
    if server.routes_plain_requests:
        if server.bind in port.routed:
            return _lost(door, server, _latest(door, port))
        port.routed.add(server.bind)
    if not server.has_tls_settings and server.bind in port.joined:
        return _lost(door, server, _latest(door, port))
    port.joined.add(server.bind)
    return None


def _latest(door: _OpenDoor, port: _OpenPort) -> Server:
    return door.servers[-1] if door.servers else port.first


def _refused_by_envoy(door: _OpenDoor, server: Server) -> Conflict | None:
    """Whom Istio would send and Envoy would refuse, with all servers of the port: two chains for
    the same connections.
    """
    taken = [h for h in _bare_hosts(server) if h in door.ended] if server.tls is not None else []
    if taken:
        claim = f'host "{taken[0]}" on port {door.address.port}'
        return Conflict(loser=server, winner=door.ended[taken[0]], claim=claim, hint=_LEAVE_HOST)
    if door.takes_any_name is None or not _takes_any_name(server):
        return None
    if door.takes_any_name.routes_plain_requests and server.routes_plain_requests:
        return None
    return _lost(door, server, door.takes_any_name)


def _settled_host(door: _OpenDoor, server: Server) -> Conflict | None:
    """A host for which two servers have TLS settings; two that redirect it are two of these."""
    taken = [h for h in server.hosts if h in door.settled] if server.has_tls_settings else []
    if not taken:
        return None
    claim = f'host "{taken[0].host}" on port {door.address.port}'
    return Conflict(loser=server, winner=door.settled[taken[0]], claim=claim, hint=_LEAVE_HOST)


def _lost(door: _OpenDoor, server: Server, winner: Server) -> Conflict:
    claim = f"port {door.address.port}"
    return Conflict(loser=server, winner=winner, claim=claim, hint="give it another port")


def _table_conflict(tables: dict[str, Server], door: _OpenDoor, server: Server) -> Conflict | None:
    """HTTPS servers need route tables of different names; a port name used twice gives one."""
    name = route_table_name(server, door.address)
    if name is None or server.tls is None:
        return None
    holder = tables.setdefault(name, server)
    if holder is server:
        return None
    claim = f'port name "{server.port_name}"'
    return Conflict(loser=server, winner=holder, claim=claim, hint="give its port another name")


def _enter(door: _OpenDoor, server: Server) -> None:
    door.servers.append(server)
    if server.has_tls_settings:
        door.settled.update(dict.fromkeys(server.hosts, server))
    if server.tls is not None:
        door.ended.update(dict.fromkeys(_bare_hosts(server), server))
    if _takes_any_name(server):
        door.takes_any_name = door.takes_any_name or server
    if server.sees_tls:
        door.first_tls = door.first_tls or server
    else:
        door.first_plain = door.first_plain or server


def _beside(door: _OpenDoor, server: Server) -> Iterator[Conflict]:
    """The plaintext server that ``server`` is, or came to, where the door has TLS too."""
    plain = door.first_plain if server.sees_tls else server
    if plain is not None and door.first_tls is not None:
        yield _lost(door, plain, server if server.sees_tls else door.first_tls)


def _takes_any_name(server: Server) -> bool:
    """Whether the server's chain has no SNI; where TLS passes through, routes say."""
    if isinstance(server.service, PassTls | PassMeshTls):
        return False
    return not server.sees_tls or not server.server_names


def _bare_hosts(server: Server) -> tuple[str, ...]:
    return tuple(dict.fromkeys(h.host.lower() for h in server.hosts))
