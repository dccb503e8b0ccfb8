"""The listeners of a sidecar for what calls its workload.

Source: Istio ``pilot/pkg/networking/core/listener_inbound.go``.
"""

from collections.abc import Iterator

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.graph import Graph, derived, guarded
from controlplane.model.http_settings import ListenerContext
from controlplane.model.inbound_port import InboundPort
from controlplane.model.inbound_view import InboundView
from controlplane.model.plan.listener import Address, ListenerPlan
from controlplane.model.plan.proxy import InboundListener
from controlplane.model.proxy import IpFamily
from controlplane.queries.clusters.cluster_origins import port_origins
from controlplane.queries.clusters.inbound_ports import inbound_mesh_settings, inbound_ports
from controlplane.queries.listeners.settings import settings_of
from controlplane.translate.istio.inbound_listener import ServedPort, virtual_inbound


@derived
def inbound_listener_keys(graph: Graph, view: InboundView) -> tuple[InboundListener, ...]:
    """Runs again when the workload's sidecar is to listen elsewhere."""
    if not view.interception.captures:
        return ()
    everywhere = "0.0.0.0" if IpFamily.IPV4 in view.families else "::"
    address = Address(everywhere, inbound_mesh_settings(graph).listen_port)
    return (InboundListener(view=view, address=address),)


@guarded
def inbound_listener_plan(graph: Graph, key: InboundListener) -> ListenerPlan | None:
    """The listener at an address; runs again when a service of the workload, what it accepts or the
    mesh's settings change.
    """
    view = key.view
    return virtual_inbound(
        key.address,
        tuple(_served(graph, view)),
        view.peers,
        (),
        settings_of(graph, view.settings, ListenerContext.INBOUND).value,
        inbound_mesh_settings(graph),
        view.interception,
    )


def _served(graph: Graph, view: InboundView) -> Iterator[ServedPort]:
    for port in inbound_ports(graph, view):
        yield ServedPort(
            port=port,
            mode=view.peers.of(port.number),
            origins=_origins(graph, port, view.namespace),
        )


def _origins(graph: Graph, port: InboundPort, namespace: Namespace) -> tuple[FieldRef, ...]:
    return port_origins(graph, port.host, namespace, port.service_port)
