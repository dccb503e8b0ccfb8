"""The servers that share an address of a gateway become its listener: which chains there are, and
which of two that match the same connections is left out. Envoy does not accept a listener with two
chains for the same connections. A server is asked for its chains in the order of the merge, and
what comes first keeps its SNI.
Source: istio ``pilot/pkg/networking/core/gateway.go``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from controlplane.base.codes import SNI_TAKEN
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import PortNumber
from controlplane.model.http_settings import ListenerContext
from controlplane.model.plan.listener import (
    Address,
    ChainMatch,
    ChainPlan,
    Direction,
    Inspection,
    ListenerFilters,
    ListenerPlan,
    PlannedChain,
    UdpProxy,
)
from controlplane.model.plan.network_filters import (
    ClusterWeight,
    HttpConnectionManager,
    HttpFilter,
    NamedTable,
    NetworkFilter,
    TcpProxy,
)
from controlplane.model.tls import ServerTls
from controlplane.translate.istio.extensions_at import extension_origins, network_extensions
from controlplane.translate.istio.gateway_merge import route_table_name
from controlplane.translate.istio.http_filters import http_filters
from controlplane.translate.istio.listener_settings import ListenerSettings
from controlplane.translate.istio.stream_routes import StreamRule
from controlplane.translate.server import HttpServer, Server, TlsPassthrough

MESH_PROTOCOLS: Final = (
    "istio",
    "istio-peer-exchange",
    "istio-http/1.0",
    "istio-http/1.1",
    "istio-h2",
)
"""What clients offer in the mesh's own TLS (ALPN); nothing else is let through by SNI alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedChain:
    """A chain that a server asks for; ``origins`` begin with the field that is named in reports.

    ``named`` is every SNI that its rule names, where TLS passes through: a rule that names one of
    an earlier rule matches nothing.
    """

    chain: ChainPlan
    origins: tuple[FieldRef, ...]
    named: tuple[str, ...] = ()


Wanted = tuple[Server, tuple[WantedChain, ...]]
"""A server, and the chains that it asks for."""


def listener_plan(
    report: Report, address: Address, wanted: Sequence[Wanted], settings: ListenerSettings
) -> ListenerPlan | None:
    """The listener at ``address``; ``None`` where no server has a chain. What is left out is
    reported.
    """
    listener = _Chains(address.port, _hosts_whose_tls_ends(wanted))
    for server, chains in wanted:
        for chain in chains:
            listener.add(report, server, chain)
    if not listener.chains:
        return None
    origins = (origin for chain in listener.chains for origin in chain.origins)
    return ListenerPlan(
        name=str(address),
        address=address,
        chains=tuple(listener.chains),
        direction=Direction.OUTBOUND,
        filters=ListenerFilters(
            proxy_protocol=settings.expects_proxy_protocol,
            tls=Inspection()
            if any(server.sees_tls and chains for server, chains in wanted)
            else None,
        ),
        unmatched_logs=settings.access_logs.unmatched,
        buffer_limit=settings.buffer_limit,
        origins=(*dict.fromkeys(origins), *settings.origins),
    )


def udp_listener_plan(
    server: Server,
    address: Address,
    cluster: str,
    routed_by: tuple[FieldRef, ...],
    settings: ListenerSettings,
) -> ListenerPlan:
    """The listener of UDP at ``address``, which sends all that comes to ``cluster``."""
    return ListenerPlan(
        name=str(address),
        address=address,
        chains=(),
        direction=Direction.OUTBOUND,
        origins=(server.place, *routed_by, *settings.origins),
        datagrams=UdpProxy(stat_prefix=f"outbound_{address};", cluster=cluster),
    )


def plain_http_chain(
    servers: Sequence[Server],
    address: Address,
    settings: ListenerSettings,
    of_routes: tuple[HttpFilter, ...] = (),
) -> WantedChain:
    """The one chain of all plain HTTP servers at an address; it accepts gRPC-Web if their first
    does, as in Istio.
    """
    first = servers[0].protocol
    manager = _http_connection_manager(
        servers[0],
        address,
        settings,
        stat_prefix=f"outbound_{address};",
        accepts_grpc_web=isinstance(first, HttpServer) and first.accepts_grpc_web,
        of_routes=of_routes,
    )
    return WantedChain(
        chain=_chain(_with_network(settings, address.port, manager), settings),
        origins=(*(server.place for server in servers), *_added(settings, address.port)),
    )


def https_chain(
    server: Server,
    address: Address,
    settings: ListenerSettings,
    of_routes: tuple[HttpFilter, ...] = (),
) -> WantedChain:
    prefix = server.title or f"outbound_{address};"
    manager = _http_connection_manager(
        server,
        address,
        settings,
        stat_prefix=prefix,
        accepts_grpc_web=False,
        of_routes=of_routes,
    )
    filters = _with_network(settings, address.port, manager)
    return WantedChain(
        chain=_chain(filters, settings, server.server_names, tls=server.tls),
        origins=(server.place, *_added(settings, address.port)),
    )


def tcp_chain(
    server: Server,
    address: Address,
    rule: StreamRule,
    proxy: TcpProxy,
    settings: ListenerSettings,
) -> WantedChain:
    filters = (*settings.policies.network, *_with_network(settings, address.port, proxy))
    names = rule.server_names or server.server_names if server.tls is not None else ()
    return WantedChain(
        chain=_chain(filters, settings, names, tls=server.tls),
        origins=(server.place, rule.place, *_added(settings, address.port)),
    )


