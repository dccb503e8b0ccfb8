"""Whether what answers at a service's port speaks what a provider of MeshConfig is sent.

A proxy calls a port by what it is declared for: gRPC needs HTTP/2 there.
"""

from typing import Final

from controlplane.base.names import Host, key_is_of
from controlplane.base.shelf import shard_of
from controlplane.graph import Graph
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.traffic_policy import ConnectionPool, H2UpgradePolicy
from controlplane.model.service import Protocol, Service, ServicePort
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.public_view import exact_rules_of_shard

DECLARE_GRPC: Final = "declare it as GRPC (the port's name, or its appProtocol or protocol)"
DECLARE_HTTP: Final = "declare it as HTTP (the port's name, or its appProtocol or protocol)"


def takes_grpc(graph: Graph, service: Service, port: ServicePort) -> bool:
    if port.protocol is Protocol.AUTO or port.protocol.is_http2:
        return True
    return port.protocol.is_http and _is_upgraded(graph, service.host)


def takes_plain_requests(port: ServicePort) -> bool:
    return port.protocol not in (Protocol.GRPC, Protocol.GRPC_WEB)


def _is_upgraded(graph: Graph, host: Host) -> bool:
    """Whether the mesh or a DestinationRule for the host makes HTTP/2 of HTTP."""
    if mesh_config(graph).h2_upgrade_policy is H2UpgradePolicy.UPGRADE:
        return True
    for of, key in exact_rules_of_shard(graph, shard_of(host)):
        assert key_is_of(key, DESTINATION_RULE), "the index is of these"
        declared = object_of(graph, key) if of == host else None
        policy = declared.spec.traffic_policy if declared is not None else None
        if policy is not None:
            ports = (each.connection_pool for each in policy.port_level_settings)
            if any(map(_upgrades, (policy.connection_pool, *ports))):
                return True
    return False


def _upgrades(pool: ConnectionPool | None) -> bool:
    if pool is None or pool.http is None:
        return False
    return pool.http.h2_upgrade_policy is H2UpgradePolicy.UPGRADE
