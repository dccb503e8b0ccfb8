"""What the services of a shard ask of a sidecar's listeners: port by port, with the streams of
those that are forwarded as they are.
"""

from collections.abc import Iterator

from controlplane.base.hosts import fqdn
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, PortNumber, key_is_of
from controlplane.base.shelf import GROUP, GROUPS, SHARDS
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE, Destination
from controlplane.model.captured_port import CapturedPort, CapturedStream
from controlplane.model.cluster_name import outbound
from controlplane.model.egress import EgressListener
from controlplane.model.http_settings import ListenerContext
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.listener import Address
from controlplane.model.plan.network_filters import (
    ClusterWeight,
    DynamicForwardProxySni,
    MongoProxy,
    NetworkFilter,
    TcpProxy,
)
from controlplane.model.service import Protocol, Resolution, Service, ServicePort
from controlplane.model.visibility import PUBLIC
from controlplane.queries.clusters.cluster_origins import port_fields
from controlplane.queries.listeners.mesh_stream_routes import routed_connections
from controlplane.queries.listeners.mesh_streams import (
    RuleKey,
    rules_of_host,
    shards_with_own_streams,
    stream_namespaces_apart,
    tcp_rules,
    tls_rules,
)
from controlplane.queries.listeners.settings import settings_of
from controlplane.queries.listeners.streams import routed_stream, stream_to
from controlplane.queries.policy.public_view import own_shards, view_for_shard
from controlplane.queries.policy.rule_origins import stream_origins
from controlplane.queries.registry.egress import egress_listeners
from controlplane.queries.registry.endpoints import endpoints_of
from controlplane.queries.registry.imported import imported_of_shard, is_unused, service_in_view
from controlplane.queries.registry.services import sidecar_service
from controlplane.queries.routes.mesh_names import aliases
from controlplane.translate.captured_ports import (
    Captured,
    captured,
    is_found_by_endpoints,
    listened_ports,
    requests_at,
    service_order,
    without_repeats,
)
from controlplane.translate.istio.listener_settings import ListenerSettings
from controlplane.translate.istio.mesh_streams import Caller, MeshStream
from controlplane.translate.service_domains import expansions


def captured_ports(
    graph: Graph, view: OutboundView, listener: EgressListener
) -> tuple[tuple[CapturedPort, ...], ...]:
    """What a view's sidecars capture for one of their listeners, shard by shard: the public view's,
    with the view's own shards in their places.
    """
    public = [
        ports
        for first in GROUPS
        for ports in _captured_in_group(graph, view.public, listener, first)
    ]
    for shard in _own_shards(graph, view):
        public[shard] = _captured_in(graph, view, listener, shard)
    return tuple(public)


def is_captured_apart(graph: Graph, view: OutboundView) -> bool:
    """Whether anything is captured for a view otherwise than for all."""
    return any(
        _captured_in(graph, view, listener, shard)
        != _captured_in(graph, view.public, listener, shard)
        for listener in egress_listeners(graph, view)
        for shard in _own_shards(graph, view)
    )


def _own_shards(graph: Graph, view: OutboundView) -> tuple[int, ...]:
    if view.is_public:
        return ()
    return (
        *own_shards(graph, view),
        *shards_with_own_streams(graph, view.namespace),
    )


def view_in_shard(graph: Graph, view: OutboundView, shard: int) -> OutboundView:
    """The view that a shard is computed for."""
    if view.namespace in stream_namespaces_apart(graph, shard):
        return view
    return view_for_shard(graph, view, shard)


def request_origins(graph: Graph, view: OutboundView, address: Address) -> tuple[FieldRef, ...]:
    """The ports of services whose requests come to an address: computed on demand, and not kept."""
    found: dict[FieldRef, None] = {}
    for listener in egress_listeners(graph, view):
        for shard in range(SHARDS):
            seen = view_in_shard(graph, view, shard)
            for service in imported_of_shard(graph, seen, listener, shard):
                for port in captured_of_service(graph, seen, listener, service):
                    if port.address == address and port.requests is not None:
                        found.update(dict.fromkeys(port.origins))
    return tuple(found)


@derived
def _captured_in_group(
    graph: Graph, view: OutboundView, listener: EgressListener, first: int
) -> tuple[tuple[CapturedPort, ...], ...]:
    """The shards of a group, so that an edit of one does not look at all."""
    shards = range(first, first + GROUP)
    return tuple(_captured_in(graph, view, listener, shard) for shard in shards)


def _captured_in(
    graph: Graph, view: OutboundView, listener: EgressListener, shard: int
) -> tuple[CapturedPort, ...]:
    if is_unused(graph, view, shard):
        return ()
    return captured_in_shard(graph, view, listener, shard)


@guarded(first=())
def captured_in_shard(
    graph: Graph, view: OutboundView, listener: EgressListener, shard: int
) -> tuple[CapturedPort, ...]:
    """What the shard's services ask for, for exactly this view.

    Runs again when a service of the shard changes, a ``tcp`` or ``tls`` rule for one, a
    DestinationRule's limits of connections, or the endpoints of a service whose clients name them.
    """
    services = imported_of_shard(graph, view, listener, shard)
    found = (
        each for service in services for each in captured_of_service(graph, view, listener, service)
    )
    return without_repeats(found)


def captured_of_service(
    graph: Graph, view: OutboundView, listener: EgressListener, service: Service
) -> Iterator[CapturedPort]:
    """What one service asks for, each port at each address."""
    for port in listened_ports(service, listener):
        if port.protocol is Protocol.UDP:
            continue
        endpoints = (
            endpoints_of(graph, service.host, service.namespace, port.number)
            if is_found_by_endpoints(service) and not port.protocol.is_http
            else ()
        )
        for place in captured(service, port, listener, view.families, endpoints):
            yield _captured_port(graph, view, listener, service, port, place)


