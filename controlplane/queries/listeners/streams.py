"""Where connections of TCP and TLS servers go: the ``tcp`` and ``tls`` rules of VirtualServices,
TCPRoutes and TLSRoutes.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from controlplane.base.hosts import fqdn
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, PortNumber, key_is_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    Destination,
    RouteDestination,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.network_filters import ClusterWeight, TcpProxy
from controlplane.queries.gateway_api.attachment import StreamRouteKey, route_age
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.listeners.route_streams import (
    backends_of_route,
    by_name,
    first_host,
    names_taken,
    stream_routes_of,
    weighted_clusters,
)
from controlplane.queries.policy.policies import (
    hashes_source,
    max_connection_duration,
    tcp_idle_timeout,
    tunnel,
)
from controlplane.queries.policy.rule_origins import stream_origins
from controlplane.queries.registry.destinations import destination_cluster
from controlplane.queries.routes.http_routes import routes_tier
from controlplane.queries.routes.virtual_services import PUBLIC_TIER, MergeOrder, merge_order
from controlplane.translate.istio.gateway_reference import gateway_reference
from controlplane.translate.istio.listener_settings import ListenerSettings
from controlplane.translate.istio.stream_routes import StreamRule, is_served, tcp_rule, tls_rules
from controlplane.translate.server import Server, TlsPassthrough


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedStream:
    """Where connections go, and which rule says so; ``policies`` are the fields of DestinationRules
    that say how long they last, what they are hashed by and tunnelled through.
    """

    rule: StreamRule
    proxy: TcpProxy
    policies: tuple[FieldRef, ...] = ()


ClusterOf = Callable[[Destination], str]
"""Names the cluster of a destination."""


@index(VIRTUAL_SERVICE)
def stream_services(declared: Object[VirtualService]) -> Iterator[tuple[str, VirtualServiceKey]]:
    """VirtualServices with ``tcp`` or ``tls`` rules, under the gateways they name."""
    if declared.spec.tcp or declared.spec.tls:
        for gateway in dict.fromkeys(declared.spec.gateways):
            yield gateway_reference(gateway, declared.namespace), declared.key


@derived
def bound_stream_services(
    graph: Graph, gateway: str, namespace: Namespace
) -> tuple[VirtualServiceKey, ...]:
    """Those of a gateway that proxies in ``namespace`` see, in the order in which they apply.

    Runs again when one of them comes, goes, or changes who sees it.
    """
    found = ((merge_order(graph, key, namespace), key) for key in stream_services(graph, gateway))
    return tuple(key for _, key in sorted((p, k) for p, k in found if p is not None))


def server_streams(
    graph: Graph, view: OutboundView, server: Server, settings: ListenerSettings
) -> Iterator[RoutedStream]:
    """Where the connections of a server go whose TLS ends, or that has none: all to one place,
    unless its listener divides them by SNI. Nothing where no rule matches.
    """
    found = _streams(graph, view, server, settings)
    if server.tls is not None and by_name(graph, server):
        yield from (routed for routed in found if routed is not None)
        return
    first = next(found, None)
    if first is not None:
        yield first


def named_streams(
    graph: Graph, view: OutboundView, server: Server, settings: ListenerSettings
) -> Iterator[RoutedStream]:
    """Where a server that passes TLS through sends it, by SNI, in the order of the rules."""
    for routed in _streams(graph, view, server, settings):
        if routed is not None and not routed.rule.takes_nothing:
            yield routed


def _streams(
    graph: Graph, view: OutboundView, server: Server, settings: ListenerSettings
) -> Iterator[RoutedStream | None]:
    """Where the rules for a server lead, in their order; ``None`` for one that leads nowhere."""
    ordered: list[tuple[MergeOrder, VirtualServiceKey | StreamRouteKey]] = [
        *_services(graph, view, server),
        *_routes(graph, server, view.namespace),
    ]
    for _, key in sorted(ordered):
        if key_is_of(key, VIRTUAL_SERVICE):
            for rule in stream_rules(graph, key, server):
                clusters = _targets(graph, view, rule, server.port)
                yield routed_stream(graph, rule, settings, clusters, view=view)
        else:
            yield from _route_streams(graph, view, key, server, settings)


def _services(
    graph: Graph, view: OutboundView, server: Server
) -> Iterator[tuple[MergeOrder, VirtualServiceKey]]:
    for key in bound_stream_services(graph, server.gateway, view.namespace):
        order = merge_order(graph, key, view.namespace)
        if order is not None:
            yield order, key


def _routes(
    graph: Graph, server: Server, client: Namespace
) -> Iterator[tuple[MergeOrder, StreamRouteKey]]:
    """The routes of a listener that the client sees. Istio makes VirtualServices of them, by whose
    name ties break.
    """
    if server.listener is None:
        return
    by_specification = by_name(graph, server)
    for key in stream_routes_of(graph, server.listener):
        created, space, name = route_age(graph, key)
        namespace = Namespace(space)
        if by_specification:
            yield (PUBLIC_TIER, created, f"{namespace}/{name}", namespace), key
        elif (tier := routes_tier(graph, namespace, client)) is not None:
            yield (tier, created, f"{name}~", namespace), key


def _route_streams(
    graph: Graph,
    view: OutboundView,
    key: StreamRouteKey,
    server: Server,
    settings: ListenerSettings,
) -> Iterator[RoutedStream]:
    backends = backends_of_route(graph, key)
    if backends is None:
        return
    found = weighted_clusters(graph, view, key, backends, server.port)
    clusters = tuple(ClusterWeight(cluster=name, weight=weight) for name, weight in found)
    title = f"{key.name}.{key.namespace}"
    host = first_host(key, backends)
    proxy = stream_to(
        graph,
        view,
        host or Host(""),
        None,
        clusters,
        settings,
        stat_prefix=clusters[0].cluster if len(clusters) == 1 else title,
    )
    for names in names_taken(graph, key, server):
        taken = tuple(sorted(names))
        rule = StreamRule(
            place=backends.place,
            title=title,
            namespace=key.namespace,
            destinations=(),
            server_names=() if "*" in taken else taken,
            claimed_names=taken,
        )
        policies = stream_origins(graph, view, host, None) if host is not None else ()
        yield RoutedStream(rule=rule, proxy=proxy, policies=policies)


@guarded(first=())
def stream_rules(graph: Graph, key: VirtualServiceKey, server: Server) -> tuple[StreamRule, ...]:
    """The rules of one VirtualService that match a server's connections, in order."""
    declared = object_of(graph, key)
    if declared is None or not is_served(declared, server):
        return ()
    if isinstance(server.protocol, TlsPassthrough):
        return tuple(tls_rules(declared, server))
    rule = tcp_rule(declared, server)
    return () if rule is None else (rule,)


