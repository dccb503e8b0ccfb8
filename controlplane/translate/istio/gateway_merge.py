"""The servers of all Gateways that select a proxy become its doors: who shares a port and who
loses it.

First come, first served, in the order of Gateways (by age, then name, then namespace) and of their
servers: TLS servers share a port while their hosts differ, plain HTTP servers share one route
table, anything else that comes second loses, alone. Where Istio would send Envoy what it refuses
(one host claimed for two namespaces, two servers for any SNI), the later server loses too. Source:
istio ``pilot/pkg/model/gateway.go``, ``mergeGateways``.
"""

import ipaddress
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field

from controlplane.base.names import PortNumber
from controlplane.model.gateway import HttpServer
from controlplane.model.gateway import RouteTableOutline
from controlplane.model.listening import Address
from controlplane.model.server import Conflict
from controlplane.model.server import Door
from controlplane.model.server import Doors
from controlplane.model.server import PassMeshTls
from controlplane.model.server import PassTls
from controlplane.model.server import Server
from controlplane.model.server import ServeRequests

ResolvePort = Callable[[PortNumber], PortNumber]
"""From the port a Gateway declares to the one the proxy opens."""


@dataclass(slots=True)
class _OpenDoor:
    """A door while servers are still coming in."""

    address: Address
    servers: list[Server] = field(default_factory=list)
    hosts: dict[str, Server] = field(default_factory=dict)
    """The hosts of TLS servers, in lower case."""
    takes_any_name: Server | None = None
    """The server whose chain has no SNI."""


def merged(servers: Iterable[Server], *, resolve: ResolvePort, every_address: str) -> Doors:
    """Doors in the order they were opened. ``every_address`` is what an empty ``bind`` means."""
    open_doors: dict[Address, _OpenDoor] = {}
    tables: dict[str, Server] = {}
    conflicts: list[Conflict] = []
    shared: list[Conflict] = []
    for server in servers:
        address = door_address(server, resolve, every_address)
        door = open_doors.get(address) or _OpenDoor(address)
        conflict = _conflict(door, server) or _table_conflict(tables, door, server)
        if conflict is not None:
            conflicts.append(conflict)
            continue
        if door.servers and door.servers[0].sees_tls and not server.sees_tls:
            shared.append(
                Conflict(loser=server, winner=door.servers[0], claim=f"port {address.port}")
            )
        _enter(door, server)
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


def _conflict(door: _OpenDoor, server: Server) -> Conflict | None:
    if not door.servers:
        return None
    first = door.servers[0]
    if server.sees_tls:
        if not first.sees_tls:
            return _lost(door, server, first)
        taken = [h for h in _bare_hosts(server) if h in door.hosts]
        if taken:
            return Conflict(
                loser=server,
                winner=door.hosts[taken[0]],
                claim=f'host "{taken[0]}" on port {door.address.port}',
            )
        if server.tls is not None and not server.server_names and door.takes_any_name:
            return _lost(door, server, door.takes_any_name)
        return None
    claimed = _settled_host(door, server)
    if claimed is not None:
        return claimed
    if first.routes_plain_requests and server.routes_plain_requests:
        return None
    if not first.sees_tls:
        return _lost(door, server, first)
    if door.takes_any_name is not None:
        return _lost(door, server, door.takes_any_name)
    # Istio lets plaintext join one TLS server, and none once another has joined.
    others = door.servers[1:]
    if others and not server.has_tls_settings:
        return _lost(door, server, others[0])
    return None


def _settled_host(door: _OpenDoor, server: Server) -> Conflict | None:
    """A host for which two servers have TLS settings; two that redirect it are two of these."""
    if not server.has_tls_settings:
        return None
    for earlier in door.servers:
        common = [h for h in server.hosts if h in earlier.hosts]
        if earlier.has_tls_settings and common:
            claim = f'host "{common[0].host}" on port {door.address.port}'
            return Conflict(loser=server, winner=earlier, claim=claim)
    return None


def _lost(door: _OpenDoor, server: Server, winner: Server) -> Conflict:
    return Conflict(loser=server, winner=winner, claim=f"port {door.address.port}")


def _table_conflict(tables: dict[str, Server], door: _OpenDoor, server: Server) -> Conflict | None:
    """HTTPS servers need route tables of different names; a port name used twice gives one."""
    name = route_table_name(server, door.address)
    if name is None or server.tls is None:
        return None
    holder = tables.setdefault(name, server)
    if holder is server:
        return None
    return Conflict(loser=server, winner=holder, claim=f'port name "{server.port_name}"')


def _enter(door: _OpenDoor, server: Server) -> None:
    door.servers.append(server)
    if server.sees_tls:
        door.hosts.update(dict.fromkeys(_bare_hosts(server), server))
    routed_by_sni = isinstance(server.service, PassTls | PassMeshTls)
    if not routed_by_sni and (not server.sees_tls or not server.server_names):
        door.takes_any_name = door.takes_any_name or server


def _bare_hosts(server: Server) -> tuple[str, ...]:
    return tuple(dict.fromkeys(h.host.lower() for h in server.hosts))
