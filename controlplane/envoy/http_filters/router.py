"""``envoy.filters.http.router``: the last filter, which forwards the request."""

from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.packing import packed


def router(*, shows_envoy_headers: bool) -> hcm.HttpFilter:
    """``shows_envoy_headers``: whether upstreams and clients see Envoy's own ``x-envoy-…``
    headers.
    """
    return hcm.HttpFilter(
        name="envoy.filters.http.router",
        typed_config=packed(Router(suppress_envoy_headers=not shows_envoy_headers)),
    )
