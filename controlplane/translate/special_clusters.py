"""The clusters of a sidecar for what is in no service.

Source: Istio ``pilot/pkg/networking/core/cluster_builder.go`` (``buildDefaultPassthroughCluster``,
``buildAllowAnyDynamicDNSCluster``).
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from controlplane.model.cluster import (
    Cluster,
    DynamicForwardProxy,
    HttpVersion,
    OriginalDestination,
)
from controlplane.model.cluster_name import ANY_DYNAMIC_DNS, PASSTHROUGH
from controlplane.model.proxy import IpFamily
from controlplane.model.tls_upstream import OnEveryEndpoint, Originate
from controlplane.model.traffic_policy import ConnectionPool, LeastRequest
from controlplane.translate.cluster_inputs import MeshDefaults

ANY_HOST_CACHE: Final = "allow_any_dfp_dns_cache"  # istiod's
_IDLE: Final = timedelta(minutes=5)  # istiod's idle timeout of HTTP connections to anywhere


def passthrough(pool: ConnectionPool, mesh: MeshDefaults) -> Cluster:
    """To wherever the client was going."""
    return _cluster(PASSTHROUGH, OriginalDestination(), pool, mesh)


def any_dynamic_dns(
    pool: ConnectionPool,
    mesh: MeshDefaults,
    families: tuple[IpFamily, ...],
    tls: Originate | None,
) -> Cluster:
    """To the address of each request's host."""
    where = DynamicForwardProxy(ANY_HOST_CACHE, families)
    found = _cluster(ANY_DYNAMIC_DNS, where, pool, mesh)
    if tls is None:
        return found
    return replace(found, tls=OnEveryEndpoint(tls), tls_parameters=mesh.tls_parameters)


def _cluster(
    name: str,
    discovery: OriginalDestination | DynamicForwardProxy,
    pool: ConnectionPool,
    mesh: MeshDefaults,
) -> Cluster:
    idle = pool.http_idle_timeout if pool.http_idle_timeout is not None else _IDLE
    return Cluster(
        name=name,
        origin=None,
        discovery=discovery,
        balancer=LeastRequest(),
        pool=replace(pool, http_idle_timeout=idle, keepalive=pool.keepalive or mesh.keepalive),
        connect_timeout=pool.connect_timeout or mesh.connect_timeout,
        http_version=HttpVersion.AS_CLIENT,
        speaks_http=False,
        keeps_header_case=mesh.keeps_header_case,
        is_measured=mesh.measures_calls,
    )
