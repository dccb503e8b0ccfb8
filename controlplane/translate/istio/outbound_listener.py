"""The listeners of a sidecar for what its workload calls.

Source: Istio ``pilot/pkg/networking/core/listener.go``, ``listener_builder.go``.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final, assert_never

from controlplane.base.names import PortNumber
from controlplane.model.captured_port import CapturedRequests
from controlplane.model.cluster_name import ANY_DYNAMIC_DNS, BLACK_HOLE, PASSTHROUGH
from controlplane.model.egress import LookUp, PassOn, Refuse, UnknownTraffic
from controlplane.model.http_match import RouteMatch
from controlplane.model.http_settings import ListenerContext
from controlplane.model.outbound_view import Interception
from controlplane.model.plan.listener import (
    Address,
    Capture,
    ChainMatch,
    ChainPlan,
    Direction,
    Inspection,
    ListenerFilters,
    ListenerPlan,
    PlannedChain,
    Transport,
)
from controlplane.model.plan.network_filters import (
    ClusterWeight,
    CrossOrigin,
    DynamicForwardProxyHttp,
    DynamicForwardProxySni,
    FaultInjection,
    GrpcStats,
    GrpcWeb,
    HttpConnectionManager,
    HttpFilter,
    InlineTable,
    NamedTable,
    NetworkFilter,
    OfferedProtocols,
    Router,
    RouteSource,
    TcpProxy,
)
from controlplane.model.proxy import IpFamily
from controlplane.model.routing import ForwardTo, Route
from controlplane.translate.istio.extensions_at import (
    extension_origins,
    http_extensions,
    network_extensions,
)
from controlplane.translate.istio.listener_settings import ListenerSettings
from controlplane.translate.listener_conflicts import Merged
from controlplane.translate.special_clusters import ANY_HOST_CACHE

VIRTUAL_OUTBOUND: Final = "virtualOutbound"
HTTP_PROXY_TABLE: Final = "http_proxy"
_HTTP_PROTOCOLS: Final = ("http/1.1", "h2c")
_HTTP_10: Final = "http/1.0"
_FALLBACK: Final = "PassthroughFilterChain"
_ANY_HOST: Final = "allow_any_dynamic_dns"
_ANY_HOST_TABLE: Final = InlineTable(
    name=_ANY_HOST,
    virtual_host=_ANY_HOST,
    route=Route(
        match=RouteMatch(),
        action=ForwardTo(target=ANY_DYNAMIC_DNS),
        operation=_ANY_HOST,
        declared_by=None,
        name=_ANY_HOST,
    ),
    tells_attempt=True,
)


def captured_listener(
    address: Address,
    wanted: Merged,
    unknown: UnknownTraffic,
    settings: ListenerSettings,
    families: tuple[IpFamily, ...],
    *,
    binds: bool,
) -> ListenerPlan:
    """The listener at an address: what no chain takes is treated as unknown."""
    chains = [*_streams(wanted, settings, address.port)]
    if wanted.requests is not None:
        chains.append(_requests(address, wanted.requests, unknown, settings, families))
    rest = [each for each in chains if each.chain.match == ChainMatch()]
    others = tuple(each for each in chains if each.chain.match != ChainMatch())
    default = rest[0] if rest else _fallback(unknown, settings)
    sniffs = any(each.chain.match.application_protocols for each in chains)
    return ListenerPlan(
        name=str(address),
        address=address,
        chains=others or (default,),
        default=default if others else None,
        direction=Direction.OUTBOUND,
        capture=Capture.BOUND if binds else Capture.INTERCEPTED,
        filters=ListenerFilters(
            tls=Inspection() if any(map(_sees_tls, chains)) else None,
            http=Inspection() if sniffs else None,
            timeout=settings.detection_timeout if sniffs else timedelta(0),
        ),
        buffer_limit=settings.buffer_limit,
        origins=(
            *dict.fromkeys(origin for each in chains for origin in each.origins),
            *settings.origins,
        ),
    )


def proxy_listener(
    address: Address,
    unknown: UnknownTraffic,
    settings: ListenerSettings,
    families: tuple[IpFamily, ...],
) -> ListenerPlan:
    """The mesh's HTTP proxy: requests for every HTTP service, in the absolute form too."""
    requests = CapturedRequests(table=HTTP_PROXY_TABLE, sniffs=False)
    return captured_listener(address, Merged(requests), unknown, settings, families, binds=True)


def virtual_outbound(
    address: Address,
    unknown: UnknownTraffic,
    settings: ListenerSettings,
    families: tuple[IpFamily, ...],
    interception: Interception,
) -> ListenerPlan:
    """Where intercepted connections arrive: each is handed on to the listener of its address, if
    there is one. Connections to the port itself lead nowhere, lest they come back.
    """
    looks_up = isinstance(unknown, LookUp)
    chains = [
        PlannedChain(
            chain=ChainPlan(
                name=f"{VIRTUAL_OUTBOUND}-blackhole",
                match=ChainMatch(destination_port=address.port),
                network_filters=(_stream_to(BLACK_HOLE, settings),),
            ),
            origins=(),
        )
    ]
    if looks_up:
        chains.append(PlannedChain(chain=_looked_up(settings, families), origins=()))
    rest = ChainPlan(
        name=f"{VIRTUAL_OUTBOUND}-catchall-tcp",
        network_filters=(_stream_to(unknown_cluster(unknown), settings),),
    )
    return ListenerPlan(
        name=VIRTUAL_OUTBOUND,
        address=address,
        chains=(*chains, PlannedChain(chain=rest, origins=())),
        direction=Direction.OUTBOUND,
        capture=Capture.REDIRECTED,
        is_transparent=interception is Interception.TPROXY,
        filters=ListenerFilters(
            http=Inspection() if looks_up else None,
            timeout=settings.detection_timeout if looks_up else None,
        ),
        unmatched_logs=settings.access_logs.unmatched,
        buffer_limit=settings.buffer_limit,
        origins=settings.origins,
    )


