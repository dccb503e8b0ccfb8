"""The listeners of a gateway: one for each address, encoded once for all proxies that share it.

Source: istio ``pilot/pkg/networking/core/gateway.go``.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Final
from typing import assert_never

from controlplane.base.codes import SNI_TAKEN
from controlplane.base.diagnostics import Related
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import subset_of
from controlplane.base.locations import FieldRef
from controlplane.base.names import PortNumber
from controlplane.base.shelf import Shelf
from controlplane.base.shelf import shelf
from controlplane.envoy.listeners.listener import framed_chain
from controlplane.envoy.listeners.listener import gateway_listener
from controlplane.envoy.resource import Resource
from controlplane.graph import Graph
from controlplane.graph import derived
from controlplane.graph import guarded
from controlplane.model.cluster_name import indicated
from controlplane.model.listening import Address
from controlplane.model.listening import Chain
from controlplane.model.listening import ForwardStream
from controlplane.model.listening import Listener
from controlplane.model.listening import ListenerSettings
from controlplane.model.listening import RouteRequests
from controlplane.model.listening import Share
from controlplane.model.outbound_view import OutboundView
from controlplane.model.proxy import Labels
from controlplane.model.proxy_view import GatewayInstance
from controlplane.model.tls import SecretName
from controlplane.queries.backends import mesh_tls_destinations
from controlplane.queries.gateways import addresses
from controlplane.queries.gateways import merged_servers
from controlplane.queries.mesh import mesh_config
from controlplane.queries.streams import NamedStream
from controlplane.queries.streams import named_streams
from controlplane.queries.streams import stream
from controlplane.translate.istio.gateway_merge import route_table_name
from controlplane.translate.istio.listener_settings import gateway_settings
from controlplane.translate.server import AutoPassthrough
from controlplane.translate.server import HttpServer
from controlplane.translate.server import Server
from controlplane.translate.server import TcpServer
from controlplane.translate.server import TlsPassthrough

MESH_PROTOCOLS: Final = (
    "istio",
    "istio-peer-exchange",
    "istio-http/1.0",
    "istio-http/1.1",
    "istio-h2",
)
"""What clients offer in the mesh's own TLS (ALPN); nothing else is let through by SNI alone."""


@derived
def listeners(
    graph: Graph, instance: GatewayInstance | None, view: OutboundView
) -> Shelf[Resource]:
    """Every listener of a proxy. Runs again when one of them comes, goes or changes."""
    if instance is None:
        return shelf({})
    found = (listener(graph, instance, view, at) for at in addresses(graph, instance))
    return shelf({resource.name: resource for resource in found if resource is not None})


@guarded
def listener(
    graph: Graph, instance: GatewayInstance, view: OutboundView, address: Address
) -> Resource | None:
    """The listener at one address, encoded; ``None`` where nothing is served there."""
    opened = opened_listener(graph, instance, view.for_clusters, address)
    if opened is None:
        return None
    found = (framed(graph, chain, view.settings) for chain in opened.chains)
    chains = [chain for chain in found if chain is not None]
    return gateway_listener(opened, settings(graph, view.settings), chains)


@guarded
def framed(graph: Graph, chain: Chain, metadata: Labels) -> bytes | None:
    """One chain, encoded once for all listeners that have it; an edit of others leaves it."""
    return framed_chain(chain, settings(graph, metadata))


@derived
def settings(graph: Graph, metadata: Labels) -> ListenerSettings:
    """Runs again when the mesh configuration changes."""
    report = Report()
    found = gateway_settings(report, mesh_config(graph), metadata)
    graph.note(*report)
    return found


@derived
def opened_listener(
    graph: Graph, instance: GatewayInstance, view: OutboundView, address: Address
) -> Listener | None:
    """The listener at one address; runs again when the servers there or a stream route of theirs
    change.
    """
    behind = merged_servers(graph, instance, address)
    if behind is None:
        return None
    report = Report()
    plain = tuple(server for server in behind.servers if server.routes_plain_requests)
    claims = [(plain[0], _plain_chain(address, plain))] if plain else []
    for server in behind.servers:
        if not server.routes_plain_requests:
            claims.append((server, tuple(_chains(graph, view, address, server))))
    chains = _Chains(address.port, _ended(claims))
    for server, claimed in claims:
        chains.enter(report, server, claimed)
    graph.note(*report)
    if not chains.taken:
        return None
    return Listener(
        address=address,
        chains=tuple(chains.taken),
        inspects_tls=any(server.sees_tls and claimed for server, claimed in claims),
    )


@derived
def tell_streams(graph: Graph, instance: GatewayInstance, view: OutboundView) -> None:
    """Has it noted which routes lose their SNI to others, where TLS passes through; reads nothing
    else, so that who reads it runs no more often.
    """
    for at in addresses(graph, instance):
        opened = merged_servers(graph, instance, at)
        passing = opened is not None and any(
            isinstance(s.protocol, TlsPassthrough) for s in opened.servers
        )
        if passing:
            opened_listener(graph, instance, view.for_clusters, at)