def routed_stream(
    graph: Graph,
    rule: StreamRule,
    settings: ListenerSettings,
    cluster_of: ClusterOf,
    *,
    view: OutboundView,
) -> RoutedStream | None:
    """Where a rule sends connections, as ``cluster_of`` names the clusters of its destinations.

    ``None`` where no destination has a weight. The rule for the first destination says how long
    streams last; its subset is used only where it is the only one.
    """
    weights = _weights(rule.destinations)
    if not weights or rule.destinations[0].destination is None:
        return None
    first = rule.destinations[0].destination
    host = fqdn(first.host, rule.namespace)
    single = len(rule.destinations) == 1
    subset = (first.subset or None) if single else None
    clusters = tuple(
        ClusterWeight(cluster=cluster_of(destination), weight=weight)
        for destination, weight in weights
    )
    title = clusters[0].cluster if single else rule.title
    proxy = stream_to(graph, view, host, subset, clusters, settings, stat_prefix=title)
    return RoutedStream(rule=rule, proxy=proxy, policies=stream_origins(graph, view, host, subset))


def stream_to(
    graph: Graph,
    view: OutboundView,
    host: Host,
    subset: str | None,
    clusters: tuple[ClusterWeight, ...],
    settings: ListenerSettings,
    *,
    stat_prefix: str,
) -> TcpProxy:
    """A stream to clusters, as the rule for ``host`` and its subset says."""
    idle = tcp_idle_timeout(graph, view, host)
    return TcpProxy(
        stat_prefix=stat_prefix,
        clusters=clusters,
        idle_timeout=settings.tcp_idle_timeout if idle is None else idle,
        max_connection_duration=max_connection_duration(graph, view, host),
        hashes_source_address=hashes_source(graph, view, host, subset),
        tunnel=tunnel(graph, view, host, subset),
        access_logs=settings.access_logs.connections,
        metrics=settings.metrics,
    )


def _targets(graph: Graph, view: OutboundView, rule: StreamRule, port: PortNumber) -> ClusterOf:
    return lambda destination: destination_of(graph, view, destination, rule.namespace, port)


def _weights(destinations: tuple[RouteDestination, ...]) -> tuple[tuple[Destination, int], ...]:
    """A single destination gets all, whatever its weight; of several, those with weight 0 get
    nothing.
    """
    if len(destinations) == 1:
        return tuple((d.destination, 1) for d in destinations if d.destination is not None)
    return tuple(
        (d.destination, d.weight) for d in destinations if d.destination is not None and d.weight
    )


def destination_of(
    graph: Graph,
    view: OutboundView,
    destination: Destination,
    namespace: Namespace,
    port: PortNumber,
) -> str:
    """The cluster of a destination in an object of ``namespace``. Which service it is does not
    depend on that namespace.
    """
    return destination_cluster(
        graph,
        client=view.namespace,
        owner=None,
        host=fqdn(destination.host, namespace),
        port=PortNumber(destination.port.number) if destination.port is not None else None,
        subset=destination.subset or None,
        listened=port,
    ).name
