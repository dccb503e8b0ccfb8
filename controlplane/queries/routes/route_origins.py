"""Where the route tables of a gateway come from: every virtual host and every route of them.

Computed on demand and not kept. Built by the functions that build the tables; a VirtualService
whose routes are not, byte for byte, those that proxies have is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

from controlplane.base.diagnostics import Report
from controlplane.base.hosts import subset_of
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, ObjectKey, PortNumber
from controlplane.base.provenance import Provenance
from controlplane.graph import Graph, guarded
from controlplane.kinds.gateway_api.common import BackendObjectReference
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.kinds.istio.virtual_service import Destination, VirtualService
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.proxy import ProxyPlan
from controlplane.model.plan.route_table import GatewayTable
from controlplane.model.proxy_view import GatewayInstance, ProxyView
from controlplane.model.routing import Routed
from controlplane.queries.gateway_api.attachment import (
    RequestRouteKey,
    attachment,
    http_routes_of,
    parent_count,
)
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.rule_origins import hash_origins
from controlplane.queries.routes.bound_routes import (
    BoundRoutes,
    bound_routes,
    listener_port,
)
from controlplane.queries.routes.http_routes import RouteSet, backend, encoded_set, routes_of
from controlplane.queries.routes.routes import (
    EMPTY_TABLE,
    MISDIRECTED,
    host_bindings,
    merged,
    server_hosts,
    virtual_host_groups,
    virtual_host_name,
)
from controlplane.queries.routes.virtual_services import (
    EncodedRoutes,
    destination_target,
    encodable,
    encoded_routes,
    hosts_of_virtual_service,
    joined,
    route_defaults,
    routes_at,
)
from controlplane.queries.selection.gateways import merged_gateways
from controlplane.translate.gateway_api.backend_ref import Backend, ListenerPort, backend_host
from controlplane.translate.gateway_api.http_route import RankedRoute
from controlplane.translate.istio.gateway_merge import servers_of_table
from controlplane.translate.istio.proxy_config import OWN_CONFIG
from controlplane.translate.istio.server_hosts import ServerHosts, ServerPort
from controlplane.translate.route_target import RouteTarget
from controlplane.translate.server import Server

_OWN_HEADERS: Final = FieldRef(OWN_CONFIG, ("proxyHeaders",))
_ATTEMPT_COUNT: Final = FieldRef(MESH_CONFIG_KEY, ("defaultConfig", "proxyHeaders", "attemptCount"))


@dataclass(frozen=True, slots=True)
class ExplainedRoutes:
    """``EncodedRoutes`` as values, with what made each."""

    specific: tuple[Routed, ...]
    catch_all: tuple[Routed, ...]


@guarded
def explained_routes(
    graph: Graph, key: ObjectKey[VirtualService], server_port: ServerPort, view: OutboundView
) -> ExplainedRoutes | None:
    """What ``encoded_routes`` has. ``None`` where it has something else, which happens when one of
    the two has just raised and kept its last value.
    """

    def target(to: Destination) -> RouteTarget:
        port = PortNumber(to.port.number) if to.port is not None else None
        origins = hash_origins(graph, view.for_clusters, Host(to.host), port, to.subset or None)
        return replace(destination_target(graph, key, server_port, view, to), origins=origins)

    routes = encodable(Report(), routes_at(graph, key, server_port, view, target))
    return _as_served(routes, encoded_routes(graph, key, server_port, view))


def _as_served(
    routes: Sequence[tuple[Routed, bytes]], served: EncodedRoutes | None
) -> ExplainedRoutes | None:
    encoded = joined(routes)
    if served is None or (encoded.specific, encoded.catch_all) != (
        served.specific,
        served.catch_all,
    ):
        return None
    return ExplainedRoutes(
        tuple(routed for routed, _ in routes if not routed.route.match.catches_all),
        tuple(routed for routed, _ in routes if routed.route.match.catches_all),
    )


@guarded
def explained_set(
    graph: Graph, routes: RouteSet, at: ListenerPort, view: OutboundView
) -> ExplainedRoutes | None:
    """What ``encoded_set`` has; ``None`` as for ``explained_routes``."""
    keys = http_routes_of(graph, routes.listener, routes.host)
    ranked = sorted(
        (each.rank, routed, framed)
        for key in keys
        for each in _ranked(graph, key, at, view)
        for routed, framed in encodable(Report(), (each.routed,))
    )
    catching = (i for i, (_, each, _) in enumerate(ranked) if each.route.match.catches_all)
    taken = [(routed, framed) for _, routed, framed in ranked[: next(catching, len(ranked)) + 1]]
    return _as_served(taken, encoded_set(graph, routes, at, view))


def _ranked(
    graph: Graph, key: RequestRouteKey, at: ListenerPort, view: OutboundView
) -> tuple[RankedRoute, ...]:
    return routes_of(graph, key, at, view, partial(_explained_backend, graph, key, at, view))


def _explained_backend(
    graph: Graph,
    key: RequestRouteKey,
    at: ListenerPort,
    view: OutboundView,
    ref: BackendObjectReference,
) -> Backend:
    found = backend(graph, key, at, view, ref)
    host = backend_host(ref, key.namespace)
    if host is None or not found.is_resolved:
        return found
    port = PortNumber(ref.port) if ref.port is not None else None
    origins = hash_origins(graph, view.for_clusters, host, port, None)
    return replace(found, target=replace(found.target, origins=origins))


def route_table_origins(
    graph: Graph, plan: ProxyPlan, view: ProxyView, shards: range
) -> Iterator[Provenance]:
    """Each table that the listeners of a proxy name, with its virtual hosts in some shards."""
    for table in plan.route_tables:
        match table:
            case GatewayTable():
                assert view.gateway is not None, "its servers are those of a gateway"
                yield _gateway_table(graph, table, view.gateway, view.outbound.for_routes, shards)
            case _:
                assert_never(table)


def _gateway_table(
    graph: Graph, table: GatewayTable, instance: GatewayInstance, view: OutboundView, shards: range
) -> Provenance:
    servers = servers_of_table(merged_gateways(graph, instance).listeners, table.name)
    hosts = server_hosts(graph, table)
    at = tuple(server.place for server in servers)
    parts = tuple(_virtual_hosts(graph, hosts, servers, view, shards))
    if 0 in shards and hosts.elsewhere:
        route = Provenance(name=MISDIRECTED, origins=at)
        name = f"{MISDIRECTED}:{servers[0].port}"
        parts = (*parts, Provenance(name=name, origins=at, parts=(route,)))
    elif 0 in shards and not virtual_host_groups(graph, hosts, view):
        parts = (Provenance(name=f"{EMPTY_TABLE}:{servers[0].port}", origins=at),)
    return Provenance(name=table.name, origins=at, parts=parts)


def _virtual_hosts(
    graph: Graph, hosts: ServerHosts, servers: tuple[Server, ...], view: OutboundView, shards: range
) -> Iterator[Provenance]:
    for shard in hosts.shards:
        for domain, bindings in host_bindings(graph, hosts, shard) if shard in shards else ():
            found = [
                (servers[place], bound)
                for place, of_server in bindings.items()
                for bound in bound_routes(graph, of_server, view)
            ]
            if found:
                yield _virtual_host(graph, domain, found, view)


def _virtual_host(
    graph: Graph, domain: str, found: list[tuple[Server, BoundRoutes]], view: OutboundView
) -> Provenance:
    bound = [one for _, one in found]
    origins = [
        *(field for one in bound for field in _bound_hosts(graph, one)),
        *(server.place / "tls" / "httpsRedirect" for server, one in found if one.redirects),
        *(field for server, one in found for field in _served_hosts(server, one)),
        *_attempt_count(graph, view),
    ]
    return Provenance(
        name=virtual_host_name(domain, bound),
        origins=tuple(dict.fromkeys(origins)),
        parts=tuple(_routes(graph, merged(bound), view)),
    )


def _attempt_count(graph: Graph, view: OutboundView) -> tuple[FieldRef, ...]:
    """What takes the count of tries from requests, where something does."""
    if route_defaults(graph, view.route_settings).tells_attempt:
        return ()
    return (_OWN_HEADERS if view.route_settings else _ATTEMPT_COUNT,)


def _routes(graph: Graph, bound: Iterable[BoundRoutes], view: OutboundView) -> Iterator[Provenance]:
    """The routes in the order of the virtual host; none where one VirtualService has none that are
    explained, so that they are not confused.
    """
    explained = [_explained(graph, one, view) for one in bound if one.key is not None]
    known = [routes for routes in explained if routes is not None]
    if len(known) < len(explained):
        return
    for routed in (
        *(routed for routes in known for routed in routes.specific),
        *(routed for routes in known for routed in routes.catch_all),
    ):
        yield Provenance(name=routed.route.name, origins=routed.origins)


def _explained(graph: Graph, bound: BoundRoutes, view: OutboundView) -> ExplainedRoutes | None:
    assert bound.key is not None, "what has no routes has none to explain"
    if not isinstance(bound.key, RouteSet):
        return explained_routes(graph, bound.key, bound.routed_at, view)
    at = listener_port(graph, bound.routed_at, bound.key.listener)
    return explained_set(graph, bound.key, at, view)


def _bound_hosts(graph: Graph, bound: BoundRoutes) -> Iterator[FieldRef]:
    """The hosts of a VirtualService, or the hostnames of routes, by which it is in a virtual
    host.
    """
    if isinstance(bound.key, RouteSet):
        for key in http_routes_of(graph, bound.key.listener, bound.key.host):
            yield from _hostnames(graph, key, bound.key)
    elif bound.key is not None:
        hosts = hosts_of_virtual_service(graph, bound.key)
        for i in _meeting(bound.host, hosts):
            yield FieldRef(bound.key, ("spec", "hosts", i))


def _hostnames(graph: Graph, key: RequestRouteKey, routes: RouteSet) -> Iterator[FieldRef]:
    """The hostname of a route in a set; its parentRef where it has none."""
    declared = object_of(graph, key)
    at = FieldRef(key) / "spec"
    if declared is not None and declared.spec.hostnames:
        yield at / "hostnames" / declared.spec.hostnames.index(routes.host)
        return
    for i in range(parent_count(graph, key)):
        found = attachment(graph, key, i)
        if found is not None and routes.listener in found.listeners:
            yield at / "parentRefs" / i


def _served_hosts(server: Server, bound: BoundRoutes) -> Iterator[FieldRef]:
    """The hosts of a server by which it admits what is bound."""
    if server.listener is not None:
        yield server.place / "hostname"
        return
    at = server.place / "hosts"
    if len(server.hosts) == 1:  # perhaps of many: ``*/*`` makes all others moot
        yield at
        return
    client = bound.key.namespace if isinstance(bound.key, ObjectKey) else None
    admitting = [i for i, h in enumerate(server.hosts) if h.namespace in (None, client)]
    for i in _meeting(bound.host, [server.hosts[i].host for i in admitting]):
        yield at / admitting[i]


def _meeting(host: Host, hosts: Sequence[Host]) -> list[int]:
    """Which of ``hosts`` equal ``host``, or else are wider than it, by index."""
    same = [i for i, other in enumerate(hosts) if other == host]
    return same or [i for i, other in enumerate(hosts) if subset_of(host, other)]
