"""Why Envoy would refuse a message that the user has patched: its rules, and what it demands of
listeners and route tables besides.

Source: envoy/config/listener/v3/listener.proto, Envoy ``source/common/router/config_impl.cc``,
``source/extensions/filters/network/http_connection_manager/config.cc``, ``source/server``
(``FilterChainUtility``)
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpConnectionManager,
)
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import DecodeError, Message

from controlplane.envoy.rules import violations

_NETWORK: Final = "envoy.extensions.filters.network."
_TERMINAL: Final = frozenset(
    f"{_NETWORK}{name}"
    for name in (
        "direct_response.v3.Config",
        "dubbo_proxy.v3.DubboProxy",
        "echo.v3.Echo",
        "generic_proxy.v3.GenericProxy",
        "http_connection_manager.v3.HttpConnectionManager",
        "redis_proxy.v3.RedisProxy",
        "tcp_proxy.v3.TcpProxy",
        "thrift_proxy.v3.ThriftProxy",
    )
)
"""The filters that end a chain; no filter may be behind one."""
_HTTP: Final = "envoy.extensions.filters.http."
_ROUTER: Final = f"{_HTTP}router.v3.Router"
_MAY_END: Final = ("dynamic_modules.", "mcp_router.", "reverse_tunnel.")
"""Packages of filters that end a chain in some configurations."""


def problems_of(message: Message) -> list[str]:
    """What is wrong with a resource; nothing where Envoy takes it, as far as that is known here."""
    found = violations(message)
    match message:
        case Listener():
            found += _of_listener(message)
        case RouteConfiguration():
            found += _of_table(message)
    return found


def _of_listener(listener: Listener) -> Iterator[str]:
    chains = [*listener.filter_chains]
    if listener.HasField("default_filter_chain"):
        chains.append(listener.default_filter_chain)
    if not chains and not listener.HasField("udp_listener_config"):
        yield "it has no filter chain"
    for chain in chains:
        yield from _of_chain(chain)
    matches = Counter(
        chain.filter_chain_match.SerializeToString(deterministic=True)
        for chain in listener.filter_chains
    )
    if any(count > 1 for count in matches.values()) and not listener.HasField(
        "filter_chain_matcher"
    ):
        yield "two of its filter chains have the same match"


def _of_chain(chain: FilterChain) -> Iterator[str]:
    types = [_type(filter_.typed_config) for filter_ in chain.filters]
    for name in _behind(types, _TERMINAL):
        yield f"a filter is behind {name}, which must be the last of its chain"
    if types and _cannot_end(types[-1], _NETWORK, _TERMINAL):
        yield f"its chain ends with {types[-1]}, which leads nowhere"
    for filter_ in chain.filters:
        if _type(filter_.typed_config) == f"{_NETWORK}http_connection_manager.v3.{_MANAGER}":
            yield from _of_manager(filter_.typed_config)


_MANAGER: Final = "HttpConnectionManager"


def _of_manager(config: Packed) -> Iterator[str]:
    manager = HttpConnectionManager()
    try:
        config.Unpack(manager)
    except DecodeError:
        yield "its HTTP connection manager cannot be read"
        return
    types = [_type(filter_.typed_config) for filter_ in manager.http_filters]
    for name in _behind(types, frozenset({_ROUTER})):
        yield f"an HTTP filter is behind {name}, which must be the last one"
    if not types:
        yield "its HTTP connection manager has no filters"
    elif _cannot_end(types[-1], _HTTP, frozenset({_ROUTER})):
        yield f"its HTTP filters end with {types[-1]} instead of the router"
    if manager.HasField("route_config"):
        yield from _of_table(manager.route_config)


def _behind(types: Sequence[str], terminal: frozenset[str]) -> Iterator[str]:
    return (each for each in types[:-1] if each in terminal)


def _cannot_end(name: str, package: str, terminal: frozenset[str]) -> bool:
    """Nothing is said of types that are not known here, or that are discovered."""
    if not name.startswith(package) or name in terminal:
        return False
    return not name.removeprefix(package).startswith(_MAY_END)


def _type(config: Packed) -> str:
    return config.type_url.rpartition("/")[2]


def _of_table(table: RouteConfiguration) -> Iterator[str]:
    names = (host.name for host in table.virtual_hosts)
    for name in _repeated(names):
        yield f'two virtual hosts have the name "{name}"'
    domains = (domain.lower() for host in table.virtual_hosts for domain in host.domains)
    for domain in _repeated(domains):
        yield f'two virtual hosts have the domain "{domain}"'


def _repeated(items: Iterable[str]) -> list[str]:
    return [item for item, count in Counter(items).items() if count > 1]
