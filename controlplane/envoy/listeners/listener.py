"""Listeners: an address, the chains of filters a connection may take, and how one is chosen.

Source: envoy/config/listener/v3/listener.proto, listener_components.proto.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from typing import assert_never

from envoy.config.core.v3.address_pb2 import Address as AddressMessage
from envoy.config.core.v3.address_pb2 import Pipe
from envoy.config.core.v3.address_pb2 import SocketAddress
from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_components_pb2 import FilterChainMatch
from envoy.config.listener.v3.listener_components_pb2 import ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener as ListenerMessage
from envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2 import ProxyProtocol
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from google.protobuf.wrappers_pb2 import UInt32Value

from controlplane.envoy.listeners.access_log import unmatched_log
from controlplane.envoy.listeners.http_connection_manager import gateway_http
from controlplane.envoy.listeners.tcp_proxy import tcp_proxy
from controlplane.envoy.listeners.tls_context import downstream_tls
from controlplane.envoy.packing import packed
from controlplane.envoy.resource import Resource
from controlplane.envoy.resource import TypeUrl
from controlplane.envoy.resource import encoded
from controlplane.envoy.resource import length_delimited
from controlplane.envoy.resource import resource_of_parts
from controlplane.model.listening import Address
from controlplane.model.listening import Chain
from controlplane.model.listening import ForwardStream
from controlplane.model.listening import Listener
from controlplane.model.listening import ListenerSettings
from controlplane.model.listening import RouteRequests

_CHAINS: Final = ListenerMessage.FILTER_CHAINS_FIELD_NUMBER
HANDSHAKE_TIMEOUT: Final = timedelta(seconds=15)
"""istiod's PILOT_GATEWAY_TRANSPORT_SOCKET_CONNECT_TIMEOUT."""
_FIRST_READ: Final = 512
"""Bytes of the first look for a ClientHello, as Istio; it grows when more are needed."""


def framed_chain(chain: Chain, settings: ListenerSettings) -> bytes:
    """One chain in its place of a listener; raises ``RuleBroken``."""
    return length_delimited(_CHAINS, encoded(_chain(chain, settings)))


def gateway_listener(
    listener: Listener, settings: ListenerSettings, chains: Iterable[bytes]
) -> Resource:
    """A listener: its head, then its framed chains, so that none is encoded again for another."""
    head = encoded(_head(listener, settings))
    return resource_of_parts(TypeUrl.LISTENER, listener.name, (head, *chains))


def _head(listener: Listener, settings: ListenerSettings) -> ListenerMessage:
    log = settings.access_log if settings.logs_unmatched else None
    return ListenerMessage(
        name=listener.name,
        address=_address(listener.address),
        per_connection_buffer_limit_bytes=UInt32Value(value=settings.buffer_limit)
        if settings.buffer_limit is not None
        else None,
        listener_filters=_listener_filters(listener, settings),
        traffic_direction=TrafficDirection.OUTBOUND,
        access_log=[unmatched_log(log)] if log is not None else (),
        # One at a time: a burst of connections is shared among the workers.
        max_connections_to_accept_per_socket_event=UInt32Value(value=1),
    )


def _address(address: Address) -> AddressMessage:
    pipe = address.pipe
    if pipe is not None:
        return AddressMessage(pipe=Pipe(path=pipe))
    return AddressMessage(
        socket_address=SocketAddress(address=address.host, port_value=address.port)
    )


def _listener_filters(listener: Listener, settings: ListenerSettings) -> list[ListenerFilter]:
    """The PROXY header stands before the ClientHello, so it is read first."""
    filters = []
    if settings.expects_proxy_protocol:
        filters.append(
            ListenerFilter(
                name="envoy.filters.listener.proxy_protocol", typed_config=packed(ProxyProtocol())
            )
        )
    if listener.inspects_tls:
        filters.append(
            ListenerFilter(
                name="envoy.filters.listener.tls_inspector",
                typed_config=packed(
                    TlsInspector(initial_read_buffer_size=UInt32Value(value=_FIRST_READ))
                ),
            )
        )
    return filters


def _chain(chain: Chain, settings: ListenerSettings) -> FilterChain:
    return FilterChain(
        filter_chain_match=_match(chain),
        filters=[_filter(chain, settings)],
        transport_socket=downstream_tls(chain.tls) if chain.tls is not None else None,
        transport_socket_connect_timeout=HANDSHAKE_TIMEOUT,
    )


def _match(chain: Chain) -> FilterChainMatch | None:
    if not chain.server_names and not chain.application_protocols:
        return None
    return FilterChainMatch(
        server_names=chain.server_names, application_protocols=chain.application_protocols
    )


def _filter(chain: Chain, settings: ListenerSettings) -> Filter:
    match chain.handling:
        case RouteRequests() as routes:
            return gateway_http(routes, settings.http, settings.access_log)
        case ForwardStream() as stream:
            return tcp_proxy(
                stream, log=settings.access_log, idle_timeout=settings.stream_idle_timeout
            )
    assert_never(chain.handling)
