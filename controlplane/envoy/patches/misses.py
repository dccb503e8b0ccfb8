"""Why a patch finds nothing: the first field of its condition that nothing has, and what there is.

Fields are tried in the order in which they narrow what is found: of all listeners those with the
name, of these those with the port, and so on into chains, filters, virtual hosts and routes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpConnectionManager,
)

from controlplane.envoy.patches.clusters import parts_of_cluster
from controlplane.envoy.patches.listeners import VIRTUAL, chains_of, manager_of
from controlplane.envoy.patches.patched import Surroundings
from controlplane.envoy.patches.routes import ACTIONS, parts_of_table
from controlplane.envoy.resource import Resource, TypeUrl, packed
from controlplane.model.patch import (
    ChainCondition,
    ClusterCondition,
    ListenerCondition,
    Operation,
    Patch,
    PatchContext,
    PatchTarget,
    RouteAction,
    RouteCondition,
    TableCondition,
    VirtualHostCondition,
)

T = TypeVar("T")
_Table = tuple[RouteConfiguration, Surroundings]
_PLACED: Final = frozenset({Operation.ADD, Operation.INSERT_FIRST})
"""What needs no filter to go by."""
_ACTION_NAMES: Final = {
    RouteAction.FORWARD: "ROUTE",
    RouteAction.REDIRECT: "REDIRECT",
    RouteAction.RESPOND: "DIRECT_RESPONSE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """``field`` is the place in the match, ``wanted`` what it says, ``found`` what the things have
    there that fit all fields before it, of which there are ``depth``.
    """

    field: str
    wanted: str
    found: tuple[str, ...]
    depth: int


class _Missed(Exception):
    def __init__(self, miss: Miss) -> None:
        self.miss = miss


class _Search:
    """Narrows what is found by one field after the other."""

    def __init__(self) -> None:
        self.depth = 0

    def only(
        self, found: Sequence[T], field: str, wanted: str, values: Callable[[T], Iterable[str]]
    ) -> Sequence[T]:
        """Those of ``found`` that have ``wanted``; an empty one is had by all."""
        if not wanted:
            return found
        left = [each for each in found if wanted in values(each)]
        if not left:
            others = dict.fromkeys(v for each in found for v in values(each) if v)
            there = tuple(others)
            raise _Missed(Miss(field=field, wanted=wanted, found=there, depth=self.depth))
        self.depth += 1
        return left


def first_miss(
    type_url: TypeUrl,
    patch: Patch,
    resources: Iterable[Resource],
    around: Callable[[str], Surroundings],
) -> Miss | None:
    """The field by which a patch finds none of ``resources``, which are not patched; ``None`` where
    its condition finds one. ``around`` is what surrounds the resource of a name.
    """
    search = _Search()
    try:
        match type_url:
            case TypeUrl.CLUSTER:
                _find_cluster(search, patch, [(each.name, around(each.name)) for each in resources])
            case TypeUrl.LISTENER:
                listeners = [Listener.FromString(packed(each).value) for each in resources]
                _find_in_listeners(search, patch, listeners)
            case _:
                tables = [
                    (RouteConfiguration.FromString(packed(each).value), around(each.name))
                    for each in resources
                ]
                _find_in_tables(search, patch, tables)
    except _Missed as missed:
        return missed.miss
    return None


def _find_cluster(
    search: _Search, patch: Patch, clusters: Sequence[tuple[str, Surroundings]]
) -> None:
    wanted = patch.condition
    if not isinstance(wanted, ClusterCondition):
        return
    if wanted.name:
        search.only(clusters, "cluster.name", wanted.name, lambda at: (at[0],))
        return

    def hosts(at: tuple[str, Surroundings]) -> Collection[str]:
        direction, _, _, host = parts_of_cluster(at[0])
        return at[1].hosts if direction == "inbound" and at[1].hosts else (host,)

    found = search.only(clusters, "cluster.service", wanted.service, hosts)
    found = search.only(
        found,
        "cluster.portNumber",
        _number(wanted.port),
        lambda at: (_number(parts_of_cluster(at[0])[1]),),
    )
    search.only(found, "cluster.subset", wanted.subset, lambda at: (parts_of_cluster(at[0])[2],))


def _find_in_listeners(search: _Search, patch: Patch, listeners: Sequence[Listener]) -> None:
    if patch.target in (
        PatchTarget.ROUTE_CONFIGURATION,
        PatchTarget.VIRTUAL_HOST,
        PatchTarget.ROUTE,
    ):
        _find_in_tables(search, patch, list(_inline_tables(listeners)))
        return
    wanted = patch.condition if isinstance(patch.condition, ListenerCondition) else None
    if wanted is None:
        wanted = ListenerCondition()
    if patch.target is PatchTarget.HTTP_FILTER:
        listeners = [each for each in listeners if any(map(_managers, chains_of(each)))]
    found = search.only(listeners, "listener.name", wanted.name, lambda each: (each.name,))
    port, field = _number(wanted.port), "listener.portNumber"
    is_whole = patch.target is PatchTarget.LISTENER
    is_added = patch.target is PatchTarget.FILTER_CHAIN and patch.operation is Operation.ADD
    if is_whole or is_added or patch.target is PatchTarget.LISTENER_FILTER:
        found = search.only(found, field, port, lambda each: _ports(each, port, is_whole=is_whole))
        if patch.target is PatchTarget.LISTENER_FILTER and patch.operation not in _PLACED:
            name = wanted.listener_filter
            search.only(found, "listener.listenerFilter", name, _listener_filters)
        return
    chains = [(each, chain) for each in found for chain in chains_of(each)]
    if patch.target is PatchTarget.HTTP_FILTER:
        chains = [at for at in chains if _managers(at[1])]
    at_port = search.only(chains, field, port, lambda at: (_port_of_chain(*at),))
    _find_filters(search, patch, _find_chains(search, wanted.chain or ChainCondition(), at_port))


def _ports(listener: Listener, port: str, *, is_whole: bool) -> tuple[str, ...]:
    """Filters of the listeners for all ports are found by any port."""
    own = _number(listener.address.socket_address.port_value)
    return (own,) if is_whole or listener.name not in VIRTUAL else (own, port)


def _port_of_chain(listener: Listener, chain: FilterChain) -> str:
    if listener.name in VIRTUAL:
        return _number(chain.filter_chain_match.destination_port.value)
    return _number(listener.address.socket_address.port_value)


def _listener_filters(listener: Listener) -> tuple[str, ...]:
    return tuple(each.name for each in listener.listener_filters)


def _find_chains(
    search: _Search, asked: ChainCondition, found: Sequence[tuple[Listener, FilterChain]]
) -> list[FilterChain]:
    within = "listener.filterChain."
    chains: Sequence[FilterChain] = [chain for _, chain in found]
    chains = search.only(chains, within + "name", asked.name, lambda each: (each.name,))
    chains = search.only(
        chains,
        within + "sni",
        asked.server_name,
        lambda each: each.filter_chain_match.server_names,
    )
    chains = search.only(
        chains,
        within + "transportProtocol",
        asked.transport_protocol,
        lambda each: (each.filter_chain_match.transport_protocol,),
    )
    for protocol in asked.application_protocols:
        chains = search.only(
            chains,
            within + "applicationProtocols",
            protocol,
            lambda each: each.filter_chain_match.application_protocols,
        )
    chains = search.only(
        chains,
        within + "destinationPort",
        _number(asked.destination_port),
        lambda each: (_number(each.filter_chain_match.destination_port.value),),
    )
    return list(chains)


def _find_filters(search: _Search, patch: Patch, chains: Sequence[FilterChain]) -> None:
    wanted = patch.condition
    asked = wanted.chain if isinstance(wanted, ListenerCondition) else None
    name = asked.filter or "" if asked is not None else ""
    within, is_placed = "listener.filterChain.filter.", patch.operation in _PLACED
    if patch.target is PatchTarget.NETWORK_FILTER and not is_placed:
        search.only(chains, within + "name", name, lambda c: [f.name for f in c.filters])
    if patch.target is not PatchTarget.HTTP_FILTER:
        return
    found = search.only(chains, within + "name", name, lambda c: tuple(_managers(c)))
    if not is_placed and asked is not None and asked.filter is not None:
        managers = [manager for chain in found for manager in _managers(chain).values()]
        search.only(managers, within + "subFilter.name", asked.sub_filter or "", _http_filters)


def _managers(chain: FilterChain) -> dict[str, HttpConnectionManager]:
    """The HTTP connection managers of a chain by the names of the filters."""
    found = ((each.name, manager_of(each)) for each in chain.filters)
    return {name: manager for name, manager in found if manager is not None}


def _http_filters(manager: HttpConnectionManager) -> tuple[str, ...]:
    return tuple(each.name for each in manager.http_filters)


def _inline_tables(listeners: Iterable[Listener]) -> Iterator[_Table]:
    around = Surroundings(context=PatchContext.SIDECAR_INBOUND, service_ports={})
    for listener in listeners:
        for chain in chains_of(listener):
            for each in chain.filters:
                manager = manager_of(each)
                if manager is not None and manager.HasField("route_config"):
                    yield manager.route_config, around


def _find_in_tables(search: _Search, patch: Patch, tables: Sequence[_Table]) -> None:
    wanted = patch.condition
    if not isinstance(wanted, TableCondition):
        return
    within = "routeConfiguration."
    found = search.only(tables, within + "name", wanted.name, lambda at: (at[0].name,))
    found = search.only(found, within + "portNumber", _number(wanted.port), _ports_of_table)
    if any(around.context is PatchContext.GATEWAY for _, around in found):
        name, gateway = wanted.port_name, wanted.gateway
        found = search.only(found, within + "portName", name, lambda at: (_parts(at)[1],))
        found = search.only(found, within + "gateway", gateway, lambda at: (_parts(at)[2],))
    _find_hosts(search, patch, wanted.virtual_host, [table for table, _ in found])


def _ports_of_table(at: _Table) -> tuple[str, ...]:
    port = _parts(at)[0]
    return tuple(_number(each) for each in sorted(at[1].service_ports.get(port, {port})))


def _parts(at: _Table) -> tuple[int, str, str]:
    table, around = at
    return parts_of_table(around.context, table.name)


def _find_hosts(
    search: _Search,
    patch: Patch,
    asked: VirtualHostCondition | None,
    tables: Sequence[RouteConfiguration],
) -> None:
    is_added = patch.target is PatchTarget.VIRTUAL_HOST and patch.operation is Operation.ADD
    if asked is None or is_added or patch.target is PatchTarget.ROUTE_CONFIGURATION:
        return
    within = "routeConfiguration.vhost."
    hosts: Sequence[VirtualHost] = [host for table in tables for host in table.virtual_hosts]
    hosts = search.only(hosts, within + "name", asked.name, lambda each: (each.name,))
    hosts = search.only(hosts, within + "domainName", asked.domain, lambda each: each.domains)
    if patch.target is PatchTarget.ROUTE and patch.operation is not Operation.ADD:
        _find_routes(search, asked.route or RouteCondition(), hosts)


def _find_routes(search: _Search, asked: RouteCondition, hosts: Sequence[VirtualHost]) -> None:
    """An action that no patch can name is found by any."""
    within = "routeConfiguration.vhost.route."
    routes: Sequence[Route] = [route for host in hosts for route in host.routes]
    routes = search.only(routes, within + "name", asked.name, lambda each: (each.name,))
    action = _ACTION_NAMES[asked.action] if asked.action is not None else ""

    def actions(route: Route) -> tuple[str, ...]:
        of_route = ACTIONS.get(route.WhichOneof("action") or "", None)
        return (_ACTION_NAMES[of_route] if of_route is not None else action,)

    search.only(routes, within + "action", action, actions)


def _number(port: int) -> str:
    return str(port) if port else ""
