"""Ports that rules are for, and those of a policy's workloads at which no requests are read."""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.names import Namespace
from controlplane.graph import Graph
from controlplane.kinds.istio.authorization_policy import AuthorizationPolicy, Rule
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels
from controlplane.model.service import Protocol
from controlplane.queries.analysis.selected_ports import services_in_front
from controlplane.queries.registry.declared_workloads import target_ports
from controlplane.queries.selection.gateways import gateway_servers, selected_gateways
from controlplane.translate.istio.policy_attachment import (
    GATEWAY_NAME_LABEL,
    ByReference,
    BySelector,
    attachment,
)
from controlplane.translate.server import TcpServer, TlsPassthrough


@dataclass(frozen=True, slots=True)
class StreamPort:
    """A port of a Service or Gateway with its protocol, as ``5432 (TCP)``, and the ports of proxies
    where it arrives, if they are known.
    """

    text: str
    targets: frozenset[int]


def stream_ports(graph: Graph, policy: Object[AuthorizationPolicy]) -> tuple[StreamPort, ...]:
    """The ports of the policy's workloads and gateways at which connections are not read."""
    return tuple(dict.fromkeys(_stream_ports(graph, policy)))


def concerned(ports: tuple[StreamPort, ...], rule: Rule) -> tuple[str, ...]:
    """Those of ``ports`` that a rule is for."""
    named = ports_of_rule(rule)
    return tuple(
        dict.fromkeys(
            port.text for port in ports if named is None or not named.isdisjoint(port.targets)
        )
    )


def ports_of_rule(rule: Rule) -> frozenset[int] | None:
    """The ports that a rule is for; ``None`` where it does not name them all."""
    operations = [each.operation for each in rule.to if each.operation is not None]
    named = [frozenset(map(int, each.values)) for each in rule.when if _is_of_ports(each.key)]
    if operations and all(each.ports for each in operations):
        named.append(frozenset(int(port) for each in operations for port in each.ports))
    named = [each for each in named if each]
    return frozenset.intersection(*named) if named else None


def _is_of_ports(key: str) -> bool:
    return key == "destination.port"


def _stream_ports(graph: Graph, policy: Object[AuthorizationPolicy]) -> Iterator[StreamPort]:
    match attachment(policy.spec):
        case BySelector(labels=labels):
            yield from _of_workloads(graph, policy.namespace, labels)
            yield from _of_gateways(graph, labels)
        case ByReference(gateways=gateways):
            for name in gateways:
                yield from _of_gateways(graph, ((GATEWAY_NAME_LABEL, name),))


def _of_workloads(graph: Graph, namespace: Namespace, selector: Labels) -> Iterator[StreamPort]:
    for service in services_in_front(graph, namespace, selector):
        for port in service.ports:
            if not port.protocol.is_http and port.protocol is not Protocol.AUTO:
                targets = frozenset(target_ports(graph, service, port))
                yield StreamPort(f"{port.number} ({port.protocol.value})", targets)


def _of_gateways(graph: Graph, selector: Labels) -> Iterator[StreamPort]:
    for key in selected_gateways(graph, selector):
        for server in gateway_servers(graph, key):
            if isinstance(server.protocol, TcpServer):
                yield StreamPort(f"{server.port} (TCP)", frozenset({server.port}))
            elif isinstance(server.protocol, TlsPassthrough):
                yield StreamPort(f"{server.port} (TLS)", frozenset({server.port}))
