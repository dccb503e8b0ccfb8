"""Ports of a policy's workloads at which no requests are read."""

from collections.abc import Iterator

from controlplane.base.names import Namespace
from controlplane.graph import Graph
from controlplane.kinds.istio.authorization_policy import Rule
from controlplane.model.proxy import Labels
from controlplane.model.service import Protocol
from controlplane.queries.analysis.selected_ports import services_in_front
from controlplane.queries.selection.gateways import gateway_servers, selected_gateways
from controlplane.translate.server import TcpServer, TlsPassthrough


def stream_ports(graph: Graph, namespace: Namespace, selector: Labels) -> tuple[str, ...]:
    """The ports of Services in front of the selected workloads, as ``5432 (TCP)``."""
    found = (
        f"{port.number} ({port.protocol.value})"
        for service in services_in_front(graph, namespace, selector)
        for port in service.ports
        if not port.protocol.is_http and port.protocol is not Protocol.AUTO
    )
    return tuple(dict.fromkeys(found))


def gateway_stream_ports(graph: Graph, selector: Labels) -> tuple[str, ...]:
    """The ports of Gateways whose proxies have the labels of the selector."""
    return tuple(dict.fromkeys(_gateway_ports(graph, selector)))


def _gateway_ports(graph: Graph, selector: Labels) -> Iterator[str]:
    for key in selected_gateways(graph, selector):
        for server in gateway_servers(graph, key):
            if isinstance(server.protocol, TcpServer):
                yield f"{server.port} (TCP)"
            elif isinstance(server.protocol, TlsPassthrough):
                yield f"{server.port} (TLS)"


def names_ports(rule: Rule) -> bool:
    """Whether a rule is for some ports alone."""
    return any(each.operation is not None and each.operation.ports for each in rule.to) or any(
        each.key == "destination.port" for each in rule.when
    )
