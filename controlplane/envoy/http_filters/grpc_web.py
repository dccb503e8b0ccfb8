"""``envoy.filters.http.grpc_web``: gRPC-Web of browsers becomes gRPC."""

from envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2 import GrpcWeb
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.packing import packed


def grpc_web() -> hcm.HttpFilter:
    return hcm.HttpFilter(name="envoy.filters.http.grpc_web", typed_config=packed(GrpcWeb()))
