"""The order of HTTP filters, as Istio has it."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Final

from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

ORDER: Final = (
    "envoy.filters.http.ext_authz",  # the provider of CUSTOM policies is asked before all else
    "envoy.filters.http.jwt_authn",  # tokens are read before
    "envoy.filters.http.rbac",  # the policies that speak of their claims
    "envoy.filters.http.grpc_web",  # what comes after sees gRPC
    "envoy.filters.http.grpc_stats",
    "envoy.filters.http.fault",
    "envoy.filters.http.cors",  # behind fault: a preflight can be aborted too
    "envoy.filters.http.router",  # ends the chain
)
"""Source: istio ``pilot/pkg/networking/core/listener.go``, ``buildHTTPConnectionManager``."""


def in_order(filters: Iterable[hcm.HttpFilter]) -> tuple[hcm.HttpFilter, ...]:
    by_name: Mapping[str, hcm.HttpFilter] = {f.name: f for f in filters}
    return tuple(by_name[name] for name in ORDER if name in by_name)
