"""The route tables of a gateway: the VirtualServices bound to its servers, host by host.

An edit of one VirtualService encodes its routes, joins them into its virtual hosts, and joins those
into the table: the rest of the table is kept as bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, assert_never

from controlplane.base.names import Host, ObjectKey, PortNumber
from controlplane.base.shelf import GROUP, Shelf, shelf
from controlplane.envoy.resource import Part, Resource, part
from controlplane.envoy.routes.table import framed_route, framed_virtual_host, route_table
from controlplane.graph import Graph, derived, guarded
from controlplane.model.http_match import RouteMatch
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import GatewayTable, RouteTablePlan
from controlplane.model.routing import Respond, Route
from controlplane.queries.gateway_api.attachment import hosts_of_http_routes, shards_of_http_routes
from controlplane.queries.routes.bound_routes import BoundRoutes, HostBindings, bound_routes
from controlplane.queries.routes.virtual_services import bound_hosts, bound_shards, route_defaults
from controlplane.translate.istio.server_hosts import ServerHosts, hosts_of_table
from controlplane.translate.service_domains import bracketed

EMPTY_TABLE: Final = "blackhole"  # istiod's name of the virtual host of a table without any
FEW_GATEWAYS: Final = 16  # in one table: each shard asks all of them for their hosts
HostSources = tuple[tuple[str, ...], tuple[ObjectKey, ...]]
"""Gateways to which VirtualServices are bound, and parents of HTTP and gRPC routes."""
MISDIRECTED: Final = "misdirected"
ELSEWHERE: Final = Route(
    match=RouteMatch(),
    action=Respond(status=421),
    operation=None,
    declared_by=None,
    name=MISDIRECTED,
)
"""For requests that came over the connection of another listener (RFC 9110, "Misdirected")."""


@derived
def route_tables(
    graph: Graph, plans: tuple[RouteTablePlan, ...], view: OutboundView
) -> Shelf[Resource]:
    """The route tables that a proxy's listeners name; runs again when one of them changes."""
    tables = (_route_table(graph, plan, view) for plan in plans)
    return shelf({found.name: found for found in tables if found is not None})


def _route_table(graph: Graph, plan: RouteTablePlan, view: OutboundView) -> Resource | None:
    match plan:
        case GatewayTable():
            return table(graph, server_hosts(graph, plan), view)
    assert_never(plan)


@derived
def server_hosts(_: Graph, plan: GatewayTable) -> ServerHosts:
    return hosts_of_table(plan)


@guarded
def table(graph: Graph, servers: ServerHosts, view: OutboundView) -> Resource | None:
    """One route table. One without any virtual host answers 404 to everything.

    Runs again when a virtual host in it comes, goes or changes.
    """
    groups = virtual_host_groups(graph, servers, view)
    if servers.elsewhere:
        groups.append(misdirected(graph, servers.table.servers[0].port, servers.elsewhere))
    if not groups:
        port = servers.table.servers[0].port if servers.table.servers else 0
        nothing = framed_virtual_host(
            f"{EMPTY_TABLE}:{port}", ("*",), (), demands_tls=False, tells_attempt=False
        )
        groups = [part((nothing,))]
    return route_table(servers.table.name, groups)


@derived
def misdirected(_: Graph, port: PortNumber, hosts: tuple[Host, ...]) -> Part:
    """The virtual host of requests that belong to other listeners of the port."""
    framed = framed_virtual_host(
        f"{MISDIRECTED}:{port}",
        [bracketed(host) for host in hosts],
        (framed_route(ELSEWHERE),),
        demands_tls=False,
        tells_attempt=False,
    )
    return part((framed,))