@derived
def listener_secrets(
    graph: Graph, instance: GatewayInstance | None, view: OutboundView
) -> tuple[SecretName, ...]:
    """The secrets that a proxy's listeners ask for, sorted."""
    if instance is None:
        return ()
    seen = view.for_clusters
    opened = (opened_listener(graph, instance, seen, at) for at in addresses(graph, instance))
    chains = (chain for one in opened if one is not None for chain in one.chains)
    return tuple(sorted({name for chain in chains if chain.tls for name in chain.tls.secrets}))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A chain, and where the user asked for it. ``names`` are what its rule says of SNI, where TLS
    passes through: a rule that names one of an earlier rule takes nothing.
    """

    chain: Chain
    place: FieldRef
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class _Chains:
    """The chains of a listener while they come in; Envoy takes no two that match the same
    connections.
    """

    port: PortNumber
    ended: Mapping[str, FieldRef]
    """Hosts whose TLS ends here: no route may pass their TLS through."""
    taken: list[Chain] = field(default_factory=list)
    _holders: dict[tuple[str, str], FieldRef] = field(default_factory=dict)
    _named: dict[str, FieldRef] = field(default_factory=dict)

    def enter(self, report: Report, server: Server, claims: Iterable[_Claim]) -> None:
        for claim in claims:
            chain = claim.chain
            named = next((name for name in claim.names if name in self._named), None)
            if named is not None:
                self._tell(report, claim.place, named, self._named[named])
                continue
            if isinstance(server.protocol, TlsPassthrough):
                chain = self._without_ended(report, claim)
                if claim.chain.server_names and not chain.server_names:
                    continue
            clash = next((k for k in _matches(chain) if k in self._holders), None)
            if clash is not None:
                self._tell(report, claim.place, clash[0], self._holders[clash])
                continue
            self._holders.update(dict.fromkeys(_matches(chain), claim.place))
            self._named.update(dict.fromkeys(claim.names, claim.place))
            self.taken.append(chain)

    def _without_ended(self, report: Report, claim: _Claim) -> Chain:
        lost = [name for name in claim.chain.server_names if name in self.ended]
        for name in lost:
            self._tell(report, claim.place, name, self.ended[name])
        kept = tuple(name for name in claim.chain.server_names if name not in self.ended)
        return replace(claim.chain, server_names=kept)

    def _tell(self, report: Report, place: FieldRef, name: str, holder: FieldRef) -> None:
        if place == holder:
            return
        wanted = f'SNI "{name}"' if name not in ("", "*") else "every other SNI"
        report.add(
            SNI_TAKEN,
            place,
            f"{wanted} on port {self.port} goes elsewhere already, so it is left out here",
            related=(Related(place=holder, message="comes first"),),
        )


def _ended(claims: Iterable[tuple[Server, tuple[_Claim, ...]]]) -> dict[str, FieldRef]:
    return {
        name: server.place
        for server, claimed in claims
        if server.tls is not None and claimed
        for name in server.server_names or ("",)
    }


def _matches(chain: Chain) -> tuple[tuple[str, str], ...]:
    """What Envoy compares chains by: each SNI with each application protocol, ``""`` for any."""
    return tuple(
        (name, protocol)
        for name in chain.server_names or ("",)
        for protocol in chain.application_protocols or ("",)
    )


def _chains(graph: Graph, view: OutboundView, address: Address, server: Server) -> Iterator[_Claim]:
    match server.protocol:
        case HttpServer():
            prefix = server.title or f"outbound_{address};"
            yield _request_claim(address, server, stat_prefix=prefix, speaks_grpc_web=False)
        case TcpServer(tls=tls):
            forwarded = stream(graph, view, server)
            if forwarded is not None:
                names = server.server_names if tls is not None else ()
                yield _Claim(
                    chain=Chain(handling=forwarded, server_names=names, tls=tls),
                    place=server.place,
                )
        case TlsPassthrough():
            yield from map(_named_chain, named_streams(graph, view, server))
        case AutoPassthrough():
            yield from _mesh_chains(graph, view, server)
        case _:
            assert_never(server.protocol)


def _mesh_chains(graph: Graph, view: OutboundView, server: Server) -> Iterator[_Claim]:
    """A chain for each destination of the mesh within the server's hosts, by its server name."""
    for destination in mesh_tls_destinations(graph, view):
        if any(subset_of(destination.host, host.host) for host in server.hosts):
            name = indicated(PortNumber(destination.port), destination.subset, destination.host)
            yield _Claim(
                chain=Chain(
                    handling=ForwardStream(
                        stat_prefix=name, shares=(Share(cluster=name, weight=1),)
                    ),
                    server_names=(name.lower(),),
                    application_protocols=MESH_PROTOCOLS,
                ),
                place=server.place,
            )


def _plain_chain(address: Address, servers: tuple[Server, ...]) -> tuple[_Claim, ...]:
    """The one chain of all plain HTTP servers at an address; it accepts gRPC-Web if their first
    does, as in Istio.
    """
    claim = _request_claim(
        address,
        servers[0],
        stat_prefix=f"outbound_{address};",
        speaks_grpc_web=_speaks_grpc_web(servers[0]),
    )
    return (claim,)


def _request_claim(
    address: Address, server: Server, *, stat_prefix: str, speaks_grpc_web: bool
) -> _Claim:
    table = route_table_name(server, address)
    assert table is not None, "a server that routes requests has a route table"
    return _Claim(
        chain=Chain(
            handling=RouteRequests(
                route_table=table, stat_prefix=stat_prefix, speaks_grpc_web=speaks_grpc_web
            ),
            server_names=server.server_names if server.tls is not None else (),
            tls=server.tls,
        ),
        place=server.place,
    )


def _speaks_grpc_web(server: Server) -> bool:
    return isinstance(server.protocol, HttpServer) and server.protocol.accepts_grpc_web


def _named_chain(named: NamedStream) -> _Claim:
    return _Claim(
        chain=Chain(handling=named.stream, server_names=named.rule.server_names),
        place=named.rule.place,
        names=named.rule.claimed_names,
    )
