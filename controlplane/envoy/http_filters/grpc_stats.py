"""``envoy.filters.http.grpc_stats``: counts messages of gRPC calls, not separately by method."""

from envoy.extensions.filters.http.grpc_stats.v3.config_pb2 import FilterConfig
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.wrappers_pb2 import BoolValue

from controlplane.envoy.packing import packed


def grpc_stats() -> hcm.HttpFilter:
    return hcm.HttpFilter(
        name="envoy.filters.http.grpc_stats",
        typed_config=packed(
            FilterConfig(emit_filter_state=True, stats_for_all_methods=BoolValue(value=False))
        ),
    )
