"""The listeners of a sidecar for what calls its workload.

Source: Istio ``pilot/pkg/networking/core/listener_inbound.go``.
"""

from collections.abc import Iterator
from dataclasses import replace

from controlplane.base.locations import FieldRef
from controlplane.base.names import PortNumber
from controlplane.graph import Graph, derived, guarded
from controlplane.model.http_settings import ListenerContext
from controlplane.model.inbound_port import OWN_ADDRESS, InboundPort
from controlplane.model.inbound_view import InboundView
from controlplane.model.plan.listener import Address, ListenerPlan
from controlplane.model.plan.proxy import InboundListener
from controlplane.model.proxy import IpFamily
from controlplane.queries.clusters.inbound_clusters import inbound_port_origins
from controlplane.queries.listeners.settings import observed_settings
from controlplane.queries.policy.extensions import extensions_of
from controlplane.queries.policy.peer_policies import deciding_field, mtls_policy
from controlplane.queries.policy.policy_filters import policy_filters
from controlplane.queries.registry.inbound_ports import inbound_mesh_settings
from controlplane.translate.istio.inbound_listener import (
    OtherPort,
    ServedPort,
    port_listener,
    virtual_inbound,
)


@derived
def inbound_listener_keys(graph: Graph, view: InboundView) -> tuple[InboundListener, ...]:
    """The one that interception brings connections to, then those of ports with a socket of their
    own. Runs again when the workload's sidecar is to listen elsewhere.
    """
    family = IpFamily.IPV4 if IpFamily.IPV4 in view.families else IpFamily.IPV6
    everywhere = OWN_ADDRESS[family]
    address = Address(everywhere, inbound_mesh_settings(graph).listen_port)
    shared = (InboundListener(view=view, address=address),) if view.interception.captures else ()
    own = view.own_address(family) or everywhere
    return (
        *shared,
        *(
            InboundListener(
                view=view, address=Address(port.socket.address or own, port.number), port=port
            )
            for port in view.ports
            if port.socket is not None
        ),
    )


@guarded
def inbound_listener_plan(graph: Graph, key: InboundListener) -> ListenerPlan | None:
    """The listener at an address; runs again when a service of the workload, what it accepts, a
    policy of it or the mesh's settings change.
    """
    view = key.view
    settings = replace(
        observed_settings(graph, view, ListenerContext.INBOUND),
        policies=policy_filters(graph, view.policies, ListenerContext.INBOUND),
        extensions=extensions_of(graph, view.extensions),
    )
    of_mesh = inbound_mesh_settings(graph)
    if key.port is not None:
        return port_listener(key.address, _served(graph, view, key.port), settings, of_mesh)
    return virtual_inbound(
        key.address,
        tuple(_served(graph, view, port) for port in view.ports if port.socket is None),
        tuple(_unserved(graph, view)),
        settings,
        of_mesh,
        view.interception,
    )


def _served(graph: Graph, view: InboundView, port: InboundPort) -> ServedPort:
    return ServedPort(
        port=port,
        mode=mtls_policy(graph, view.peers).of(port.number),
        origins=(
            *inbound_port_origins(graph, port, view.namespace),
            *_decided(graph, view, port.number),
        ),
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
