"""A workload's probe becomes the health checks that its Envoy makes, as HDS has them.

Source: envoy/service/health/v3/hds.proto, envoy/config/core/v3/health_check.proto.
"""

from datetime import timedelta
from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption, TransportSocket
from envoy.config.core.v3.health_check_pb2 import HealthCheck
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.service.health.v3.hds_pb2 import (
    ClusterHealthCheck,
    HealthCheckSpecifier,
    LocalityEndpoints,
)
from envoy.type.v3.range_pb2 import Int64Range
from google.protobuf.struct_pb2 import Struct, Value

from controlplane.envoy.optional import uint32
from controlplane.envoy.packing import packed
from controlplane.model.probe import HttpRequest, Probe

WORKLOAD: Final = "workload"
"""The name under which an Envoy reports on the workload beside it."""
IDLE_REPORTS: Final = timedelta(seconds=60)  # between the reports of an Envoy that checks nothing
REPORTS: Final = (timedelta(seconds=1), timedelta(seconds=5))
"""At least and at most between two reports; in between, half of the probe's period."""
_TLS: Final = "tls"


def health_check_specifier(probe: Probe | None) -> HealthCheckSpecifier:
    """What an Envoy is to check, and how often to report on it; ``None``: nothing."""
    if probe is None:
        return HealthCheckSpecifier(interval=IDLE_REPORTS)
    least, most = REPORTS
    return HealthCheckSpecifier(
        cluster_health_checks=[_cluster_health_check(probe)],
        interval=min(max(probe.period / 2, least), most),
    )


def _cluster_health_check(probe: Probe) -> ClusterHealthCheck:
    where = SocketAddress(address=probe.address, port_value=probe.port)
    is_tls = probe.request is not None and probe.request.is_tls
    return ClusterHealthCheck(
        cluster_name=WORKLOAD,
        health_checks=[_health_check(probe)],
        locality_endpoints=[
            LocalityEndpoints(endpoints=[Endpoint(address=Address(socket_address=where))])
        ],
        transport_socket_matches=[_tls()] if is_tls else [],
    )


def _health_check(probe: Probe) -> HealthCheck:
    """The interval is the same with and without traffic: a cluster that is only checked has none,
    and Envoy's own for that is 60 s.
    """
    return HealthCheck(
        timeout=probe.timeout,
        interval=probe.period,
        unhealthy_threshold=uint32(probe.failures),
        healthy_threshold=uint32(probe.successes),
        no_traffic_interval=probe.period,
        http_health_check=_http(probe.request) if probe.request is not None else None,
        tcp_health_check=HealthCheck.TcpHealthCheck() if probe.request is None else None,
        transport_socket_match_criteria=(
            _criteria() if probe.request is not None and probe.request.is_tls else None
        ),
    )


def _http(request: HttpRequest) -> HealthCheck.HttpHealthCheck:
    """Other answers count towards the threshold; without ``retriable_statuses`` the first of them
    would make the workload unhealthy.
    """
    return HealthCheck.HttpHealthCheck(
        host=request.host,
        path=request.path,
        request_headers_to_add=[
            HeaderValueOption(
                header=HeaderValue(key=name, value=value),
                append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
            )
            for name, value in request.headers
        ],
        expected_statuses=[Int64Range(start=200, end=400)],
        retriable_statuses=[Int64Range(start=100, end=200), Int64Range(start=400, end=600)],
    )


def _criteria() -> Struct:
    return Struct(fields={_TLS: Value(bool_value=True)})


def _tls() -> Cluster.TransportSocketMatch:
    return Cluster.TransportSocketMatch(
        name=_TLS,
        match=_criteria(),
        transport_socket=TransportSocket(
            name="envoy.transport_sockets.tls", typed_config=packed(UpstreamTlsContext())
        ),
    )
