"""The clusters that lead to a sidecar's own workload.

Source: Istio ``pilot/pkg/networking/core/cluster_builder.go`` (``buildInboundCluster``,
``buildInboundPassthroughCluster``).
"""

from dataclasses import replace
from typing import Final

from controlplane.model.cluster import Cluster, Fixed, HttpVersion, Origin, OriginalDestination
from controlplane.model.cluster_name import INBOUND_PASSTHROUGH, inbound
from controlplane.model.endpoint import UNIX
from controlplane.model.inbound_port import InboundPort
from controlplane.model.proxy import IpFamily
from controlplane.model.service import Protocol
from controlplane.model.traffic_policy import ConnectionPool, LeastRequest
from controlplane.translate.cluster import keepalive_of
from controlplane.translate.cluster_inputs import MeshDefaults

_SOURCES: Final = {IpFamily.IPV4: "127.0.0.6", IpFamily.IPV6: "::6"}
"""Istio's. Where connections come from that the rules of interception leave alone: they would bring
them back to the sidecar.
"""
LOOPBACK: Final = {IpFamily.IPV4: "127.0.0.1", IpFamily.IPV6: "::1"}


def inbound_cluster(
    port: InboundPort,
    origin: Origin,
    pool: ConnectionPool,
    mesh: MeshDefaults,
    families: tuple[IpFamily, ...],
) -> Cluster:
    """The cluster of a port: what its ``destination`` says, else the workload at the address that
    its caller was going to.
    """
    to = port.destination
    return _cluster(
        name=inbound(port.number),
        origin=origin,
        discovery=to if to is not None else OriginalDestination(is_kept=True),
        pool=pool,
        mesh=mesh,
        protocol=port.protocol,
        sources=() if to is not None and _is_left_alone(to) else (_SOURCES[families[0]],),
    )


def _is_left_alone(to: Fixed) -> bool:
    """Whether the rules of interception do not see connections to it."""
    return to.address.startswith(UNIX) or to.address in LOOPBACK.values()


def passthrough_cluster(
    pool: ConnectionPool, mesh: MeshDefaults, families: tuple[IpFamily, ...]
) -> Cluster:
    """The cluster of ports that no service has."""
    return _cluster(
        name=INBOUND_PASSTHROUGH,
        origin=None,
        discovery=OriginalDestination(),
        pool=pool,
        mesh=mesh,
        protocol=Protocol.AUTO,
        sources=tuple(_SOURCES[family] for family in families),
    )


def _cluster(
    *,
    name: str,
    origin: Origin | None,
    discovery: Fixed | OriginalDestination,
    pool: ConnectionPool,
    mesh: MeshDefaults,
    protocol: Protocol,
    sources: tuple[str, ...],
) -> Cluster:
    return Cluster(
        name=name,
        origin=origin,
        discovery=discovery,
        balancer=LeastRequest(),
        pool=replace(pool, keepalive=keepalive_of(pool.keepalive, mesh.keepalive)),
        connect_timeout=pool.connect_timeout or mesh.connect_timeout,
        http_version=_http_version(protocol),
        speaks_http=protocol.is_http,
        keeps_header_case=mesh.keeps_header_case,
        sources=sources,
    )


def _http_version(protocol: Protocol) -> HttpVersion:
    """What the workload is spoken to in; upgrades are the caller's affair."""
    if protocol.is_http2:
        return HttpVersion.HTTP2
    return HttpVersion.AS_CLIENT if protocol is Protocol.AUTO else HttpVersion.HTTP1
