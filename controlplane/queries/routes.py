"""The route tables of a gateway: the VirtualServices that meet its servers, host by host.

An edit of one VirtualService encodes its routes, joins them into its virtual hosts, and joins those
into the table: the rest of the table is bytes that are kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import is_ip
from controlplane.base.hosts import subset_of
from controlplane.base.hosts import wider
from controlplane.base.names import Host
from controlplane.base.names import Namespace
from controlplane.base.names import ObjectKey
from controlplane.base.names import PortNumber
from controlplane.base.shelf import Shelf
from controlplane.base.shelf import shelf
from controlplane.envoy.resource import Resource
from controlplane.envoy.routes.table import framed_virtual_host
from controlplane.envoy.routes.table import route_table
from controlplane.graph import Graph
from controlplane.graph import derived
from controlplane.graph import guarded
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import GatewayTable
from controlplane.model.proxy_view import GatewayInstance
from controlplane.queries.gateways import gateway_tables
from controlplane.queries.virtual_services import EncodedRoutes
from controlplane.queries.virtual_services import Standing
from controlplane.queries.virtual_services import bound_at
from controlplane.queries.virtual_services import bound_hosts
from controlplane.queries.virtual_services import encoded_routes
from controlplane.queries.virtual_services import hosts_of_virtual_service
from controlplane.queries.virtual_services import odd_wildcards
from controlplane.queries.virtual_services import route_defaults
from controlplane.queries.virtual_services import standing
from controlplane.translate.istio.server_hosts import HostBinding
from controlplane.translate.istio.server_hosts import ServerHosts
from controlplane.translate.istio.server_hosts import hosts_of_table

GROUP: Final = 16  # shards that are joined before all are; the square root of their number
Meeting = tuple[tuple[Host, HostBinding], ...]
"""Whom one server admits to a host, for each way that it is spelled."""
Comer = tuple[ObjectKey, HostBinding]
"""A VirtualService, and the way by which it comes in."""
CROWD: Final = 32  # VirtualServices at one host that are looked at together


@derived
def route_tables(
    graph: Graph, instance: GatewayInstance | None, view: OutboundView
) -> Shelf[Resource]:
    """The route tables that a proxy's listeners name; runs again when one of them changes."""
    if instance is None:
        return shelf({})
    plans = gateway_tables(graph, instance)
    tables = (table(graph, _server_hosts(graph, plan), view) for plan in plans)
    return shelf({found.name: found for found in tables if found is not None})


@derived
def _server_hosts(_: Graph, plan: GatewayTable) -> ServerHosts:
    return hosts_of_table(plan)


