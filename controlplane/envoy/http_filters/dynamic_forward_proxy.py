"""``envoy.filters.http.dynamic_forward_proxy``: the host of a request is looked up before it is
forwarded.

It concerns requests whose cluster is a dynamic forward proxy with the same cache, and waits for no
other.
Source: envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.proto.
"""

from typing import Final

from envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2 import (
    FilterConfig,
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.clusters.discovery import dns_cache
from controlplane.envoy.packing import packed
from controlplane.model.cluster import DynamicForwardProxy
from controlplane.model.plan.network_filters import DynamicForwardProxyHttp

NAME: Final = "envoy.filters.http.dynamic_forward_proxy"


def dynamic_forward_proxy(proxy: DynamicForwardProxyHttp) -> hcm.HttpFilter:
    cache = dns_cache(DynamicForwardProxy(proxy.cache, proxy.families))
    return hcm.HttpFilter(name=NAME, typed_config=packed(FilterConfig(dns_cache_config=cache)))
