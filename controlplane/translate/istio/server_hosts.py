"""What the servers of one route table admit to a host, found without walking them all. A
VirtualService is bound to a server at the narrower of their hosts. So a host that a server lists
admits VirtualServices for it or for a wider one; a host that a server only covers by a wildcard
admits those for exactly that host.
Source: Istio ``pilot/pkg/networking/core/gateway.go`` (``buildGatewayHTTPRouteConfig``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from controlplane.base.hosts import is_wildcard, overlap, wider
from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.base.shelf import SHARDS, shard_of
from controlplane.model.gateway_api import ListenerId
from controlplane.model.plan.route_table import GatewayTable, RoutedServer, ServerHost

ANY_NAMESPACE: Final = Namespace("*")


@dataclass(frozen=True, slots=True)
class ServerPort:
    """Where requests come in: a Gateway (``namespace/name``), the declared port of its server, and
    whether clients are to speak TLS to it.
    """

    gateway: str
    port: PortNumber
    https: bool = False


@dataclass(frozen=True, slots=True)
class HostBinding:
    """What one server admits to one host: namespaces, or ``*`` for all of them.

    ``listed`` are admitted because the server lists the host itself, ``covered`` because it lists a
    wider one. ``earlier`` are the servers of the same Gateway in this table that come before, where
    one of them differs in port. ``listener`` is what the server is, in the Gateway API.
    """

    server_port: ServerPort
    listed: tuple[Namespace, ...]
    covered: tuple[Namespace, ...]
    redirects: bool = False
    earlier: tuple[RoutedServer, ...] = ()
    listener: ListenerId | None = None

    def admits_same(self, namespace: Namespace) -> bool:
        """Whether a VirtualService for exactly the host is admitted."""
        return _among(namespace, self.listed) or _among(namespace, self.covered)

    def admits_wider(self, namespace: Namespace) -> bool:
        """Whether a VirtualService for a wider host is admitted."""
        return _among(namespace, self.listed)

    @property
    def redirects_everybody(self) -> bool:
        """Whether requests for the host are redirected to HTTPS even without a VirtualService."""
        return self.redirects and ANY_NAMESPACE in self.listed

    def server_ports(self, namespace: Namespace, hosts: tuple[Host, ...]) -> Iterator[ServerPort]:
        """The servers of the Gateway in this table that a VirtualService is bound to, up to this
        one.

        Istio works out its routes once: at the first of them where it has any.
        """
        met = (server for server in self.earlier if meets(server.hosts, namespace, hosts))
        yield from map(server_port_of, met)
        yield self.server_port


def server_port_of(server: RoutedServer) -> ServerPort:
    """A plain server with TLS settings, which redirect or are empty, is treated as one that speaks
    TLS, as in Istio.
    """
    return ServerPort(server.gateway, server.port, server.has_tls_settings)


def meets(
    server_hosts: tuple[ServerHost, ...], namespace: Namespace, hosts: tuple[Host, ...]
) -> bool:
    """Whether a server and a VirtualService of ``namespace`` have a host in common."""
    return any(
        overlap(served.host, host)
        for served in server_hosts
        if served.namespace in (None, namespace)
        for host in hosts
    )


@dataclass(frozen=True, slots=True, eq=False)
class ServerHosts:
    """The servers of a route table, by host. Equal when their tables are; its hash is kept."""

    table: GatewayTable
    gateways: tuple[str, ...]
    parents: tuple[ObjectKey, ...]
    """What declares those of its servers that are listeners of the Gateway API."""
    hosts_by_shard: Mapping[int, tuple[Host, ...]] = field(repr=False)
    """The hosts that servers list, in the shard of their lower-case form."""
    shards: tuple[int, ...] = field(repr=False)
    """The shards with hosts of these servers: where one is listed, or all if one of them is a
    wildcard.
    """
    elsewhere: tuple[Host, ...]
    """The hosts whose requests belong to servers of other tables, sorted."""
    _listings: Mapping[Host, tuple[tuple[int, Namespace], ...]] = field(repr=False)
    _places: Mapping[str, tuple[int, ...]] = field(repr=False)
    """Where the servers of each gateway are in the table."""
    _hash: int = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, ServerHosts) and self.table == other.table)

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self.table.name

    def bindings(self, host: Host) -> dict[int, HostBinding]:
        """What the servers admit to ``host``, by their place; none where no server has it."""
        listed = self._servers((host,))
        covered = self._servers(self._wider_listed(host))
        return {
            i: self._binding(i, listed.get(i, set()), covered.get(i, set()))
            for i in {*listed, *covered}
        }

    def _binding(self, at: int, listed: set[Namespace], covered: set[Namespace]) -> HostBinding:
        server = self.table.servers[at]
        server_port = server_port_of(server)
        places = self._places[server.gateway]
        before = tuple(self.table.servers[place] for place in places if place < at)
        return HostBinding(
            server_port,
            tuple(sorted(listed)),
            tuple(sorted(covered)),
            server.redirects_to_https,
            before if any(server_port_of(s) != server_port for s in before) else (),
            server.listener,
        )

    def _servers(self, hosts: tuple[Host, ...]) -> dict[int, set[Namespace]]:
        found: dict[int, set[Namespace]] = {}
        for host in hosts:
            for server, namespace in self._listings.get(host, ()):
                found.setdefault(server, set()).add(namespace)
        return found

    def _wider_listed(self, host: Host) -> tuple[Host, ...]:
        return tuple(w for w in wider(host) if w != host and w in self._listings)


def hosts_of_table(table: GatewayTable) -> ServerHosts:
    listings: dict[Host, list[tuple[int, Namespace]]] = {}
    for i, server in enumerate(table.servers):
        for served in server.hosts:
            listings.setdefault(served.host, []).append((i, served.namespace or ANY_NAMESPACE))
    places: dict[str, list[int]] = {}
    for i, server in enumerate(table.servers):
        places.setdefault(server.gateway, []).append(i)
    by_shard: dict[int, list[Host]] = {}
    for host in sorted(listings):
        by_shard.setdefault(shard_of(host.lower()), []).append(host)
    return ServerHosts(
        table,
        tuple(places),
        tuple(dict.fromkeys(s.listener.parent for s in table.servers if s.listener is not None)),
        {shard: tuple(hosts) for shard, hosts in by_shard.items()},
        tuple(range(SHARDS) if any(map(is_wildcard, listings)) else sorted(by_shard)),
        tuple(sorted({host for server in table.servers for host in server.elsewhere})),
        {host: tuple(found) for host, found in listings.items()},
        {gateway: tuple(found) for gateway, found in places.items()},
        hash(table),
    )


def _among(namespace: Namespace, namespaces: tuple[Namespace, ...]) -> bool:
    return ANY_NAMESPACE in namespaces or namespace in namespaces
