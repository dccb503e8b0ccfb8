"""``envoy.filters.http.cors``: installed empty; routes switch it on."""

from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.packing import packed


def cors() -> hcm.HttpFilter:
    return hcm.HttpFilter(name="envoy.filters.http.cors", typed_config=packed(Cors()))
