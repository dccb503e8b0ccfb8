"""Listeners of Gateways that nobody reaches where their gateways run."""

from collections.abc import Iterator

from controlplane.base.codes import PORT_NOT_PUBLISHED, PORT_OF_ANOTHER_GATEWAY
from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey, key_is_of
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.model.gateway_proxy import ListenPort, ports_text
from controlplane.queries.inputs.gateway_reach import GatewayReach, gateway_reach
from controlplane.queries.inputs.objects import object_of
from controlplane.translate.gateway_api.deployment import listen_port


@derived
def gateway_reach_diagnostics(graph: Graph, key: ObjectKey) -> Diagnostics:
    """Runs again when the Gateway changes, or where its gateway is reached."""
    assert key_is_of(key, KUBERNETES_GATEWAY), "analyses are by kind"
    report = Report()
    declared, reach = object_of(graph, key), gateway_reach(graph, key)
    for i, listener in enumerate(declared.spec.listeners if declared is not None else ()):
        place = FieldRef(key) / "spec" / "listeners" / i / "port"
        port = listen_port(listener, dict(reach.arrives))
        for owner in _owners(port, reach):
            report.add(
                PORT_OF_ANOTHER_GATEWAY,
                place,
                f"port {port.number} is {owner.display_name}'s, so nobody reaches the listener: "
                "the Gateways of a runner share one address",
                hint="give the listener another port",
            )
        if _is_outside(port, reach):
            ports = ports_text(reach.published or ())
            report.add(
                PORT_NOT_PUBLISHED,
                place,
                f"port {port.number} is not published by the runner, which has {ports}",
                hint=f"use a port of {ports}, or publish this one (controlplane gateways --ports)",
            )
    return tuple(report)


def _owners(port: ListenPort, reach: GatewayReach) -> Iterator[ObjectKey]:
    return (owner for taken, owner in reach.taken if taken == port)


def _is_outside(port: ListenPort, reach: GatewayReach) -> bool:
    if reach.published is None:
        return False
    return not any(port.number in ports for ports in reach.published)
