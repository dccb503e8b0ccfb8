"""The listener ``virtualInbound``, to which a sidecar's rules of interception send what calls its
workload.

Source: Istio ``pilot/pkg/networking/core/listener_inbound.go``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import PortNumber
from controlplane.model.cluster_name import BLACK_HOLE, INBOUND_PASSTHROUGH, inbound
from controlplane.model.http_match import Prefix, RouteMatch
from controlplane.model.http_settings import ListenerContext
from controlplane.model.inbound_port import InboundPort
from controlplane.model.metrics import CalledService
from controlplane.model.mtls import MtlsMode
from controlplane.model.outbound_view import Interception
from controlplane.model.plan.listener import (
    EVERYWHERE,
    Address,
    ChainMatch,
    ChainPlan,
    Direction,
    Inspection,
    ListenerFilters,
    ListenerPlan,
    PlannedChain,
)
from controlplane.model.plan.network_filters import (
    ClusterWeight,
    HttpConnectionManager,
    InlineTable,
    NetworkFilter,
    TcpProxy,
)
from controlplane.model.routing import ForwardTo, Route
from controlplane.model.service import Protocol
from controlplane.model.tls import (
    HTTP_PROTOCOLS,
    MESH_STREAM_PROTOCOLS,
    TRUST_BUNDLE,
    WORKLOAD_CERTIFICATE,
    ClientValidation,
    ServerTls,
)
from controlplane.translate.istio.extensions_at import extension_origins, network_extensions
from controlplane.translate.istio.http_filters import http_filters
from controlplane.translate.istio.inbound_chains import (
    BRANCHES,
    PLAIN_HTTP,
    Branch,
    Detection,
    detection,
)
from controlplane.translate.istio.inbound_settings import InboundSettings
from controlplane.translate.istio.listener_settings import ListenerSettings

VIRTUAL_INBOUND: Final = "virtualInbound"
_CATCH_ALL_HTTP: Final = "virtualInbound-catchall-http"
_LOOP: Final = "virtualInbound-blackhole"
"""The names of chains are Istio's, which EnvoyFilters match."""
_NO_PORT: Final = PortNumber(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPort:
    """A port with what its callers may do, and the fields that say so, the nearest first."""

    port: InboundPort
    mode: MtlsMode
    origins: tuple[FieldRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPort:
    """A port that no service has but a policy names; ``number`` is ``None`` for all others."""

    number: PortNumber | None
    mode: MtlsMode
    origins: tuple[FieldRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """To where the chains of a port lead, and under which names."""

    cluster: str
    match_port: PortNumber | None
    protocol: Protocol
    http_name: str
    stream_name: str
    stat_prefix: str
    service_port: PortNumber
    host: str
    called: CalledService


def virtual_inbound(
    address: Address,
    served: tuple[ServedPort, ...],
    others: tuple[OtherPort, ...],
    settings: ListenerSettings,
    inbound_settings: InboundSettings,
    interception: Interception,
) -> ListenerPlan:
    """``served`` and ``others`` are sorted by number, each there once; of ``others`` the first has
    none.
    """
    listen_port = inbound_settings.listen_port
    chains = (
        PlannedChain(chain=_loop(listen_port), origins=()),
        *(
            PlannedChain(
                chain=chain, origins=(*each.origins, *_added(settings, each.number or _NO_PORT))
            )
            for each in others
            for chain in _chains(_unknown(each.number), each.mode, settings, inbound_settings)
        ),
        *(
            PlannedChain(chain=chain, origins=(*each.origins, *_added(settings, each.port.number)))
            for each in served
            for chain in _chains(
                _known(address.host, each.port), each.mode, settings, inbound_settings
            )
        ),
    )
    return ListenerPlan(
        name=VIRTUAL_INBOUND,
        address=address,
        chains=chains,
        direction=Direction.INBOUND,
        is_transparent=interception is Interception.TPROXY,
        filters=ListenerFilters(
            original_destination=True,
            original_source=interception is Interception.TPROXY,
            tls=_tls_inspection(served, others, listen_port),
            http=_http_inspection(served, listen_port),
            timeout=settings.detection_timeout,
        ),
        unmatched_logs=settings.access_logs.unmatched,
        buffer_limit=settings.buffer_limit,
        origins=(*_united(chains), *settings.origins),
    )


def port_listener(
    address: Address,
    served: ServedPort,
    settings: ListenerSettings,
    inbound_settings: InboundSettings,
) -> ListenerPlan:
    """The listener of a port with a socket of its own."""
    target = _known(address.host, served.port)
    chains = tuple(
        PlannedChain(chain=chain, origins=(*served.origins, *_added(settings, served.port.number)))
        for chain in _chains(target, served.mode, settings, inbound_settings)
    )
    sniffs = any(chain.chain.match.application_protocols == PLAIN_HTTP for chain in chains)
    return ListenerPlan(
        name=str(address),
        address=address,
        chains=chains,
        direction=Direction.INBOUND,
        filters=ListenerFilters(
            tls=EVERYWHERE if served.mode is not MtlsMode.DISABLE else None,
            http=EVERYWHERE if sniffs else None,
            timeout=settings.detection_timeout,
        ),
        unmatched_logs=settings.access_logs.unmatched,
        buffer_limit=settings.buffer_limit,
        origins=(*_united(chains), *settings.origins),
    )


def _added(settings: ListenerSettings, port: PortNumber) -> tuple[FieldRef, ...]:
    """What puts filters into the chains of a port."""
    extensions = extension_origins(settings.extensions, ListenerContext.INBOUND, port)
    return (*settings.policies.origins, *extensions)


def _united(chains: Iterable[PlannedChain]) -> tuple[FieldRef, ...]:
    return tuple(dict.fromkeys(origin for chain in chains for origin in chain.origins))


def _tls_inspection(
    served: tuple[ServedPort, ...], others: tuple[OtherPort, ...], listen_port: PortNumber
) -> Inspection | None:
    """A port of plaintext is not looked at: bytes that are TLS go to the workload as they are."""
    everywhere, *named = others
    modes = [(each.number, each.mode) for each in named if each.number is not None]
    modes += [(each.port.number, each.mode) for each in served]
    plaintext = {port for port, mode in modes if mode is MtlsMode.DISABLE}
    if everywhere.mode is not MtlsMode.DISABLE:
        return Inspection(skipped_ports=tuple(sorted({listen_port, *plaintext})))
    only = tuple(sorted({port for port, _ in modes} - plaintext))
    return Inspection(only_ports=only) if only else None


def _http_inspection(served: tuple[ServedPort, ...], listen_port: PortNumber) -> Inspection:
    """A server that speaks first would wait forever behind it. Where no chain asks what was seen it
    does no harm, and a port that comes or goes does not make every connection drain.
    """
    streams = {
        each.port.number for each in served if detection(each.port.protocol) is Detection.STREAM
    }
    return Inspection(skipped_ports=tuple(sorted({listen_port, *streams})))


def _loop(listen_port: PortNumber) -> ChainPlan:
    """What is sent to the listener itself would come back to it without end."""
    proxy = TcpProxy(
        stat_prefix=BLACK_HOLE, clusters=(ClusterWeight(cluster=BLACK_HOLE, weight=1),)
    )
    return ChainPlan(
        name=_LOOP, match=ChainMatch(destination_port=listen_port), network_filters=(proxy,)
    )


def _unknown(number: PortNumber | None) -> _Target:
    """Ports that no service has; those without a number are all others."""
    return _Target(
        cluster=INBOUND_PASSTHROUGH,
        match_port=number,
        protocol=Protocol.AUTO,
        http_name=_CATCH_ALL_HTTP,
        stream_name=VIRTUAL_INBOUND,
        stat_prefix=f"{INBOUND_PASSTHROUGH};",
        service_port=_NO_PORT,
        host="",
        called=CalledService(name=INBOUND_PASSTHROUGH),
    )


def _known(address: str, port: InboundPort) -> _Target:
    """A port of a service, or the one that a Sidecar declares in its place under its own name."""
    name = f"{address}_{port.number}"
    sidecar = port.declared_by.object if port.declared_by is not None else None
    return _Target(
        cluster=inbound(port.number),
        match_port=port.number,
        protocol=port.protocol,
        http_name=name,
        stream_name=name,
        stat_prefix=f"inbound_{name};",
        service_port=port.service_port,
        host=port.host if sidecar is None else f"{sidecar.name}.{sidecar.namespace}",
        called=CalledService(host=port.host, name=port.service),
    )


def _chains(
    target: _Target,
    mode: MtlsMode,
    settings: ListenerSettings,
    inbound_settings: InboundSettings,
) -> Iterator[ChainPlan]:
    for branch in BRANCHES[detection(target.protocol), mode]:
        yield ChainPlan(
            name=target.http_name if branch.is_http else target.stream_name,
            match=ChainMatch(
                destination_port=target.match_port,
                transport=branch.transport,
                application_protocols=branch.protocols,
            ),
            network_filters=_filters(
                target, branch, _measured(settings, target, branch), inbound_settings
            ),
            tls=_mutual_tls(branch, inbound_settings) if branch.ends_tls else None,
        )


def _measured(settings: ListenerSettings, target: _Target, branch: Branch) -> ListenerSettings:
    """``settings`` whose metrics say what only a chain knows."""
    if settings.metrics is None:
        return settings
    own = replace(settings.metrics, service=target.called, is_mutual=branch.ends_tls)
    return replace(settings, metrics=own)


def _mutual_tls(branch: Branch, inbound_settings: InboundSettings) -> ServerTls:
    """TLS of the mesh; what was offered has chosen the chain and is not answered."""
    return ServerTls(
        certificates=(WORKLOAD_CERTIFICATE,),
        protocols=HTTP_PROTOCOLS if branch.is_http else MESH_STREAM_PROTOCOLS,
        parameters=inbound_settings.tls_parameters,
        clients=ClientValidation(
            trust=TRUST_BUNDLE, required=True, trust_domains=inbound_settings.trust_domains
        ),
    )


def _filters(
    target: _Target,
    branch: Branch,
    settings: ListenerSettings,
    inbound_settings: InboundSettings,
) -> tuple[NetworkFilter, ...]:
    port = target.match_port or _NO_PORT
    extensions = network_extensions(settings.extensions, ListenerContext.INBOUND, port)
    if branch.is_http:
        return (*extensions, _http_connection_manager(target, settings, inbound_settings))
    proxy = TcpProxy(
        stat_prefix=target.cluster,
        clusters=(ClusterWeight(cluster=target.cluster, weight=1),),
        idle_timeout=settings.tcp_idle_timeout,
        access_logs=settings.access_logs.connections,
        metrics=settings.metrics,
    )
    return (*settings.policies.network, *extensions, proxy)


def _http_connection_manager(
    target: _Target, settings: ListenerSettings, inbound_settings: InboundSettings
) -> HttpConnectionManager:
    return HttpConnectionManager(
        routes=InlineTable(
            name=target.cluster,
            virtual_host=f"inbound|http|{target.service_port}",
            route=_route(target, inbound_settings),
        ),
        stat_prefix=target.stat_prefix,
        filters=http_filters(
            settings,
            ListenerContext.INBOUND,
            target.match_port or _NO_PORT,
            accepts_grpc_web=target.protocol is Protocol.GRPC_WEB,
        ),
        settings=settings.http,
        access_logs=settings.access_logs.requests,
        metrics=settings.metrics,
    )


def _route(target: _Target, inbound_settings: InboundSettings) -> Route:
    """The workload decides how long a request takes. A stream of gRPC is not begun again."""
    is_grpc = target.protocol in (Protocol.GRPC, Protocol.GRPC_WEB)
    return Route(
        name="default",
        match=RouteMatch(path=Prefix("/")),
        action=ForwardTo(
            target=target.cluster,
            retry=None if is_grpc else inbound_settings.retry,
            ignores_stream_limit=True,
        ),
        operation=f"{target.host}:{target.service_port}/*",
        declared_by=None,
    )