def _captured_port(
    graph: Graph,
    view: OutboundView,
    listener: EgressListener,
    service: Service,
    port: ServicePort,
    place: Captured,
) -> CapturedPort:
    requests = requests_at(service, port, place.address, view.families)
    at = tuple(port_fields(graph, service, _number(service, port)))
    return CapturedPort(
        address=place.address,
        order=service_order(service),
        host=service.host,
        protocol=port.protocol,
        requests=requests,
        streams=()
        if port.protocol.is_http
        else tuple(_streams(graph, view, listener, service, port, place)),
        origins=at,
    )


def _number(service: Service, port: ServicePort) -> PortNumber:
    """The port of the service behind a port that is listened on: it may have but one."""
    return service.ports[0].number if len(service.ports) == 1 else port.number


def _streams(
    graph: Graph,
    view: OutboundView,
    listener: EgressListener,
    service: Service,
    port: ServicePort,
    place: Captured,
) -> Iterator[CapturedStream]:
    """The chains of a port that is not of HTTP alone: those of rules, then that of the service."""
    settings = settings_of(graph, view.settings, ListenerContext.OUTBOUND).value
    caller = Caller(namespace=view.namespace, labels=view.stream_labels, port=port.number)
    has_own = False
    for key in rules_of_host(graph, service.host, view.namespace, listener.imports):
        for wanted in _wanted(graph, key, service.host, caller, port):
            stream = _of_rule(graph, view, wanted, port, place, settings)
            if stream is not None:
                yield stream
            has_own = has_own or wanted.is_last or port.protocol.is_tls
            if wanted.is_last:
                return
    if not has_own:
        yield _of_service_itself(graph, view, service, port, place, settings)


def _wanted(
    graph: Graph, key: RuleKey, host: Host, caller: Caller, port: ServicePort
) -> tuple[MeshStream, ...]:
    """What a VirtualService or route does with connections to a port of ``host``."""
    if key_is_of(key, VIRTUAL_SERVICE):
        rules_in = tls_rules if port.protocol.is_tls else tcp_rules
        return rules_in(graph, key, caller)
    is_for_tls = key.kind == TLS_ROUTE
    if is_for_tls is not port.protocol.is_tls:
        return ()
    return routed_connections(graph, key, host, caller)


def _of_rule(
    graph: Graph,
    view: OutboundView,
    wanted: MeshStream,
    port: ServicePort,
    place: Captured,
    settings: ListenerSettings,
) -> CapturedStream | None:
    rule = wanted.rule
    if rule.takes_nothing:
        return None
    routed = routed_stream(
        graph, rule, settings, lambda to: _cluster(graph, view, rule.namespace, to, port), view=view
    )
    if routed is None:
        return None
    return CapturedStream(
        filters=_filters(port, routed.proxy),
        networks=place.networks if wanted.networks is None else wanted.networks,
        server_names=rule.server_names,
        origins=(rule.place, *routed.policies),
    )


def _of_service_itself(
    graph: Graph,
    view: OutboundView,
    service: Service,
    port: ServicePort,
    place: Captured,
    settings: ListenerSettings,
) -> CapturedStream:
    number = _number(service, port)
    name = outbound(number, None, service.host)
    proxy = stream_to(
        graph,
        view,
        service.host,
        None,
        (ClusterWeight(cluster=name, weight=1),),
        settings,
        stat_prefix=name,
    )
    is_dynamic = service.resolution is Resolution.DYNAMIC_DNS
    names = port.protocol.is_tls and (is_dynamic or not place.names_service)
    looks_up: tuple[NetworkFilter, ...] = ()
    if is_dynamic:
        cache = f"{service.host}_dfp_dns_cache"
        looks_up = (DynamicForwardProxySni(cache=cache, families=view.families, port=port.number),)
    return CapturedStream(
        filters=(*looks_up, *_filters(port, proxy)),
        networks=place.networks,
        server_names=_server_names(graph, service) if names else (),
        origins=(
            *port_fields(graph, service, number),
            *stream_origins(graph, view, service.host, None),
        ),
    )


def _server_names(graph: Graph, service: Service) -> tuple[str, ...]:
    """The name of a service, and those of its aliases that all see, as callers of any namespace
    spell them.
    """
    named = [service.host.lower()]
    for alias in aliases(graph, service.host):
        if sidecar_service(graph, alias, PUBLIC) is not None:
            spelled = expansions(alias.lower(), PUBLIC)
            named += [alias.lower(), *(name for name in spelled if not name.endswith("."))]
    return tuple(sorted(set(named)))


def _filters(port: ServicePort, proxy: TcpProxy) -> tuple[NetworkFilter, ...]:
    if port.protocol is Protocol.MONGO:
        return (MongoProxy(stat_prefix=proxy.stat_prefix), proxy)
    return (proxy,)


def _cluster(
    graph: Graph,
    view: OutboundView,
    namespace: Namespace,
    to: Destination,
    port: ServicePort,
) -> str:
    """The cluster of a destination; a port left out is the only one, else the caller's."""
    host = fqdn(to.host, namespace)
    found = service_in_view(graph, host, view)
    if to.port is not None:
        number = PortNumber(to.port.number)
    elif found is not None and len(found.ports) == 1:
        number = found.ports[0].number
    else:
        number = port.number
    alias = found.alias if found is not None else None
    return outbound(number, to.subset or None, alias or host)
