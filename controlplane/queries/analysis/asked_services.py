"""Services that providers of MeshConfig name, and their ports: whether anybody answers there.

Source: Envoy's external authorization, which speaks HTTP/2 to a service over gRPC
"""

from controlplane.base.codes import PROVIDER_PORT_UNKNOWN, PROVIDER_PROTOCOL_DIFFERS
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, key_is_of
from controlplane.base.shelf import shard_of
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.traffic_policy import ConnectionPool, H2UpgradePolicy
from controlplane.model.external_authorization import GrpcCheck, Provider
from controlplane.model.service import Protocol, Service
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.external_authorization import service_asked
from controlplane.queries.policy.public_view import exact_rules_of_shard


def check_service(report: Report, graph: Graph, at: FieldRef, provider: Provider) -> None:
    """Report a port of the provider's service where nobody can answer."""
    service = service_asked(graph, provider.name)
    if service is None:
        return
    port = service.port(provider.port)
    if port is None:
        _report_port(report, at, provider, service)
    elif isinstance(provider.check, GrpcCheck):
        is_spoken = port.protocol.is_http2 or port.protocol is Protocol.AUTO
        if not is_spoken and not (port.protocol.is_http and is_upgraded(graph, service.host)):
            hint = "declare it as GRPC (the port's name, or its appProtocol or protocol)"
            _report_protocol(report, at, provider, port.protocol, "over gRPC", hint)
    elif port.protocol in (Protocol.GRPC, Protocol.GRPC_WEB):
        hint = "name it as envoyExtAuthzGrpc, or declare its port as HTTP"
        _report_protocol(report, at, provider, port.protocol, "by requests over HTTP", hint)


def _report_port(report: Report, at: FieldRef, provider: Provider, service: Service) -> None:
    report.add(
        PROVIDER_PORT_UNKNOWN,
        at,
        f'the provider "{provider.name}" is asked at port {provider.port} of {service.host}, which '
        f"has no such port, so {_consequence(provider)}",
        note=f"it has {listed(port.number for port in service.ports)}",
    )


def _report_protocol(
    report: Report,
    at: FieldRef,
    provider: Provider,
    declared: Protocol,
    asked: str,
    hint: str,
) -> None:
    report.add(
        PROVIDER_PROTOCOL_DIFFERS,
        at,
        f'the provider "{provider.name}" is asked {asked}, and port {provider.port} of '
        f"{provider.host} is declared as {declared.value}: if it does not answer, "
        f"{_consequence(provider)}",
        hint=hint,
    )


def _consequence(provider: Provider) -> str:
    what = "let through, by failOpen" if provider.fails_open else "refused"
    return f"what the rules match is {what}"


def is_upgraded(graph: Graph, host: Host) -> bool:
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
