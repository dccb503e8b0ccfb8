"""Connections that are forwarded as they are.

Source: envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto.
"""

from datetime import timedelta

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.type.v3.hash_policy_pb2 import HashPolicy

from controlplane.envoy.listeners.access_log import access_log
from controlplane.envoy.packing import packed
from controlplane.model.listening import AccessLog
from controlplane.model.listening import ForwardStream
from controlplane.model.listening import Share
from controlplane.model.traffic_policy import Tunnel


def tcp_proxy(
    stream: ForwardStream, *, log: AccessLog | None, idle_timeout: timedelta | None
) -> Filter:
    """``idle_timeout`` holds where the stream's destination says none."""
    single = stream.shares[0].cluster if len(stream.shares) == 1 else None
    return Filter(
        name="envoy.filters.network.tcp_proxy",
        typed_config=packed(
            TcpProxy(
                stat_prefix=stream.stat_prefix,
                cluster=single,
                weighted_clusters=None if single is not None else _weighted(stream.shares),
                idle_timeout=idle_timeout if stream.idle_timeout is None else stream.idle_timeout,
                access_log=[access_log(log)] if log is not None else (),
                hash_policy=[HashPolicy(source_ip=HashPolicy.SourceIp())]
                if stream.hashes_source_address
                else (),
                tunneling_config=_tunneling(stream.tunnel) if stream.tunnel is not None else None,
                max_downstream_connection_duration=stream.max_connection_duration,
            )
        ),
    )


def _weighted(shares: tuple[Share, ...]) -> TcpProxy.WeightedCluster:
    return TcpProxy.WeightedCluster(
        clusters=[
            TcpProxy.WeightedCluster.ClusterWeight(name=s.cluster, weight=s.weight) for s in shares
        ]
    )


def _tunneling(tunnel: Tunnel) -> TcpProxy.TunnelingConfig:
    return TcpProxy.TunnelingConfig(hostname=tunnel.authority, use_post=tunnel.uses_post)
