"""Virtual hosts and route tables, joined from parts that are encoded already.

A protobuf message may be cut between its fields and joined again, so a virtual host is a head
followed by its framed routes, and a table a head followed by its framed virtual hosts: what did not
change is never encoded twice.
Source: envoy/config/route/v3/route.proto, route_components.proto (``VirtualHost``).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from controlplane.envoy.resource import (
    Part,
    Resource,
    TypeUrl,
    encoded,
    large_resource,
    length_delimited,
    part,
)
from controlplane.envoy.routes.route import route_message
from controlplane.model.routing import Route

_ROUTES: Final = VirtualHost.ROUTES_FIELD_NUMBER
_VIRTUAL_HOSTS: Final = RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER
MAX_DIRECT_RESPONSE: Final = 1 << 20  # bytes; Istio's limit for directResponse bodies


def framed_route(route: Route) -> bytes:
    """One route in its place of a virtual host; raises ``RuleBroken``."""
    return length_delimited(_ROUTES, encoded(route_message(route)))


def framed_virtual_host(
    name: str,
    domains: Sequence[str],
    routes: Iterable[bytes],
    *,
    demands_tls: bool,
    tells_attempt: bool,
) -> bytes:
    """A virtual host in its place of a table. ``tells_attempt``: upstreams learn which try they
    see.
    """
    head = encoded(
        VirtualHost(
            name=name,
            domains=domains,
            require_tls=VirtualHost.ALL if demands_tls else VirtualHost.NONE,
            include_request_attempt_count=tells_attempt,
        )
    )
    return length_delimited(_VIRTUAL_HOSTS, b"".join((head, *routes)))


def inline_table(
    name: str, virtual_host: str, route: Route, *, tells_attempt: bool = False
) -> RouteConfiguration:
    """A table of one route for every request, to be inside of what uses it."""
    return RouteConfiguration(
        name=name,
        validate_clusters=BoolValue(value=False),
        virtual_hosts=[
            VirtualHost(
                name=virtual_host,
                domains=["*"],
                routes=[route_message(route)],
                include_request_attempt_count=tells_attempt,
            )
        ],
    )


def route_table(name: str, virtual_hosts: Iterable[Part]) -> Resource:
    """A route table; ports in requests' authorities are ignored when a virtual host is chosen."""
    head = encoded(
        RouteConfiguration(
            name=name,
            validate_clusters=BoolValue(value=False),
            max_direct_response_body_size_bytes=UInt32Value(value=MAX_DIRECT_RESPONSE),
            ignore_port_in_host_matching=True,
        )
    )
    return large_resource(TypeUrl.ROUTE, name, (part((head,)), *virtual_hosts))
