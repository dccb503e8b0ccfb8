"""Envoy's resources from protobuf's JSON, as the admin interface and ``--from-xds`` give them, and
the parts of a listener that a person asks for.
"""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501 one name
    HttpConnectionManager,
    HttpFilter,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from controlplane.admin.view import ConfigResource
from controlplane.protobuf.descriptors import message_type

M = TypeVar("M", bound=Message)
Part = tuple[ConfigResource, ...] | msgspec.UnsetType
"""The resources of one type; unset where they were not asked for."""


def messages(part: Part, kind: type[M]) -> Iterator[tuple[ConfigResource, M]]:
    """Each resource of a part with its message."""
    for resource in part or ():
        yield resource, message(resource.resource, kind)


def message(document: Mapping[str, object], kind: type[M]) -> M:
    """``document`` as a message; fields unknown to its type are left out."""
    for name in _packed_types(document):
        message_type(name)  # so that protobuf finds it
    return ParseDict(dict(document), kind(), ignore_unknown_fields=True)


def chains(listener: Listener) -> tuple[FilterChain, ...]:
    """Its filter chains, the default one last."""
    if not listener.HasField("default_filter_chain"):
        return tuple(listener.filter_chains)
    return (*listener.filter_chains, listener.default_filter_chain)


def inline_routes(chain: FilterChain) -> RouteConfiguration | None:
    """The route configuration that the chain's HTTP connection manager holds itself."""
    manager = HttpConnectionManager()
    for filter_ in chain.filters:
        if filter_.typed_config.Unpack(manager) and manager.HasField("route_config"):
            return manager.route_config
    return None


def route_table(chain: FilterChain) -> str | None:
    """The name of the route configuration that the chain's HTTP connection manager asks for."""
    manager = HttpConnectionManager()
    for filter_ in chain.filters:
        if filter_.typed_config.Unpack(manager) and manager.HasField("rds"):
            return manager.rds.route_config_name
    return None


def extension_names(listener: Listener) -> Iterator[str]:
    """The configurations that the listener's filters discover by ADS."""
    for filter_ in _filters(listener):
        if filter_.HasField("config_discovery") and filter_.config_discovery.config_source.HasField(
            "ads"
        ):
            yield filter_.name


def _filters(listener: Listener) -> Iterator[ListenerFilter | Filter | HttpFilter]:
    """Of every kind, those of requests among them."""
    yield from listener.listener_filters
    manager = HttpConnectionManager()
    for chain in chains(listener):
        for filter_ in chain.filters:
            yield filter_
            if filter_.typed_config.Unpack(manager):
                yield from manager.http_filters


def tcp_proxy(chain: FilterChain) -> TcpProxy | None:
    """The chain's TCP proxy."""
    proxy = TcpProxy()
    return proxy if any(f.typed_config.Unpack(proxy) for f in chain.filters) else None


def tls_context(chain: FilterChain) -> DownstreamTlsContext | None:
    """The TLS that the chain terminates; ``None`` where it terminates none."""
    context = DownstreamTlsContext()
    return context if chain.transport_socket.typed_config.Unpack(context) else None


def secret_names(context: DownstreamTlsContext) -> tuple[str, ...]:
    """The secrets whose certificates are presented."""
    configs = context.common_tls_context.tls_certificate_sds_secret_configs
    return tuple(config.name for config in configs)


def trust_names(context: DownstreamTlsContext) -> tuple[str, ...]:
    """The secrets that client certificates are verified with."""
    common = context.common_tls_context
    found = (
        common.combined_validation_context.validation_context_sds_secret_config.name,
        common.validation_context_sds_secret_config.name,
    )
    return tuple(filter(None, found))


def inline(source: DataSource) -> bytes:
    """What is inline; empty for a file."""
    return source.inline_bytes or source.inline_string.encode()


def _packed_types(value: object) -> Iterator[str]:
    """The full names of the types within ``Any`` messages."""
    if isinstance(value, Mapping):
        name = value.get("@type")
        if isinstance(name, str):
            yield name.rpartition("/")[2]
        for inner in value.values():
            yield from _packed_types(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _packed_types(inner)
