"""The virtual hosts of a sidecar's route tables: whose routes each host gets, and under which
domains.

Source: Istio ``pilot/pkg/networking/core/route/route.go`` (``BuildSidecarVirtualHostWrapper``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import is_wildcard, overlap, subset_of
from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.base.shelf import SHARDS
from controlplane.envoy.resource import RuleBroken
from controlplane.envoy.routes.table import framed_route
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.virtual_service import VirtualServiceKey
from controlplane.model.cluster_name import outbound
from controlplane.model.http_match import RouteMatch
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import HTTP_PORT, MeshTable
from controlplane.model.routing import ForwardTo, HashPolicy, Offer, Route
from controlplane.model.service import Protocol, Resolution, Service
from controlplane.queries.clusters.offers import offer
from controlplane.queries.policy.policies import hash_policies
from controlplane.queries.registry.imported import candidates, imported_by
from controlplane.queries.routes.mesh_rules import (
    MeshRule,
    OrderedRule,
    routes_of_rule,
    rules_for,
)
from controlplane.queries.routes.mesh_virtual_services import (
    in_capitals,
    mesh_rules_of_shard,
    virtual_services_for,
    wildcard_rule,
)
from controlplane.queries.routes.virtual_services import (
    PUBLIC_TIER,
    MergeOrder,
    hosts_of_virtual_service,
    route_defaults,
)
from controlplane.translate.istio.http_retry import retry_policy

DEFAULT_ROUTE: Final = "default"  # istiod's name of the route to a service without a VirtualService
LAST: Final[MergeOrder] = (PUBLIC_TIER + 1, "", "", Namespace(""))
"""The order of services that no rule routes."""
_EVERY_REQUEST: Final = RouteMatch()


@dataclass(frozen=True, slots=True)
class RoutedHost:
    """The routes of a host: those of a rule, or the one to the service itself."""

    host: Host
    routes: tuple[bytes, ...]
    order: MergeOrder
    rule: MeshRule | None


def services_on(
    graph: Graph, table: MeshTable, view: OutboundView, shard: int
) -> Iterator[tuple[Host, Service]]:
    """The services of a shard that are in a table, aliases too, whatever their protocol."""
    for host in candidates(graph, table.imports, shard):
        found = service_on(graph, table, view, host)
        if found is not None:
            yield host, found


def service_on(graph: Graph, table: MeshTable, view: OutboundView, host: Host) -> Service | None:
    found = imported_by(graph, host, view.namespace, table.imports, None)
    if found is None or (table.port is not None and found.port(table.port) is None):
        return None
    return found


def is_served(service: Service, port: PortNumber) -> bool:
    """Whether requests to a port of a service are routed as HTTP."""
    found = service.port(port)
    return found is not None and (found.protocol.is_http or found.protocol is Protocol.AUTO)


@guarded(first=())
def routed_hosts(
    graph: Graph, table: MeshTable, view: OutboundView, shard: int
) -> tuple[RoutedHost, ...]:
    """The hosts of a shard that have a virtual host in a table, sorted.

    Runs again when a service or a rule for one of the shard's hosts comes, goes or changes what is
    routed.
    """
    hosts = {Host(host.lower()): host for host, _ in services_on(graph, table, view, shard)}
    named = {Host(host): Host(host) for host, _ in mesh_rules_of_shard(graph, shard)}
    found = (routed_host(graph, table, view, h) for _, h in sorted({**named, **hosts}.items()))
    return tuple(each for each in found if each is not None)


@derived
def routed_host(
    graph: Graph, table: MeshTable, view: OutboundView, host: Host
) -> RoutedHost | None:
    """The routes of one host in a table; ``None`` where it has no virtual host."""
    service = service_on(graph, table, view, host)
    if _is_spelled_otherwise(graph, table, view, host):
        return None
    if service is None:
        return _outside_registry(graph, table, view, host)
    if not is_served(service, table.served):
        return None
    named = _deciding(graph, table, view, host.lower())
    found = _first_with_routes(graph, table, view, host, named)
    if found is not None or service.resolution is Resolution.ALIAS:
        return found
    return RoutedHost(host, (_default_route(graph, table, view, service),), LAST, None)


def _is_spelled_otherwise(graph: Graph, table: MeshTable, view: OutboundView, host: Host) -> bool:
    """Whether a service has the host in another case, which is the same to Envoy; the one without
    capitals, then the first has it.
    """
    spelled = [
        each
        for each in (Host(host.lower()), *in_capitals(graph, host))
        if each != host and service_on(graph, table, view, each) is not None
    ]
    if service_on(graph, table, view, host) is None:
        return bool(spelled)
    return any((each != host.lower(), each) < (host != host.lower(), host) for each in spelled)


def _outside_registry(
    graph: Graph, table: MeshTable, view: OutboundView, host: Host
) -> RoutedHost | None:
    """A host that no service has on the port of the table: it is routed on port 80, and elsewhere
    where its VirtualService has a host that a service has.
    """
    if is_wildcard(host) and _covers_service(graph, table, view, host):
        return None
    named = [
        (order, key)
        for order, key in virtual_services_for(graph, table, view, host)
        if table.port == HTTP_PORT or _routes_service(graph, table, view, key)
    ]
    return _first_with_routes(graph, table, view, host, named)


def _first_with_routes(
    graph: Graph,
    table: MeshTable,
    view: OutboundView,
    host: Host,
    named: Sequence[OrderedRule],
) -> RoutedHost | None:
    """Rules for one host are not merged: the first that has a route decides alone."""
    for order, rule in named:
        routes = routes_of_rule(graph, rule, table, view)
        if routes is not None:
            return RoutedHost(host, (routes.specific, routes.catch_all), order, rule)
    return None


def _covers_service(graph: Graph, table: MeshTable, view: OutboundView, wildcard: str) -> bool:
    return any(
        overlap(host.lower(), wildcard)
        for shard in range(SHARDS)
        for host in registered(graph, table, view, shard)
    )


@derived
def registered(graph: Graph, table: MeshTable, view: OutboundView, shard: int) -> tuple[Host, ...]:
    """The hosts of a shard's services in a table."""
    return tuple(host for host, _ in services_on(graph, table, view, shard))


