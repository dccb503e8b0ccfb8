"""The servers of all Gateways that a proxy serves are merged: which share a port and which lose it.

First come, first served, in the order of Gateways (by age, then name, then namespace) and of their
servers: TLS servers share a port while their hosts differ, plain HTTP servers share one route
table, one in plaintext may join one that ends TLS, anything else that comes second loses, alone.
Where Istio would send Envoy what it refuses (one host ended for two namespaces, two servers for any
SNI), the later server loses too. Source:
istio ``pilot/pkg/model/gateway.go``, ``mergeGateways``.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from controlplane.base.names import PortNumber
from controlplane.model.plan.listener import Address
from controlplane.model.plan.route_table import GatewayTable, RoutedServer, ServerHost
from controlplane.translate.server import AutoPassthrough, HttpServer, Server, TlsPassthrough

PlacedServer = tuple[Server, PortNumber]
"""A server, and the port that the proxy opens for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedServers:
    """The servers that share an address of a proxy, in the order in which they were merged."""

    address: Address
    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConflict:
    """A server that is left out on a proxy because an earlier one holds what it claims.

    ``claim`` says what: ``host "shop.example.com" on port 8443``; ``hint`` is the way out of it.
    """

    loser: Server
    winner: Server
    claim: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedGateways:
    """The servers of one kind of proxy, merged; ``shared``: plaintext servers next to TLS ones."""

    listeners: tuple[MergedServers, ...] = ()
    conflicts: tuple[ServerConflict, ...] = ()
    shared: tuple[ServerConflict, ...] = ()


@dataclass(slots=True)
class _OpenListener:
    """A listener while servers are still being merged into it."""

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


def merged(servers: Iterable[PlacedServer], *, every_address: str) -> MergedGateways:
    """Listeners in the order of their first servers. ``every_address`` is what an empty ``bind``
    means.
    """
    open_listeners: dict[Address, _OpenListener] = {}
    open_ports: dict[PortNumber, _OpenPort] = {}
    tables: dict[str, Server] = {}
    conflicts: list[ServerConflict] = []
    shared: list[ServerConflict] = []
    for server, opened in servers:
        address = listener_address(server, opened, every_address)
        listener = open_listeners.get(address) or _OpenListener(address)
        if server.is_udp:
            if listener.servers:
                conflicts.append(_lost(listener, server, listener.servers[0]))
            else:
                listener.servers.append(server)
                open_listeners[address] = listener
            continue
        port = open_ports.get(address.port) or _OpenPort(server)
        conflict = (
            _settled_host(listener, server)
            or _conflict(port, listener, server)
            or _table_conflict(tables, listener, server)
            or _refused_by_envoy(listener, server)
        )
        if conflict is not None:
            conflicts.append(conflict)
            continue
        open_ports[address.port] = port
        _add(listener, server)
        shared.extend(_beside(listener, server))
        open_listeners[address] = listener
    return MergedGateways(
        listeners=tuple(
            MergedServers(address=listener.address, servers=tuple(listener.servers))
            for listener in open_listeners.values()
        ),
        conflicts=tuple(conflicts),
        shared=tuple(shared),
    )


def listener_address(server: Server, port: PortNumber, every_address: str) -> Address:
    if server.bind.startswith("unix://"):
        return Address(server.bind, PortNumber(0))
    bind = str(ipaddress.ip_address(server.bind)) if server.bind else every_address
    return Address(bind, port, server.is_udp)


def route_table_name(server: Server, address: Address) -> str | None:
    """Istio's name of the route table of a server; ``None`` where no requests are read."""
    suffix = f".{server.bind}" if server.bind else ""
    match server.protocol:
        case HttpServer(tls=None):
            return f"http.{address.port}{suffix}"
        case HttpServer():
            namespace, _, name = server.gateway.partition("/")
            return f"https.{server.port}.{server.port_name}.{name}.{namespace}{suffix}"
        case _:
            return None


def gateway_tables(listeners: Iterable[MergedServers]) -> tuple[GatewayTable, ...]:
    """The route tables of listeners: one for all plain HTTP servers of a listener, one for each
    HTTPS server.
    """
    return tuple(
        GatewayTable(
            name=name, port=address.port, servers=tuple(_routed_server(s) for s in servers)
        )
        for name, (address, servers) in _servers_by_table(listeners).items()
    )


def servers_of_table(listeners: Iterable[MergedServers], name: str) -> tuple[Server, ...]:
    """The servers of the route table ``name``, in the order in which the table has them."""
    _, servers = _servers_by_table(listeners)[name]
    return tuple(servers)


def _servers_by_table(
    listeners: Iterable[MergedServers],
) -> dict[str, tuple[Address, list[Server]]]:
    tables: dict[str, tuple[Address, list[Server]]] = {}
    for listener in listeners:
        plain = [server for server in listener.servers if server.routes_plain_requests]
        for server in listener.servers:
            first = plain[0] if server.routes_plain_requests else server
            name = route_table_name(first, listener.address)
            if name is not None:
                tables.setdefault(name, (listener.address, []))[1].append(server)
    return tables