def passthrough_chain(
    server: Server,
    address: Address,
    rule: StreamRule,
    proxy: TcpProxy,
    settings: ListenerSettings,
) -> WantedChain:
    filters = (*settings.policies.network, *_with_network(settings, address.port, proxy))
    return WantedChain(
        chain=_chain(filters, settings, rule.server_names),
        origins=(rule.place, server.place, *_added(settings, address.port)),
        named=rule.claimed_names,
    )


def sni_dnat_chain(server: Server, name: str, settings: ListenerSettings) -> WantedChain:
    """The chain of one destination of the mesh: clients send the name of its cluster as SNI.

    Policies are asked by the destination itself, as in Istio: here nothing is known of the caller.
    """
    proxy = TcpProxy(
        stat_prefix=name,
        clusters=(ClusterWeight(cluster=name, weight=1),),
        idle_timeout=settings.tcp_idle_timeout,
        access_logs=settings.access_logs.connections,
        metrics=settings.metrics,
    )
    return WantedChain(
        chain=_chain((proxy,), settings, (name.lower(),), application_protocols=MESH_PROTOCOLS),
        origins=(server.place,),
    )


def _with_network(
    settings: ListenerSettings, port: PortNumber, last: HttpConnectionManager | TcpProxy
) -> tuple[NetworkFilter, ...]:
    """Users' extensions that read the bytes of connections, before ``last``."""
    return (*network_extensions(settings.extensions, ListenerContext.GATEWAY, port), last)


def _added(settings: ListenerSettings, port: PortNumber) -> tuple[FieldRef, ...]:
    """What puts filters into the chains of a port."""
    extensions = extension_origins(settings.extensions, ListenerContext.GATEWAY, port)
    return (*settings.policies.origins, *extensions)


def _chain(
    filters: tuple[NetworkFilter, ...],
    settings: ListenerSettings,
    server_names: tuple[str, ...] = (),
    application_protocols: tuple[str, ...] = (),
    tls: ServerTls | None = None,
) -> ChainPlan:
    return ChainPlan(
        match=ChainMatch(server_names=server_names, application_protocols=application_protocols),
        network_filters=filters,
        tls=tls,
        handshake_timeout=settings.handshake_timeout,
    )


def _http_connection_manager(
    server: Server,
    address: Address,
    settings: ListenerSettings,
    *,
    stat_prefix: str,
    accepts_grpc_web: bool,
    of_routes: tuple[HttpFilter, ...],
) -> HttpConnectionManager:
    table = route_table_name(server, address)
    assert table is not None, "a server that routes requests has a route table"
    return HttpConnectionManager(
        routes=NamedTable(table),
        stat_prefix=stat_prefix,
        filters=http_filters(
            settings,
            ListenerContext.GATEWAY,
            address.port,
            accepts_grpc_web=accepts_grpc_web,
            of_routes=of_routes,
        ),
        settings=settings.http,
        access_logs=settings.access_logs.requests,
        metrics=settings.metrics,
    )


@dataclass(slots=True)
class _Chains:
    """The chains of a listener while they are added."""

    port: PortNumber
    ended: Mapping[str, FieldRef]
    """Hosts whose TLS ends here: no route may pass their TLS through."""
    chains: list[PlannedChain] = field(default_factory=list)
    _holders: dict[tuple[str, str], FieldRef] = field(default_factory=dict)
    _named: dict[str, FieldRef] = field(default_factory=dict)

    def add(self, report: Report, server: Server, wanted: WantedChain) -> None:
        place, chain = wanted.origins[0], wanted.chain
        named = next((name for name in wanted.named if name in self._named), None)
        if named is not None:
            self._report(report, place, named, self._named[named])
            return
        if isinstance(server.protocol, TlsPassthrough):
            chain = self._without_ended(report, place, chain)
            if wanted.chain.match.server_names and not chain.match.server_names:
                return
        keys = _keys(chain.match)
        taken = next((key for key in keys if key in self._holders), None)
        if taken is not None:
            self._report(report, place, taken[0], self._holders[taken])
            return
        self._holders.update(dict.fromkeys(keys, place))
        self._named.update(dict.fromkeys(wanted.named, place))
        self.chains.append(PlannedChain(chain=chain, origins=wanted.origins))

    def _without_ended(self, report: Report, place: FieldRef, chain: ChainPlan) -> ChainPlan:
        lost = [name for name in chain.match.server_names if name in self.ended]
        for name in lost:
            self._report(report, place, name, self.ended[name])
        kept = tuple(name for name in chain.match.server_names if name not in self.ended)
        return replace(chain, match=replace(chain.match, server_names=kept)) if lost else chain

    def _report(self, report: Report, place: FieldRef, name: str, holder: FieldRef) -> None:
        if place == holder:
            return
        wanted = f'SNI "{name}"' if name not in ("", "*") else "every other SNI"
        report.add(
            SNI_TAKEN,
            place,
            f"{wanted} on port {self.port} is already routed elsewhere; this route is ignored for "
            "it",
            related=(Related(place=holder, message="comes first"),),
        )


def _hosts_whose_tls_ends(wanted: Iterable[Wanted]) -> dict[str, FieldRef]:
    return {
        name: server.place
        for server, chains in wanted
        if server.tls is not None and chains
        for name in server.server_names or ("",)
    }


def _keys(match: ChainMatch) -> tuple[tuple[str, str], ...]:
    """What Envoy compares chains by: each SNI with each application protocol, ``""`` for any."""
    return tuple(
        (name, protocol)
        for name in match.server_names or ("",)
        for protocol in match.application_protocols or ("",)
    )