@derived
def _routes_service(
    graph: Graph, table: MeshTable, view: OutboundView, key: VirtualServiceKey
) -> bool:
    """Whether a VirtualService is for some service of a table."""
    hosts = (host.lower() for host in hosts_of_virtual_service(graph, key))
    return any(
        _routes_covered(graph, table, view, key, host)
        if is_wildcard(host)
        else _is_served_host(graph, table, view, host)
        for host in hosts
    )


def _is_served_host(graph: Graph, table: MeshTable, view: OutboundView, host: str) -> bool:
    spellings = (Host(host), *in_capitals(graph, host))
    services = (service_on(graph, table, view, spelled) for spelled in spellings)
    return any(found is not None and is_served(found, table.served) for found in services)


def _routes_covered(
    graph: Graph, table: MeshTable, view: OutboundView, key: VirtualServiceKey, wildcard: str
) -> bool:
    """Whether a wildcard covers a service that no other VirtualService is more specific for."""
    for shard in range(SHARDS):
        for host in registered(graph, table, view, shard):
            name = host.lower()
            if subset_of(name, wildcard) and _is_served_host(graph, table, view, name):
                first = _deciding(graph, table, view, name)[:1]
                if first and first[0][1] == key:
                    return True
    return False


def _deciding(
    graph: Graph, table: MeshTable, view: OutboundView, name: str
) -> Sequence[OrderedRule]:
    """The rules for a service, in order: those for its host, else the first VirtualService for the
    most specific wildcard.
    """
    named = rules_for(graph, table, view, Host(name))
    if named:
        return named[:1] if is_wildcard(name) else named
    wide = wildcard_rule(graph, table, view, name)
    return [] if wide is None else [wide]


def _default_route(graph: Graph, table: MeshTable, view: OutboundView, service: Service) -> bytes:
    """The route to a service; what Envoy would refuse to hash requests by is left out of it."""
    hashing = hash_policies(graph, view, service.host, table.served, None)
    offered = offer(graph, view, service.host, table.served, None)
    try:
        return framed_route(default_route(graph, service, table.served, hashing, offered))
    except RuleBroken:
        return framed_route(default_route(graph, service, table.served, (), offered))


def default_route(
    graph: Graph,
    service: Service,
    port: PortNumber,
    hashing: tuple[HashPolicy, ...],
    offered: Offer | None,
) -> Route:
    """The route to a service without a VirtualService."""
    return Route(
        name=DEFAULT_ROUTE,
        match=_EVERY_REQUEST,
        action=ForwardTo(
            target=outbound(port, None, service.host),
            retry=retry_policy(route_defaults(graph, ()).retries, sticky=False),
            hash_policies=hashing,
            offer=offered,
        ),
        operation=f"{service.host}:{port}/*",
        declared_by=None,
    )
