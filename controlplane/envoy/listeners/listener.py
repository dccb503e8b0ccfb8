"""Listeners: an address, the chains of filters a connection may take, and how one is chosen.

Source: envoy/config/listener/v3/listener.proto, listener_components.proto.
"""

from collections.abc import Iterable
from typing import Final, assert_never

from envoy.config.core.v3.address_pb2 import (
    Address as AddressMessage,
    CidrRange,
    Pipe,
    SocketAddress,
)
from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import (
    FilterChain,
    FilterChainMatch,
    ListenerFilter,
    ListenerFilterChainMatchPredicate,
)
from envoy.config.listener.v3.listener_pb2 import Listener as ListenerMessage
from envoy.config.listener.v3.udp_listener_config_pb2 import UdpListenerConfig
from envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2 import HttpInspector
from envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2 import OriginalDst
from envoy.extensions.filters.listener.original_src.v3.original_src_pb2 import OriginalSrc
from envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2 import ProxyProtocol
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from envoy.type.v3.range_pb2 import Int32Range
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from controlplane.base.names import PortNumber
from controlplane.envoy.access_log import unmatched_log
from controlplane.envoy.listeners.tls_context import downstream_tls
from controlplane.envoy.listeners.udp_proxy import udp_proxy
from controlplane.envoy.network_filters.chain import network_filters
from controlplane.envoy.packing import packed
from controlplane.envoy.policy_configs import (
    NO_CONFIGS,
    PolicyConfigs,
    policies_of,
    policy_filter_config,
)
from controlplane.envoy.resource import (
    Resource,
    TypeUrl,
    encoded,
    length_delimited,
    resource_of_parts,
)
from controlplane.model.plan.listener import (
    EVERY_CONNECTION,
    EVERYWHERE,
    Address,
    Capture,
    ChainMatch,
    ChainPlan,
    Direction,
    Inspection,
    ListenerPlan,
    Transport,
    UdpProxy,
)

_CHAINS: Final = ListenerMessage.FILTER_CHAINS_FIELD_NUMBER
_DEFAULT: Final = ListenerMessage.DEFAULT_FILTER_CHAIN_FIELD_NUMBER
_TRANSPORTS: Final = {Transport.RAW: "raw_buffer", Transport.TLS: "tls"}
_DIRECTIONS: Final = {
    Direction.INBOUND: TrafficDirection.INBOUND,
    Direction.OUTBOUND: TrafficDirection.OUTBOUND,
}
_FIRST_READ: Final = 512
"""Bytes of the first look for a ClientHello, as Istio; it grows when more are needed."""
_UNCAPTURED_MARK: Final = 1337  # Istio's: the rules of interception leave such packets alone


def framed_chain(
    chain: ChainPlan, policies: PolicyConfigs = NO_CONFIGS, *, is_default: bool = False
) -> bytes:
    """One chain in its place of a listener, where the one of what no other takes has its own;
    raises ``RuleBroken``. ``policies`` has the filters of policies in it, as they are encoded.
    """
    return length_delimited(_DEFAULT if is_default else _CHAINS, encoded(_chain(chain, policies)))


def listener(plan: ListenerPlan, chains: Iterable[bytes]) -> Resource:
    """A listener: its head, then its framed chains, so that none is encoded again for another."""
    return resource_of_parts(TypeUrl.LISTENER, plan.name, (encoded(_head(plan)), *chains))


def refusing_listener(plan: ListenerPlan, chain: ChainPlan) -> Resource:
    """The listener with ``chain`` alone, for every connection, whatever it is otherwise."""
    configs = {policy: policy_filter_config(policy) for policy in policies_of(chain)}
    return listener(plan, (framed_chain(chain, configs, is_default=True),))


def _head(plan: ListenerPlan) -> ListenerMessage:
    limit = plan.buffer_limit
    if plan.datagrams is not None:
        return _udp_listener(plan, plan.datagrams)
    return ListenerMessage(
        name=plan.name,
        address=_address(plan.address),
        per_connection_buffer_limit_bytes=UInt32Value(value=limit) if limit is not None else None,
        listener_filters=_listener_filters(plan),
        listener_filters_timeout=plan.filters.timeout,
        continue_on_listener_filters_timeout=plan.filters.timeout is not None,
        use_original_dst=BoolValue(value=True) if plan.capture is Capture.REDIRECTED else None,
        transparent=BoolValue(value=True) if plan.is_transparent else None,
        traffic_direction=_DIRECTIONS[plan.direction],
        access_log=map(unmatched_log, plan.unmatched_logs),
        bind_to_port=_bind_to_port(plan.capture),
        # One at a time: a burst of connections is shared among the workers.
        max_connections_to_accept_per_socket_event=UInt32Value(value=1),
    )


