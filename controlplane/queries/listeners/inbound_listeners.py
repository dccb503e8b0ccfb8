"""The listeners of a sidecar for what calls its workload.

Source: Istio ``pilot/pkg/networking/core/listener_inbound.go``.
"""

from collections.abc import Iterator

from controlplane.base.locations import FieldRef
from controlplane.base.names import PortNumber
from controlplane.graph import Graph, derived, guarded
from controlplane.model.http_settings import ListenerContext
from controlplane.model.inbound_view import InboundView
from controlplane.model.plan.listener import Address, ListenerPlan
from controlplane.model.plan.proxy import InboundListener
from controlplane.model.proxy import IpFamily
from controlplane.queries.clusters.cluster_origins import port_origins
from controlplane.queries.listeners.settings import settings_of
from controlplane.queries.policy.peer_policies import deciding_field, mtls_policy
from controlplane.queries.registry.inbound_ports import inbound_mesh_settings
from controlplane.translate.istio.inbound_listener import OtherPort, ServedPort, virtual_inbound


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
        tuple(_unserved(graph, view)),
        settings_of(graph, view.settings, ListenerContext.INBOUND).value,
        inbound_mesh_settings(graph),
        view.interception,
    )


def _served(graph: Graph, view: InboundView) -> Iterator[ServedPort]:
    """The ports that services lead to."""
    peers = mtls_policy(graph, view.peers)
    for port in view.ports:
        declared = port_origins(graph, port.host, view.namespace, port.service_port)
        yield ServedPort(
            port=port,
            mode=peers.of(port.number),
            origins=(*declared, *_decided(graph, view, port.number)),
        )


def _unserved(graph: Graph, view: InboundView) -> Iterator[OtherPort]:
    """Every other port; first those that no policy names either."""
    peers = mtls_policy(graph, view.peers)
    yield OtherPort(number=None, mode=peers.mode, origins=_decided(graph, view, None))
    own = {port.number for port in view.ports}
    for number, mode in peers.ports:
        if number not in own:
            yield OtherPort(number=number, mode=mode, origins=_decided(graph, view, number))


def _decided(graph: Graph, view: InboundView, port: PortNumber | None) -> tuple[FieldRef, ...]:
    found = deciding_field(graph, view.peers, port)
    return (found,) if found is not None else ()
