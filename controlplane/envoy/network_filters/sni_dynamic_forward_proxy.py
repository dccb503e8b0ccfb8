"""``envoy.filters.network.sni_dynamic_forward_proxy``: the SNI is looked up before a TCP proxy
connects.

Source: envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3.
"""

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3 import (
    sni_dynamic_forward_proxy_pb2 as sni,
)

from controlplane.envoy.clusters.discovery import dns_cache
from controlplane.envoy.packing import packed
from controlplane.model.cluster import DynamicForwardProxy
from controlplane.model.plan.network_filters import DynamicForwardProxySni


def sni_dynamic_forward_proxy(proxy: DynamicForwardProxySni) -> Filter:
    return Filter(
        name="envoy.filters.network.sni_dynamic_forward_proxy",
        typed_config=packed(
            sni.FilterConfig(
                dns_cache_config=dns_cache(DynamicForwardProxy(proxy.cache, proxy.families)),
                port_value=proxy.port,
            )
        ),
    )
