"""Services that providers of MeshConfig name, and their ports: whether anybody answers there.

Source: Envoy's external authorization, which speaks HTTP/2 to a service over gRPC
"""

from controlplane.base.codes import PROVIDER_PORT_UNKNOWN, PROVIDER_PROTOCOL_DIFFERS
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.model.external_authorization import GrpcCheck, Provider
from controlplane.model.service import Protocol, Service
from controlplane.queries.analysis.spoken_protocols import (
    DECLARE_GRPC,
    takes_grpc,
    takes_plain_requests,
)
from controlplane.queries.policy.external_authorization import service_asked


def check_service(report: Report, graph: Graph, at: FieldRef, provider: Provider) -> None:
    """Report a port of the provider's service where nobody can answer."""
    service = service_asked(graph, provider.name)
    if service is None:
        return
    port = service.port(provider.port)
    if port is None:
        _report_port(report, at, provider, service)
    elif isinstance(provider.check, GrpcCheck):
        if not takes_grpc(graph, service, port):
            _report_protocol(report, at, provider, port.protocol, "over gRPC", DECLARE_GRPC)
    elif not takes_plain_requests(port):
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
