"""The ports of a sidecar's workload that services have.

Source: Istio ``pilot/pkg/networking/core/listener_inbound.go`` (``getFilterChainsByServicePort``).
"""

from controlplane.base.names import Host, PortNumber
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.inbound_port import InboundPort
from controlplane.model.inbound_view import InboundView
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.registry.services import service_of
from controlplane.translate.istio.inbound_settings import InboundSettings, inbound_settings


@guarded(first=inbound_settings(MeshConfig()))
def inbound_mesh_settings(graph: Graph) -> InboundSettings:
    """What the mesh says of connections to workloads; runs again when its configuration changes."""
    return inbound_settings(mesh_config(graph))


@derived
def inbound_ports(graph: Graph, view: InboundView) -> tuple[InboundPort, ...]:
    """Each port that a service of the workload leads to, by number. Where several lead to one, the
    oldest service decides what is spoken there.

    Runs again when one of these services changes. There are none where nothing is intercepted: the
    workload itself listens there.
    """
    if not view.interception.captures:
        return ()
    found: dict[int, InboundPort] = {}
    for target in view.targets:
        service = service_of(graph, Host(target.host), view.namespace)
        port = service.port(target.port) if service is not None else None
        if service is not None and port is not None and target.target not in found:
            found[target.target] = InboundPort(
                number=PortNumber(target.target),
                service_port=port.number,
                protocol=port.protocol,
                host=service.host,
            )
    return tuple(found[number] for number in sorted(found))
