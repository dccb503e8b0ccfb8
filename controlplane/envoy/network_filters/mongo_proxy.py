"""``envoy.filters.network.mongo_proxy``: counts what it reads of MongoDB's protocol.

Source: envoy/extensions/filters/network/mongo_proxy/v3/mongo_proxy.proto.
"""

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.mongo_proxy.v3.mongo_proxy_pb2 import (
    MongoProxy as MongoProxyMessage,
)

from controlplane.envoy.packing import packed
from controlplane.model.plan.network_filters import MongoProxy


def mongo_proxy(proxy: MongoProxy) -> Filter:
    return Filter(
        name="envoy.filters.network.mongo_proxy",
        typed_config=packed(MongoProxyMessage(stat_prefix=proxy.stat_prefix)),
    )