def _routed_server(server: Server) -> RoutedServer:
    return RoutedServer(
        gateway=server.gateway,
        hosts=server.hosts,
        port=server.port,
        redirects_to_https=server.redirects_to_https,
        has_tls_settings=server.has_tls_settings,
        listener=server.listener,
        elsewhere=server.elsewhere,
    )


def _conflict(port: _OpenPort, listener: _OpenListener, server: Server) -> ServerConflict | None:
    """What Istio leaves out: what comes to plaintext at its own address, unless both are HTTP; what
    comes to TLS in plaintext after another.
    """
    if server is port.first:
        return None
    if not port.first.sees_tls:
        both_http = port.first.routes_plain_requests and server.routes_plain_requests
        if both_http or server.bind != port.first.bind:
            return None
        return _lost(listener, server, port.first)
    if server.routes_plain_requests:
        if server.bind in port.routed:
            return _lost(listener, server, _latest(listener, port))
        port.routed.add(server.bind)
    if not server.has_tls_settings and server.bind in port.joined:
        return _lost(listener, server, _latest(listener, port))
    port.joined.add(server.bind)
    return None


def _latest(listener: _OpenListener, port: _OpenPort) -> Server:
    return listener.servers[-1] if listener.servers else port.first


def _refused_by_envoy(listener: _OpenListener, server: Server) -> ServerConflict | None:
    """What Istio would send and Envoy would refuse, with all servers of the port: two chains for
    the same connections.
    """
    ended = _bare_hosts(server) if server.tls is not None else ()
    taken = next((host for host in ended if host in listener.ended), None)
    if taken is not None:
        return _lost_host(listener, server, taken, winner=listener.ended[taken])
    if listener.takes_any_name is None or not _takes_any_name(server):
        return None
    if listener.takes_any_name.routes_plain_requests and server.routes_plain_requests:
        return None
    return _lost(listener, server, listener.takes_any_name)


def _settled_host(listener: _OpenListener, server: Server) -> ServerConflict | None:
    """A host for which two servers have TLS settings; two that redirect it are two of these."""
    settled = server.hosts if server.has_tls_settings else ()
    taken = next((host for host in settled if host in listener.settled), None)
    if taken is None:
        return None
    return _lost_host(listener, server, taken.host, winner=listener.settled[taken])


def _lost_host(
    listener: _OpenListener, server: Server, host: str, *, winner: Server
) -> ServerConflict:
    claim = f'host "{host}" on port {listener.address.port}'
    hint = "remove the host from one of the two"
    return ServerConflict(loser=server, winner=winner, claim=claim, hint=hint)


def _lost(listener: _OpenListener, server: Server, winner: Server) -> ServerConflict:
    claim = f"port {listener.address.port}"
    return ServerConflict(loser=server, winner=winner, claim=claim, hint="give it another port")


def _table_conflict(
    tables: dict[str, Server], listener: _OpenListener, server: Server
) -> ServerConflict | None:
    """HTTPS servers need route tables of different names; a port name used twice gives one."""
    name = route_table_name(server, listener.address)
    if name is None or server.tls is None:
        return None
    holder = tables.setdefault(name, server)
    if holder is server:
        return None
    claim = f'port name "{server.port_name}"'
    return ServerConflict(
        loser=server, winner=holder, claim=claim, hint="give its port another name"
    )


def _add(listener: _OpenListener, server: Server) -> None:
    listener.servers.append(server)
    if server.has_tls_settings:
        listener.settled.update(dict.fromkeys(server.hosts, server))
    if server.tls is not None:
        listener.ended.update(dict.fromkeys(_bare_hosts(server), server))
    if _takes_any_name(server):
        listener.takes_any_name = listener.takes_any_name or server
    if server.sees_tls:
        listener.first_tls = listener.first_tls or server
    else:
        listener.first_plain = listener.first_plain or server


def _beside(listener: _OpenListener, server: Server) -> Iterator[ServerConflict]:
    """The plaintext server that ``server`` is, or came to, where the listener has TLS too."""
    plain = listener.first_plain if server.sees_tls else server
    if plain is not None and listener.first_tls is not None:
        yield _lost(listener, plain, server if server.sees_tls else listener.first_tls)


def _takes_any_name(server: Server) -> bool:
    """Whether the server's chain has no SNI; where TLS passes through, routes say."""
    if isinstance(server.protocol, TlsPassthrough | AutoPassthrough):
        return False
    return not server.sees_tls or not server.server_names


def _bare_hosts(server: Server) -> tuple[str, ...]:
    return tuple(dict.fromkeys(h.host.lower() for h in server.hosts))
