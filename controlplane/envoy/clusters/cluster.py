"""The model's cluster becomes Envoy's.

Source: envoy/config/cluster/v3/cluster.proto, and Istio
``pilot/pkg/networking/core/cluster_builder.go``.
"""

from datetime import timedelta
from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster as ClusterMessage, UpstreamConnectionOptions
from envoy.config.core.v3.address_pb2 import (
    BindConfig,
    ExtraSourceAddress,
    SocketAddress,
    TcpKeepalive,
)
from envoy.config.core.v3.base_pb2 import Metadata
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.wrappers_pb2 import UInt32Value

from controlplane.envoy.clusters import balancing, discovery
from controlplane.envoy.clusters.outlier import outlier_detection
from controlplane.envoy.clusters.pool import circuit_breakers
from controlplane.envoy.clusters.protocol import extension_options
from controlplane.envoy.clusters.tls import transport_socket, transport_socket_matches
from controlplane.envoy.endpoints import METRICS
from controlplane.envoy.object_path import object_path
from controlplane.envoy.optional import opt, uint32
from controlplane.model.cluster import Cluster, Origin
from controlplane.model.cluster_name import BLACK_HOLE
from controlplane.model.tls_upstream import OnEveryEndpoint, Originate
from controlplane.model.traffic_policy import Keepalive

CONNECT_TIMEOUT: Final = timedelta(seconds=10)  # Istio, MeshConfig.connectTimeout, default


def cluster_message(cluster: Cluster) -> ClusterMessage:
    """The cluster of ``cluster``; its endpoints come by EDS unless Envoy finds them itself."""
    where, balancer = cluster.discovery, cluster.balancer
    return ClusterMessage(
        transport_socket_matches=transport_socket_matches(cluster),
        name=cluster.name,
        alt_stat_name=f"{cluster.name};",
        type=discovery.discovery_type(where),
        cluster_type=discovery.cluster_type(cluster),
        eds_cluster_config=discovery.eds_cluster_config(where),
        connect_timeout=cluster.connect_timeout,
        lb_policy=balancing.lb_policy(where, balancer),
        load_assignment=discovery.load_assignment(
            cluster.name,
            where,
            is_measured=cluster.is_measured,
        ),
        circuit_breakers=circuit_breakers(cluster.pool, cluster.retry_budget),
        typed_extension_protocol_options=extension_options(cluster),
        dns_refresh_rate=discovery.refresh_rate(where),
        dns_jitter=discovery.jitter(where),
        dns_failure_refresh_rate=discovery.failure_refresh_rate(where),
        dns_lookup_family=discovery.lookup_family(where),
        typed_dns_resolver_config=discovery.resolver(where),
        outlier_detection=opt(outlier_detection, cluster.outlier),
        cleanup_interval=discovery.cleanup_interval(where),
        upstream_bind_config=_bind_config(cluster.sources) if cluster.sources else None,
        ring_hash_lb_config=balancing.ring_hash(balancer),
        maglev_lb_config=balancing.maglev(balancer),
        original_dst_lb_config=discovery.original_destination(where),
        least_request_lb_config=balancing.least_request(balancer),
        round_robin_lb_config=balancing.round_robin(balancer),
        common_lb_config=balancing.common(cluster),
        transport_socket=transport_socket(cluster),
        metadata=_metadata(cluster),
        upstream_connection_options=opt(_connection_options, cluster.pool.keepalive),
    )


def black_hole(*, is_measured: bool) -> ClusterMessage:
    """The cluster without endpoints, which answers 503 to whatever is sent to it."""
    named = {METRICS: _struct({"service_name": BLACK_HOLE})} if is_measured else {}
    return ClusterMessage(
        name=BLACK_HOLE,
        type=ClusterMessage.STATIC,
        connect_timeout=CONNECT_TIMEOUT,
        metadata=Metadata(filter_metadata=named) if named else None,
    )


def _bind_config(sources: tuple[str, ...]) -> BindConfig:
    """Envoy takes the first of the endpoint's family."""
    first, *others = (SocketAddress(address=source, port_value=0) for source in sources)
    return BindConfig(
        source_address=first,
        extra_source_addresses=[ExtraSourceAddress(address=other) for other in others],
    )


def _connection_options(keepalive: Keepalive) -> UpstreamConnectionOptions:
    return UpstreamConnectionOptions(
        tcp_keepalive=TcpKeepalive(
            keepalive_probes=opt(uint32, keepalive.probes),
            keepalive_time=opt(_whole_seconds, keepalive.time),
            keepalive_interval=opt(_whole_seconds, keepalive.interval),
        )
    )


def _whole_seconds(length: timedelta) -> UInt32Value:
    """Sockets count in seconds; less than one is one."""
    return uint32(max(1, round(length.total_seconds())))


def _metadata(cluster: Cluster) -> Metadata | None:
    said = {
        **({"istio": _described(cluster.origin, cluster)} if cluster.origin is not None else {}),
        **({METRICS: _measured(cluster)} if cluster.is_measured else {}),
    }
    return Metadata(filter_metadata=said) if said else None


def _described(origin: Origin, cluster: Cluster) -> Struct:
    """What the cluster is for, as istiod says it: service, subset, rule."""
    service = {"host": origin.host, "name": origin.name, "namespace": origin.namespace}
    said = {"subset": origin.subset, "config": opt(object_path, origin.rule)}
    fields = {name: Value(string_value=text) for name, text in said.items() if text is not None}
    fields["services"] = Value(list_value=ListValue(values=[Value(struct_value=_struct(service))]))
    if origin.is_external:
        fields["external"] = Value(bool_value=True)
    if isinstance(cluster.tls, OnEveryEndpoint) and isinstance(cluster.tls.tls, Originate):
        fields["alpn_override"] = Value(string_value="false")
    return Struct(fields=fields)


def _measured(cluster: Cluster) -> Struct:
    """The service for labels of metrics, which read no lists; what is in none has the name of its
    cluster, as with Istio.
    """
    origin = cluster.origin
    if origin is None:
        return _struct({"service_name": cluster.name})
    return _struct(
        {
            "service": origin.host,
            "service_name": origin.name,
            "service_namespace": origin.namespace,
        }
    )


def _struct(texts: dict[str, str]) -> Struct:
    return Struct(fields={name: Value(string_value=text) for name, text in texts.items()})