def virtual_host_groups(graph: Graph, servers: ServerHosts, view: OutboundView) -> list[Part]:
    """The virtual hosts of a table, group by group of the shards; none where all are empty."""
    firsts = sorted({shard // GROUP * GROUP for shard in servers.shards})
    groups = (virtual_host_group(graph, servers, view, first) for first in firsts)
    return [group for group in groups if group.encoded]


@derived
def virtual_host_group(graph: Graph, servers: ServerHosts, view: OutboundView, first: int) -> Part:
    """The virtual hosts in the shards from ``first``, joined: an edit reads one group, not all."""
    shards = (shard for shard in servers.shards if first <= shard < first + GROUP)
    return part(virtual_hosts(graph, servers, view, shard) for shard in shards)


@derived
def virtual_hosts(graph: Graph, servers: ServerHosts, view: OutboundView, shard: int) -> bytes:
    """The virtual hosts in one shard of the hosts, joined, by domain.

    Runs again when a VirtualService is bound to a host of the shard or unbound from it, or when one
    of these virtual hosts changes.
    """
    found = (
        virtual_host(graph, domain, tuple(bindings.values()), view)
        for domain, bindings in host_bindings(graph, servers, shard)
    )
    return b"".join(framed for framed in found if framed is not None)


@derived
def host_bindings(
    graph: Graph, servers: ServerHosts, shard: int
) -> tuple[tuple[str, Mapping[int, HostBindings]], ...]:
    """The domains in a shard, sorted, each with the bindings of every server that has it, by the
    server's place in the table. Runs again when a host of the shard is bound or unbound.
    """
    found: dict[str, dict[int, HostBindings]] = {}
    for host in _candidates(graph, servers, shard):
        if host in servers.elsewhere:
            continue
        for server, binding in servers.bindings(host).items():
            here = found.setdefault(host.lower(), {})
            here[server] = (*here.get(server, ()), (host, binding))
    return tuple((domain, dict(sorted(found[domain].items()))) for domain in sorted(found))


def _candidates(graph: Graph, servers: ServerHosts, shard: int) -> list[Host]:
    """Every host at which a server may have routes."""
    if len(servers.gateways) <= FEW_GATEWAYS:
        gateways, parents = servers.gateways, servers.parents
    else:
        gateways, parents = shard_sources(graph, servers, shard)
    bound = (host for gateway in gateways for host in bound_hosts(graph, (gateway, shard)))
    routed = (h for parent in parents for h in hosts_of_http_routes(graph, (parent, shard)))
    listed = servers.hosts_by_shard.get(shard, ())
    return sorted({*bound, *routed, *listed})


@derived
def shard_sources(graph: Graph, servers: ServerHosts, shard: int) -> HostSources:
    """Where a table has many gateways: those with hosts in a shard. Changes of others stop here."""
    return sources_by_shard(graph, servers).get(shard, ((), ()))


@derived
def sources_by_shard(graph: Graph, servers: ServerHosts) -> Mapping[int, HostSources]:
    """Where a table has many gateways: those with hosts in each shard, so that no shard asks them
    all. Runs again when one has a host in a shard where it had none, or no longer has any there.
    """
    gateways: dict[int, list[str]] = {}
    for gateway in servers.gateways:
        for shard in bound_shards(graph, gateway):
            gateways.setdefault(shard, []).append(gateway)
    parents: dict[int, list[ObjectKey]] = {}
    for parent in servers.parents:
        for shard in shards_of_http_routes(graph, parent):
            parents.setdefault(shard, []).append(parent)
    return {
        shard: (tuple(gateways.get(shard, ())), tuple(parents.get(shard, ())))
        for shard in {*gateways, *parents}
    }


@guarded
def virtual_host(
    graph: Graph, domain: str, bindings: tuple[HostBindings, ...], view: OutboundView
) -> bytes | None:
    """One virtual host, in its place of a table; ``None`` where nothing is served.

    Istio distinguishes the case of a host when it binds VirtualServices to servers, Envoy does not:
    spellings share the virtual host. Runs again when a VirtualService for the host (or for a wider
    one, where a server lists it) comes or goes, or when its routes change.
    """
    bound = [one for of_server in bindings for one in bound_routes(graph, of_server, view)]
    if not bound:
        return None
    routes = [one.routes for one in merged(bound)]
    return framed_virtual_host(
        virtual_host_name(domain, bound),
        (bracketed(domain),),
        [*(r.specific for r in routes), *(r.catch_all for r in routes)],
        demands_tls=any(one.redirects for one in bound),
        tells_attempt=route_defaults(graph, view.route_settings).tells_attempt,
    )


def merged(bound: Iterable[BoundRoutes]) -> Iterable[BoundRoutes]:
    """The VirtualServices whose routes a virtual host has, in order: one bound to several servers
    of a Gateway gives them once.
    """
    return {(one.gateway, one.key): one for one in bound}.values()


def virtual_host_name(domain: str, bound: Sequence[BoundRoutes]) -> str:
    return f"{bracketed(domain)}:{bound[0].port}"