def unknown_cluster(unknown: UnknownTraffic) -> str:
    """Where connections go of which nothing is known."""
    match unknown:
        case PassOn(proxy=proxy):
            return proxy or PASSTHROUGH
        case Refuse():
            return BLACK_HOLE
        case LookUp():
            return PASSTHROUGH
    assert_never(unknown)


def _streams(
    wanted: Merged, settings: ListenerSettings, port: PortNumber
) -> Iterator[PlannedChain]:
    """What is captured is known without who observes it, and without users' extensions."""
    context = ListenerContext.OUTBOUND
    extensions = network_extensions(settings.extensions, context, port)
    added = extension_origins(settings.extensions, context, port) if extensions else ()
    for stream in wanted.streams:
        match = ChainMatch(networks=stream.networks, server_names=stream.server_names)
        observed = (_observed(each, settings) for each in stream.filters)
        yield PlannedChain(
            chain=ChainPlan(match=match, network_filters=(*extensions, *observed)),
            origins=(*stream.origins, *added),
        )


def _observed(filter_: NetworkFilter, settings: ListenerSettings) -> NetworkFilter:
    if not isinstance(filter_, TcpProxy):
        return filter_
    return replace(filter_, access_logs=settings.access_logs.connections, metrics=settings.metrics)


def _sees_tls(planned: PlannedChain) -> bool:
    return bool(planned.chain.match.server_names) or any(
        isinstance(filter_, DynamicForwardProxySni) for filter_ in planned.chain.network_filters
    )


def _requests(
    address: Address,
    requests: CapturedRequests,
    unknown: UnknownTraffic,
    settings: ListenerSettings,
    families: tuple[IpFamily, ...],
) -> PlannedChain:
    protocols = (*((_HTTP_10,) if settings.http.accepts_http_10 else ()), *_HTTP_PROTOCOLS)
    match = ChainMatch(transport=Transport.RAW, application_protocols=protocols)
    caches = (*requests.caches, *((ANY_HOST_CACHE,) if isinstance(unknown, LookUp) else ()))
    manager = _manager(
        NamedTable(requests.table),
        f"outbound_{address};",
        settings,
        caches,
        families,
        address.port,
        accepts_grpc_web=requests.accepts_grpc_web,
    )
    context = ListenerContext.OUTBOUND
    chain = ChainPlan(
        match=match if requests.sniffs else ChainMatch(),
        network_filters=(
            *network_extensions(settings.extensions, context, address.port),
            manager,
        ),
    )
    added = extension_origins(settings.extensions, context, address.port)
    return PlannedChain(chain=chain, origins=added)


def _looked_up(settings: ListenerSettings, families: tuple[IpFamily, ...]) -> ChainPlan:
    """Plain requests on ports of which nothing is known go to the address of their host."""
    manager = _manager(
        _ANY_HOST_TABLE,
        f"outbound_{VIRTUAL_OUTBOUND}_allow_any_dynamic_dns;",
        settings,
        (ANY_HOST_CACHE,),
        families,
        PortNumber(0),
    )
    return ChainPlan(
        name=f"{VIRTUAL_OUTBOUND}-catchall-tcp-http",
        match=ChainMatch(application_protocols=_HTTP_PROTOCOLS),
        network_filters=(manager,),
    )


def _manager(
    routes: RouteSource,
    stat_prefix: str,
    settings: ListenerSettings,
    caches: tuple[str, ...],
    families: tuple[IpFamily, ...],
    port: PortNumber,
    *,
    accepts_grpc_web: bool = False,
) -> HttpConnectionManager:
    filters: tuple[HttpFilter, ...] = (
        *http_extensions(settings.extensions, ListenerContext.OUTBOUND, port),
        *((GrpcWeb(),) if accepts_grpc_web else ()),
        GrpcStats(),
        OfferedProtocols(),
        FaultInjection(),
        CrossOrigin(),
        *(DynamicForwardProxyHttp(cache=cache, families=families) for cache in caches),
        Router(shows_envoy_headers=settings.shows_envoy_headers),
    )
    return HttpConnectionManager(
        routes=routes,
        stat_prefix=stat_prefix,
        filters=filters,
        settings=settings.http,
        access_logs=settings.access_logs.requests,
        metrics=settings.metrics,
    )


def _fallback(unknown: UnknownTraffic, settings: ListenerSettings) -> PlannedChain:
    chain = ChainPlan(
        name=_FALLBACK, network_filters=(_stream_to(unknown_cluster(unknown), settings),)
    )
    return PlannedChain(chain=chain, origins=())


def _stream_to(cluster: str, settings: ListenerSettings) -> TcpProxy:
    return TcpProxy(
        stat_prefix=cluster,
        clusters=(ClusterWeight(cluster=cluster, weight=1),),
        idle_timeout=settings.tcp_idle_timeout,
        access_logs=settings.access_logs.connections,
        metrics=settings.metrics,
    )
