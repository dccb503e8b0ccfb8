"""Datagrams that are forwarded.

Source: envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy.proto.
"""

from envoy.extensions.filters.udp.udp_proxy.v3.route_pb2 import Route
from envoy.extensions.filters.udp.udp_proxy.v3.udp_proxy_pb2 import UdpProxyConfig
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.matcher_pb2 import Matcher

from controlplane.envoy.packing import packed
from controlplane.model.plan.listener import UdpProxy


def udp_proxy(datagrams: UdpProxy) -> UdpProxyConfig:
    """Everything goes to one cluster; a matcher without conditions says so."""
    route = TypedExtensionConfig(
        name="route", typed_config=packed(Route(cluster=datagrams.cluster))
    )
    return UdpProxyConfig(
        stat_prefix=datagrams.stat_prefix,
        matcher=Matcher(on_no_match=Matcher.OnMatch(action=route)),
    )
