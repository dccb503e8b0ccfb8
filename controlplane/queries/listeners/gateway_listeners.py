"""The plan of a gateway's listener: its servers, with the TCP and TLS routes of those servers.

Source: istio ``pilot/pkg/networking/core/gateway.go``.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from controlplane.base.diagnostics import Diagnostic, Diagnostics, Report, Reported
from controlplane.base.hosts import subset_of
from controlplane.base.names import PortNumber
from controlplane.graph import Graph, derived, guarded
from controlplane.model.cluster_name import sni_dnat_name
from controlplane.model.http_settings import ListenerContext
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.listener import ListenerPlan
from controlplane.model.plan.network_filters import HttpFilter, KeptSessions, RouteCheck
from controlplane.model.plan.proxy import GatewayListener
from controlplane.model.proxy_view import GatewayInstance
from controlplane.queries.clusters.cluster_shelves import sni_dnat_destinations
from controlplane.queries.gateway_api.external_auth import external_providers
from controlplane.queries.listeners.datagrams import routed_datagrams
from controlplane.queries.listeners.settings import observed_settings
from controlplane.queries.listeners.streams import RoutedStream, named_streams, server_streams
from controlplane.queries.policy.extensions import extensions_of
from controlplane.queries.policy.policy_filters import policy_filters
from controlplane.queries.selection.gateways import addresses, merged_servers
from controlplane.translate.istio.gateway_listener import (
    Wanted,
    WantedChain,
    https_chain,
    listener_plan,
    passthrough_chain,
    plain_http_chain,
    sni_dnat_chain,
    tcp_chain,
    udp_listener_plan,
)
from controlplane.translate.istio.gateway_merge import MergedServers
from controlplane.translate.istio.listener_settings import ListenerSettings
from controlplane.translate.server import (
    AutoPassthrough,
    HttpServer,
    Server,
    TcpServer,
    TlsPassthrough,
    UdpServer,
)


@guarded
def gateway_listener_plan(graph: Graph, key: GatewayListener) -> ListenerPlan | None:
    """The listener at one address of a gateway; ``None`` where nothing is served there.

    Runs again when the servers there, a stream route of theirs, a policy of the gateway or the
    mesh's settings change.
    """
    return reported_listener(graph, key).value


@derived
def reported_listener(graph: Graph, key: GatewayListener) -> Reported[ListenerPlan | None]:
    """The listener at one address, with the routes that lose their SNI to others."""
    merged = merged_servers(graph, key.instance, key.address)
    if merged is None:
        return Reported(None)
    settings = replace(
        observed_settings(graph, key.view, ListenerContext.GATEWAY),
        policies=policy_filters(graph, key.instance.policies, ListenerContext.GATEWAY),
        extensions=extensions_of(graph, key.instance.extensions),
    )
    if key.address.is_udp:
        return Reported(_datagrams(graph, key, merged, settings))
    report = Report()
    wanted = tuple(_wanted(graph, key.view.for_clusters, merged, settings))
    plan = listener_plan(report, key.address, wanted, settings)
    return Reported(plan, tuple(report))


def _datagrams(
    graph: Graph, key: GatewayListener, merged: MergedServers, settings: ListenerSettings
) -> ListenerPlan | None:
    """A listener of UDP; ``None`` where no route leads on from it."""
    (server,) = merged.servers
    assert server.listener is not None, "only the Gateway API has listeners of UDP"
    routed = routed_datagrams(graph, key.view.namespace, server.listener, server.port)
    if routed is None:
        return None
    return udp_listener_plan(server, key.address, routed.cluster, (routed.place,), settings)


@derived
def sni_conflicts(graph: Graph, instance: GatewayInstance, view: OutboundView) -> Diagnostics:
    """Which routes lose their SNI to others, where TLS passes through."""
    found: list[Diagnostic] = []
    for address in addresses(graph, instance):
        merged = merged_servers(graph, instance, address)
        servers = merged.servers if merged is not None else ()
        if any(isinstance(server.protocol, TlsPassthrough) for server in servers):
            key = GatewayListener(instance=instance, view=view, address=address)
            found.extend(reported_listener(graph, key).diagnostics)
    return tuple(found)


def _wanted(
    graph: Graph, view: OutboundView, merged: MergedServers, settings: ListenerSettings
) -> Iterator[Wanted]:
    """Every server with its chains; the plain HTTP servers share the first."""
    plain = tuple(server for server in merged.servers if server.routes_plain_requests)
    if plain:
        of_routes = _of_routes(graph, plain)
        yield plain[0], (plain_http_chain(plain, merged.address, settings, of_routes),)
    for server in merged.servers:
        if not server.routes_plain_requests:
            yield server, tuple(_chains(graph, view, merged, server, settings))


def _chains(
    graph: Graph,
    view: OutboundView,
    merged: MergedServers,
    server: Server,
    settings: ListenerSettings,
) -> Iterator[WantedChain]:
    match server.protocol:
        case HttpServer():
            yield https_chain(server, merged.address, settings, _of_routes(graph, (server,)))
        case TcpServer():
            for found in server_streams(graph, view, server, settings):
                yield _with_policies(
                    tcp_chain(server, merged.address, found.rule, found.proxy, settings), found
                )
        case TlsPassthrough():
            for named in named_streams(graph, view, server, settings):
                chain = passthrough_chain(server, merged.address, named.rule, named.proxy, settings)
                yield _with_policies(chain, named)
        case UdpServer():
            return  # it has no connections
        case AutoPassthrough():
            for name in _sni_dnat_names(graph, view, server):
                yield sni_dnat_chain(server, name, settings)
        case _:
            assert_never(server.protocol)


def _of_routes(graph: Graph, servers: tuple[Server, ...]) -> tuple[HttpFilter, ...]:
    """The filters that routes of the Gateway API may switch on."""
    parents = dict.fromkeys(s.listener.parent for s in servers if s.listener is not None)
    if not parents:
        return ()
    asked = {p.name: p for parent in parents for p in external_providers(graph, parent)}
    return (*(RouteCheck(asked[name]) for name in sorted(asked)), KeptSessions())


def _with_policies(chain: WantedChain, routed: RoutedStream) -> WantedChain:
    return replace(chain, origins=(*chain.origins, *routed.policies))


def _sni_dnat_names(graph: Graph, view: OutboundView, server: Server) -> Iterator[str]:
    """The cluster of each destination of the mesh within the server's hosts."""
    for destination in sni_dnat_destinations(graph, view):
        if any(subset_of(destination.host, host.host) for host in server.hosts):
            yield sni_dnat_name(PortNumber(destination.port), destination.subset, destination.host)
