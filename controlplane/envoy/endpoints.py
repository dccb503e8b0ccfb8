"""Groups of endpoints become a ClusterLoadAssignment.

Source: envoy/config/endpoint/v3/endpoint_components.proto.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from envoy.config.core.v3.address_pb2 import Address, Pipe, SocketAddress
from envoy.config.core.v3.base_pb2 import Locality, Metadata
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.endpoint.v3.endpoint_components_pb2 import (
    Endpoint as EndpointMessage,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf.struct_pb2 import Struct, Value

from controlplane.envoy.exposition import CLUSTER_ID, workload_labels
from controlplane.envoy.optional import uint32
from controlplane.model.endpoint import UNIX, Endpoint
from controlplane.model.locality import Group

TLS_MODE: Final = "tlsMode"
MUTUAL: Final = "istio"
METRICS: Final = "istio.metrics"
"""The metadata of endpoints and clusters from which metrics say what was called."""


def load_assignment(
    name: str, groups: Iterable[Group], *, is_measured: bool
) -> ClusterLoadAssignment:
    """The endpoints of the cluster ``name``; none at all where no service has it. Where calls are
    ``is_measured``, each says which workload it is.
    """
    return ClusterLoadAssignment(
        cluster_name=name,
        endpoints=[_locality_endpoints(group, is_measured=is_measured) for group in groups],
    )


def assignment_of_one(name: str, address: str, port: int) -> ClusterLoadAssignment:
    """The one endpoint of the cluster ``name``, of which nothing more is known."""
    endpoint = EndpointMessage(address=_address(Endpoint(address=address, port=port)))
    return ClusterLoadAssignment(
        cluster_name=name,
        endpoints=[LocalityLbEndpoints(lb_endpoints=[LbEndpoint(endpoint=endpoint)])],
    )


def _locality_endpoints(group: Group, *, is_measured: bool) -> LocalityLbEndpoints:
    where = group.locality
    return LocalityLbEndpoints(
        locality=Locality(region=where.region, zone=where.zone, sub_zone=where.sub_zone),
        lb_endpoints=[_endpoint(each, is_measured=is_measured) for each in group.endpoints],
        load_balancing_weight=uint32(group.weight),
        priority=group.priority,
    )


def _endpoint(endpoint: Endpoint, *, is_measured: bool) -> LbEndpoint:
    said = {**_transport(endpoint), **(_workload(endpoint) if is_measured else {})}
    return LbEndpoint(
        endpoint=EndpointMessage(address=_address(endpoint)),
        health_status=HealthStatus.HEALTHY if endpoint.is_ready else HealthStatus.UNHEALTHY,
        metadata=Metadata(filter_metadata=said) if said else None,
        load_balancing_weight=uint32(endpoint.weight),
    )


def _address(endpoint: Endpoint) -> Address:
    if endpoint.is_pipe:
        return Address(pipe=Pipe(path=endpoint.address.removeprefix(UNIX)))
    return Address(socket_address=SocketAddress(address=endpoint.address, port_value=endpoint.port))


def _transport(endpoint: Endpoint) -> Mapping[str, Struct]:
    """What a cluster's ``transport_socket_matches`` select by."""
    if not endpoint.takes_mutual_tls:
        return {}
    return {"envoy.transport_socket_match": _texts({TLS_MODE: MUTUAL})}


def _workload(endpoint: Endpoint) -> Mapping[str, Struct]:
    """What is known of the workload behind it; nothing of an address that is only listed."""
    namespace, _, name = endpoint.workload.partition("/")
    if not namespace:
        return {}
    return {METRICS: _texts(workload_labels(name, namespace, dict(endpoint.labels), CLUSTER_ID))}


def _texts(values: Mapping[str, str]) -> Struct:
    return Struct(fields={name: Value(string_value=value) for name, value in values.items()})
