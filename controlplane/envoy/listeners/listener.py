"""Listeners: an address, the chains of filters a connection may take, and how one is chosen.

Source: envoy/config/listener/v3/listener.proto, listener_components.proto.
"""

from collections.abc import Iterable
from typing import Final, assert_never

from envoy.config.core.v3.address_pb2 import Address as AddressMessage, Pipe, SocketAddress
from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import (
    FilterChain,
    FilterChainMatch,
    ListenerFilter,
)
from envoy.config.listener.v3.listener_pb2 import Listener as ListenerMessage
from envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2 import ProxyProtocol
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from controlplane.envoy.access_log import unmatched_log
from controlplane.envoy.listeners.tls_context import downstream_tls
from controlplane.envoy.network_filters.chain import network_filters
from controlplane.envoy.packing import packed
from controlplane.envoy.resource import (
    Resource,
    TypeUrl,
    encoded,
    length_delimited,
    resource_of_parts,
)
from controlplane.model.plan.listener import (
    EVERY_CONNECTION,
    Address,
    Capture,
    ChainMatch,
    ChainPlan,
    Direction,
    ListenerPlan,
)

_CHAINS: Final = ListenerMessage.FILTER_CHAINS_FIELD_NUMBER
_DIRECTIONS: Final = {
    Direction.INBOUND: TrafficDirection.INBOUND,
    Direction.OUTBOUND: TrafficDirection.OUTBOUND,
}
_FIRST_READ: Final = 512
"""Bytes of the first look for a ClientHello, as Istio; it grows when more are needed."""


def framed_chain(chain: ChainPlan) -> bytes:
    """One chain in its place of a listener; raises ``RuleBroken``."""
    return length_delimited(_CHAINS, encoded(_chain(chain)))


def listener(plan: ListenerPlan, chains: Iterable[bytes]) -> Resource:
    """A listener: its head, then its framed chains, so that none is encoded again for another."""
    return resource_of_parts(TypeUrl.LISTENER, plan.name, (encoded(_head(plan)), *chains))


def _head(plan: ListenerPlan) -> ListenerMessage:
    log, limit = plan.unmatched_log, plan.buffer_limit
    return ListenerMessage(
        name=plan.name,
        address=_address(plan.address),
        per_connection_buffer_limit_bytes=UInt32Value(value=limit) if limit is not None else None,
        listener_filters=_listener_filters(plan),
        traffic_direction=_DIRECTIONS[plan.direction],
        access_log=[unmatched_log(log)] if log is not None else (),
        bind_to_port=_bind_to_port(plan.capture),
        # One at a time: a burst of connections is shared among the workers.
        max_connections_to_accept_per_socket_event=UInt32Value(value=1),
    )


def _bind_to_port(capture: Capture) -> BoolValue | None:
    match capture:
        case Capture.BOUND:
            return None
        case Capture.INTERCEPTED:
            return BoolValue(value=False)
    assert_never(capture)


def _address(address: Address) -> AddressMessage:
    pipe = address.pipe
    if pipe is not None:
        return AddressMessage(pipe=Pipe(path=pipe))
    return AddressMessage(
        socket_address=SocketAddress(address=address.host, port_value=address.port)
    )


def _listener_filters(plan: ListenerPlan) -> list[ListenerFilter]:
    """The PROXY header comes before the ClientHello, so it is read first."""
    filters = []
    if plan.expects_proxy_protocol:
        filters.append(
            ListenerFilter(
                name="envoy.filters.listener.proxy_protocol", typed_config=packed(ProxyProtocol())
            )
        )
    if plan.inspects_tls:
        filters.append(
            ListenerFilter(
                name="envoy.filters.listener.tls_inspector",
                typed_config=packed(
                    TlsInspector(initial_read_buffer_size=UInt32Value(value=_FIRST_READ))
                ),
            )
        )
    return filters


def _chain(chain: ChainPlan) -> FilterChain:
    return FilterChain(
        filter_chain_match=_match(chain.match),
        filters=network_filters(chain.network_filters),
        transport_socket=downstream_tls(chain.tls) if chain.tls is not None else None,
        transport_socket_connect_timeout=chain.handshake_timeout,
    )


def _match(match: ChainMatch) -> FilterChainMatch | None:
    if match == EVERY_CONNECTION:
        return None
    return FilterChainMatch(
        server_names=match.server_names, application_protocols=match.application_protocols
    )