def _udp_listener(plan: ListenerPlan, datagrams: UdpProxy) -> ListenerMessage:
    """A listener of UDP, which has no chains."""
    forwarded = packed(udp_proxy(datagrams))
    return ListenerMessage(
        name=plan.name,
        address=_address(plan.address),
        listener_filters=[
            ListenerFilter(
                name="envoy.filters.udp_listener.udp_proxy",
                typed_config=forwarded,
            )
        ],
        traffic_direction=_DIRECTIONS[plan.direction],
        udp_listener_config=UdpListenerConfig(),
        # Without it one worker has the socket, and with several of them Envoy demands it.
        enable_reuse_port=BoolValue(value=True),
    )


def _bind_to_port(capture: Capture) -> BoolValue | None:
    match capture:
        case Capture.BOUND | Capture.REDIRECTED:
            return None
        case Capture.INTERCEPTED:
            return BoolValue(value=False)
    assert_never(capture)


def _address(address: Address) -> AddressMessage:
    pipe = address.pipe
    if pipe is not None:
        return AddressMessage(pipe=Pipe(path=pipe))
    protocol = SocketAddress.UDP if address.is_udp else SocketAddress.TCP
    return AddressMessage(
        socket_address=SocketAddress(
            protocol=protocol, address=address.host, port_value=address.port
        )
    )


def _listener_filters(plan: ListenerPlan) -> list[ListenerFilter]:
    """The PROXY header comes before the ClientHello, so it is read first."""
    wanted = plan.filters
    filters: list[ListenerFilter] = []
    if wanted.original_destination:
        filters.append(_listener_filter("original_dst", OriginalDst()))
    if wanted.original_source:
        filters.append(_listener_filter("original_src", OriginalSrc(mark=_UNCAPTURED_MARK)))
    if wanted.proxy_protocol:
        filters.append(_listener_filter("proxy_protocol", ProxyProtocol()))
    if wanted.tls is not None:
        look = TlsInspector(initial_read_buffer_size=UInt32Value(value=_FIRST_READ))
        filters.append(_listener_filter("tls_inspector", look, wanted.tls))
    if wanted.http is not None:
        filters.append(_listener_filter("http_inspector", HttpInspector(), wanted.http))
    return filters


def _listener_filter(name: str, config: Message, ports: Inspection = EVERYWHERE) -> ListenerFilter:
    return ListenerFilter(
        name=f"envoy.filters.listener.{name}",
        typed_config=packed(config),
        filter_disabled=_disabled(ports),
    )


def _disabled(ports: Inspection) -> ListenerFilterChainMatchPredicate | None:
    if ports.only_ports:
        return ListenerFilterChainMatchPredicate(not_match=_any_port(ports.only_ports))
    return _any_port(ports.skipped_ports) if ports.skipped_ports else None


def _any_port(ports: tuple[PortNumber, ...]) -> ListenerFilterChainMatchPredicate:
    """Connections to one of these ports; ``or_match`` needs two of them at least."""
    each = [
        ListenerFilterChainMatchPredicate(
            destination_port_range=Int32Range(start=port, end=port + 1)
        )
        for port in ports
    ]
    if len(each) == 1:
        return each[0]
    return ListenerFilterChainMatchPredicate(
        or_match=ListenerFilterChainMatchPredicate.MatchSet(rules=each)
    )


def _chain(chain: ChainPlan, policies: PolicyConfigs) -> FilterChain:
    return FilterChain(
        name=chain.name,
        filter_chain_match=_match(chain.match),
        filters=network_filters(chain.network_filters, policies),
        transport_socket=downstream_tls(chain.tls) if chain.tls is not None else None,
        transport_socket_connect_timeout=chain.handshake_timeout,
    )


def _match(match: ChainMatch) -> FilterChainMatch | None:
    if match == EVERY_CONNECTION:
        return None
    port, transport = match.destination_port, match.transport
    return FilterChainMatch(
        destination_port=UInt32Value(value=port) if port is not None else None,
        prefix_ranges=[_network(network) for network in match.networks],
        server_names=match.server_names,
        transport_protocol=_TRANSPORTS[transport] if transport is not None else "",
        application_protocols=match.application_protocols,
    )


def _network(text: str) -> CidrRange:
    address, _, length = text.partition("/")
    return CidrRange(address_prefix=address, prefix_len=UInt32Value(value=int(length)))
