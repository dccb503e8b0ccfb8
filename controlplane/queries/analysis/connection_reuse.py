"""Servers whose connections clients reuse for each other's hosts, and then get 404.

A client that has an HTTP/2 connection uses it for every host that the certificate it was shown is
for. Each server of a port that ends TLS has routes of its own, which are chosen by the SNI that
opened the connection.
Source: https://istio.io/latest/docs/ops/common-problems/network-issues/ ("404 errors occur when
multiple gateways configured with same TLS certificate"), RFC 9113 §9.1.1; istioctl's IST0138
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from controlplane.base.codes import CONNECTIONS_REUSED
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import subset_of
from controlplane.base.names import Namespace
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.gateway import GatewayKey
from controlplane.model.plan.listener import Address
from controlplane.model.proxy_view import GatewayInstance
from controlplane.queries.registry.credentials import credential_of, owner_of, reading
from controlplane.queries.selection.gateways import addresses, merged_servers
from controlplane.translate.kubernetes.secret_entries import ReadKeyPair
from controlplane.translate.server import HttpServer, Server

Namespaces = tuple[Namespace, ...]
_FEW = 3
"""How many servers are remembered for a name: the first are enough to name one."""


@dataclass(frozen=True, slots=True)
class Certified:
    """A server that ends TLS and routes requests, with the names of its certificates in lower case;
    ``=name`` stands for a certificate that cannot be read.
    """

    server: Server
    names: tuple[str, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(served.host.lower() for served in self.server.hosts)

    def is_served_at(self, other: "Certified", host: str) -> bool:
        """Whether requests for a host of this one get the same routes at the other one."""
        return self.server.gateway == other.server.gateway and any(
            subset_of(host, wide) for wide in other.hosts
        )


@dataclass(frozen=True, slots=True)
class Certificates:
    """The servers of a listener in order, and the first of them with a certificate for a name, and
    with a host that a name is for.
    """

    servers: tuple[Certified, ...]
    by_name: Mapping[str, tuple[int, ...]] = field(repr=False, hash=False)
    by_host: Mapping[str, tuple[int, ...]] = field(repr=False, hash=False)

    def reused(self, at: int) -> tuple[Certified, str] | None:
        """An earlier server that shares connections with one, and the host that goes astray."""
        own = self.servers[at]
        for host in own.hosts:
            for name in (*_names_for(host), *(n for n in own.names if n.startswith("="))):
                for other in self._earlier(self.by_name, name, at):
                    if not own.is_served_at(other, host):
                        return other, host
        for name in own.names:
            for other in self._earlier(self.by_host, name, at):
                for host in other.hosts:
                    if name in _names_for(host) and not other.is_served_at(own, host):
                        return other, host
        return None

    def _earlier(
        self, index: Mapping[str, tuple[int, ...]], name: str, at: int
    ) -> Iterator[Certified]:
        return (self.servers[i] for i in index.get(name, ()) if i < at)


def check_reuse(
    report: Report, graph: Graph, key: GatewayKey, instance: GatewayInstance, homes: Namespaces
) -> None:
    """Report the servers of a Gateway whose connections are shared with those of earlier ones."""
    own = f"{key.namespace}/{key.name}"
    _check(report, graph, instance, homes, lambda server: server.gateway == own)


def check_listener_reuse(
    report: Report, graph: Graph, instance: GatewayInstance, home: Namespace
) -> None:
    """The same of the listeners of the Gateway API that ``instance``, in namespace ``home``, is
    for.
    """
    _check(report, graph, instance, (home,), lambda server: server.listener is not None)


def _check(
    report: Report,
    graph: Graph,
    instance: GatewayInstance,
    homes: Namespaces,
    concerns: Callable[[Server], bool],
) -> None:
    for address in addresses(graph, instance):
        found = certificates(graph, instance, address, homes)
        for i, certified in enumerate(found.servers):
            if concerns(certified.server) and (shared := found.reused(i)) is not None:
                _report(report, certified.server, *shared)


def _report(report: Report, server: Server, other: Certified, host: str) -> None:
    report.add(
        CONNECTIONS_REUSED,
        server.place / "tls",
        f"clients that have a connection to {other.server.display_name} reuse it for this server, "
        f"or the other way round, and get 404: a certificate of one is for hosts of both ({host})",
        hint="give each server a certificate for its own hosts alone, or make them one server",
        related=(Related(place=other.server.place / "tls", message="the earlier server"),),
    )


@derived
def certificates(
    graph: Graph, instance: GatewayInstance, address: Address, homes: Namespaces
) -> Certificates:
    """Runs again when a server at the address or a certificate of one changes."""
    merged = merged_servers(graph, instance, address)
    servers = tuple(
        Certified(server, tuple(_names(graph, server, homes)))
        for server in (merged.servers if merged is not None else ())
        if isinstance(server.protocol, HttpServer) and server.tls is not None
    )
    by_name: dict[str, tuple[int, ...]] = {}
    by_host: dict[str, tuple[int, ...]] = {}
    for i, certified in enumerate(servers if len(servers) > 1 else ()):
        for name in certified.names:
            _note(by_name, name, i)
        for host in certified.hosts:
            for name in _names_for(host):
                _note(by_host, name, i)
    return Certificates(servers, by_name, by_host)


def _note(index: dict[str, tuple[int, ...]], name: str, at: int) -> None:
    there = index.get(name, ())
    if len(there) < _FEW and at not in there:
        index[name] = (*there, at)


def _names_for(host: str) -> tuple[str, ...]:
    """The names of a certificate that a client accepts for a host."""
    parent = host.partition(".")[2]
    return (host, f"*.{parent}") if parent else (host,)


def _names(graph: Graph, server: Server, homes: Namespaces) -> Iterator[str]:
    tls = server.tls
    for name in tls.certificates if tls is not None else ():
        places = (owner_of(name),) if tls is not None and name in tls.granted else homes
        credentials = [c for home in places if (c := credential_of(name, home)) is not None]
        read = [reading(graph, credential) for credential in credentials]
        pair = next((found for found in read if isinstance(found, ReadKeyPair)), None)
        if pair is None:
            yield f"={name}"
        else:
            yield from (n.lower() for n in pair.names)
