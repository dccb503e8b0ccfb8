"""``envoy.filters.network.tcp_proxy``: connections are forwarded as they are.

Source: envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto.
"""

from collections.abc import Sequence
from typing import Final

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy as TcpProxyMessage
from envoy.type.v3.hash_policy_pb2 import HashPolicy

from controlplane.envoy.access_log import access_log
from controlplane.envoy.metrics_log import at_end, connection_metrics
from controlplane.envoy.packing import packed
from controlplane.model.plan.network_filters import ClusterWeight, TcpProxy
from controlplane.model.traffic_policy import Tunnel


def tcp_proxy(proxy: TcpProxy) -> Filter:
    single = proxy.clusters[0].cluster if len(proxy.clusters) == 1 else None
    tunnel = proxy.tunnel
    return Filter(
        name="envoy.filters.network.tcp_proxy",
        typed_config=packed(
            TcpProxyMessage(
                stat_prefix=proxy.stat_prefix,
                cluster=single,
                weighted_clusters=None if single is not None else _weighted(proxy.clusters),
                idle_timeout=proxy.idle_timeout,
                access_log=_logs(proxy),
                access_log_options=_AT_START if proxy.metrics is not None else None,
                hash_policy=[HashPolicy(source_ip=HashPolicy.SourceIp())]
                if proxy.hashes_source_address
                else (),
                tunneling_config=_tunneling(tunnel) if tunnel is not None else None,
                max_downstream_connection_duration=proxy.max_connection_duration,
            )
        ),
    )


_AT_START: Final = TcpProxyMessage.TcpAccessLogOptions(flush_access_log_on_connected=True)


def _logs(proxy: TcpProxy) -> Sequence[AccessLog]:
    """Where connections are counted as they are opened, each log is asked then too."""
    logs = tuple(map(access_log, proxy.access_logs))
    if proxy.metrics is None:
        return logs
    return (*map(at_end, logs), *connection_metrics(proxy.metrics))


def _weighted(clusters: tuple[ClusterWeight, ...]) -> TcpProxyMessage.WeightedCluster:
    weight = TcpProxyMessage.WeightedCluster.ClusterWeight
    return TcpProxyMessage.WeightedCluster(
        clusters=[weight(name=each.cluster, weight=each.weight) for each in clusters]
    )


def _tunneling(tunnel: Tunnel) -> TcpProxyMessage.TunnelingConfig:
    return TcpProxyMessage.TunnelingConfig(hostname=tunnel.authority, use_post=tunnel.uses_post)
