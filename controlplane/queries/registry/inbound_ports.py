"""The ports of a sidecar's workload that services have.

Source: Istio ``pilot/pkg/networking/core/listener_inbound.go`` (``getFilterChainsByServicePort``).
"""

from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.inbound_port import InboundPort
from controlplane.model.proxy import Target
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.registry.services import service_of
from controlplane.translate.istio.inbound_settings import InboundSettings, inbound_settings


@guarded(first=inbound_settings(MeshConfig()))
def inbound_mesh_settings(graph: Graph) -> InboundSettings:
    """What the mesh says of connections to workloads; runs again when its configuration changes."""
    return inbound_settings(mesh_config(graph))


def inbound_ports(
    graph: Graph, namespace: Namespace, targets: tuple[Target, ...]
) -> tuple[InboundPort, ...]:
    """Each port of a workload that a service leads to, by number. Where several lead to one, the
    oldest service decides what is spoken there. ``targets`` are in that order.
    """
    found: dict[int, InboundPort] = {}
    for target in targets:
        service = service_of(graph, Host(target.host), namespace)
        port = service.port(target.port) if service is not None else None
        if service is not None and port is not None and target.target not in found:
            found[target.target] = InboundPort(
                number=PortNumber(target.target),
                service_port=port.number,
                protocol=port.protocol,
                host=service.host,
                service=service.name,
                is_external=service.is_external,
            )
    return tuple(found[number] for number in sorted(found))
