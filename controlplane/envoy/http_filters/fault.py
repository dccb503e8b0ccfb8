"""``envoy.filters.http.fault``: installed empty; routes switch it on."""

from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.packing import packed


def fault() -> hcm.HttpFilter:
    return hcm.HttpFilter(name="envoy.filters.http.fault", typed_config=packed(HTTPFault()))