@guarded
def table(graph: Graph, servers: ServerHosts, view: OutboundView) -> Resource | None:
    """One route table. One without any virtual host answers 404 to everything.

    Runs again when a virtual host in it comes, goes or changes.
    """
    firsts = sorted({shard // GROUP * GROUP for shard in servers.shards})
    groups = [virtual_host_group(graph, servers, view, first) for first in firsts]
    if not any(groups):
        port = servers.table.servers[0].port if servers.table.servers else 0
        groups = [
            framed_virtual_host(
                f"blackhole:{port}", "*", (), demands_tls=False, tells_attempt=False
            )
        ]
    return route_table(servers.table.name, groups)


@derived
def virtual_host_group(graph: Graph, servers: ServerHosts, view: OutboundView, first: int) -> bytes:
    """The virtual hosts in the shards from ``first``, joined: an edit reads one group, not all."""
    shards = (shard for shard in servers.shards if first <= shard < first + GROUP)
    return b"".join(virtual_hosts(graph, servers, view, shard) for shard in shards)


@derived
def virtual_hosts(graph: Graph, servers: ServerHosts, view: OutboundView, shard: int) -> bytes:
    """The virtual hosts in one shard of the hosts, joined, by domain.

    Runs again when a VirtualService is bound to a host of the shard or unbound from it, or when one
    of these virtual hosts changes.
    """
    met: dict[str, dict[int, Meeting]] = {}
    for host in _candidates(graph, servers, shard):
        for server, admission in servers.bindings(host).items():
            here = met.setdefault(host.lower(), {})
            here[server] = (*here.get(server, ()), (host, admission))
    found = (
        virtual_host(graph, domain, tuple(here for _, here in sorted(met[domain].items())), view)
        for domain in sorted(met)
    )
    return b"".join(part for part in found if part is not None)


def _candidates(graph: Graph, servers: ServerHosts, shard: int) -> list[Host]:
    """Every host that may be one at which a server and a VirtualService meet."""
    bound = (host for gateway in servers.gateways for host in bound_hosts(graph, (gateway, shard)))
    listed = servers.hosts_by_shard.get(shard, ())
    return sorted({*bound, *listed})


@guarded
def virtual_host(
    graph: Graph, domain: str, meetings: tuple[Meeting, ...], view: OutboundView
) -> bytes | None:
    """One virtual host, in its place of a table; ``None`` where nothing is served.

    Istio tells spellings of a host that differ in case apart when servers and VirtualServices meet,
    and Envoy does not: they share the virtual host. Runs again when a VirtualService for the host
    (or for a wider one, where a server lists it) comes or goes, or when its routes change.
    """
    sources = [source for meeting in meetings for source in _sources(graph, meeting, view)]
    if not sources:
        return None
    routes = tuple({source.origin: source.routes for source in sources}.values())
    return framed_virtual_host(
        f"{_bracketed(domain)}:{sources[0].port}",
        _bracketed(domain),
        [*(r.specific for r in routes), *(r.catch_all for r in routes)],
        demands_tls=any(source.redirects for source in sources),
        tells_attempt=route_defaults(graph).tells_attempt,
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """Why a virtual host exists: a VirtualService that meets a server there, or a server that sends
    everybody to HTTPS. ``origin`` tells a VirtualService that comes by several servers of a
    Gateway.
    """

    origin: tuple[str, ObjectKey | None]
    port: PortNumber
    redirects: bool
    routes: EncodedRoutes


def _sources(graph: Graph, meeting: Meeting, view: OutboundView) -> Iterator[_Source]:
    """What comes in at one server: VirtualServices in the order they merge."""
    if _crowd(graph, meeting) <= CROWD:
        yield from _met(graph, _comers(graph, meeting, view.namespace), view)
    else:
        for first in range(0, len(comers(graph, meeting, view.namespace)), CROWD):
            yield from sources_group(graph, meeting, first, view)
    for _, admission in meeting:
        if admission.redirects_everybody:
            at = admission.server_port
            yield _Source((at.gateway, None), at.port, True, EncodedRoutes(b"", b""))


def _crowd(graph: Graph, meeting: Meeting) -> int:
    """About how many VirtualServices come in."""
    return sum(len(bound_at(graph, (at.server_port.gateway, host))) for host, at in meeting)


@derived
def comers(graph: Graph, meeting: Meeting, client: Namespace) -> tuple[Comer, ...]:
    """Where many come in: runs again when one comes or goes or changes its place; a change of its
    routes stops here.
    """
    return _comers(graph, meeting, client)


@derived
def sources_group(
    graph: Graph, meeting: Meeting, first: int, view: OutboundView
) -> tuple[_Source, ...]:
    """Where many come in: some of them, so that an edit of one reads one group, not all."""
    group = comers(graph, meeting, view.namespace)[first : first + CROWD]
    return tuple(_met(graph, group, view))


def _comers(graph: Graph, meeting: Meeting, client: Namespace) -> tuple[Comer, ...]:
    ranked = (
        (rank, key, admission)
        for host, admission in meeting
        for rank, key in _admitted(graph, host, admission, client)
    )
    return tuple(
        (key, admission) for _, key, admission in sorted(ranked, key=lambda comer: comer[:2])
    )


def _met(graph: Graph, group: tuple[Comer, ...], view: OutboundView) -> Iterator[_Source]:
    for key, admission in group:
        routes = _routes_at(graph, key, admission, view)
        if routes is not None:
            at = admission.server_port
            yield _Source((at.gateway, key), at.port, admission.redirects, routes)


def _routes_at(
    graph: Graph, key: ObjectKey, admission: HostBinding, view: OutboundView
) -> EncodedRoutes | None:
    hosts = hosts_of_virtual_service(graph, key) if admission.earlier else ()
    for entrance in admission.server_ports(key.namespace, hosts):
        routes = encoded_routes(graph, key, entrance, view)
        if routes is not None:
            return routes
    return None


def _admitted(
    graph: Graph, host: Host, admission: HostBinding, client: Namespace
) -> list[tuple[Standing, ObjectKey]]:
    """The VirtualServices that come in at a host, with their places among others."""
    gateway = admission.server_port.gateway
    keys = {key for key in bound_at(graph, (gateway, host)) if admission.admits_same(key.namespace)}
    if admission.listed:
        keys.update(
            key
            for wide in _wider_bound(graph, gateway, host)
            for key in bound_at(graph, (gateway, wide))
            if admission.admits_wider(key.namespace)
        )
    return [(rank, key) for key in keys if (rank := standing(graph, key, client)) is not None]


def _wider_bound(graph: Graph, gateway: str, host: Host) -> Iterator[Host]:
    yield from (wide for wide in wider(host) if wide != host)
    yield from (w for w in odd_wildcards(graph, gateway) if w != host and subset_of(host, w))


def _bracketed(domain: str) -> str:
    return f"[{domain}]" if ":" in domain and is_ip(domain) else domain
