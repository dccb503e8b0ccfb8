"""The ports of a sidecar's workload.

Source: Istio ``pilot/pkg/networking/core/listener_inbound.go`` (``buildInboundChainConfigs``).
"""

from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, ObjectKey, PortNumber, key_is_of
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.sidecar import SIDECAR, Sidecar
from controlplane.kinds.object import Object
from controlplane.model.inbound_port import InboundPort
from controlplane.model.proxy import ResolvedProxy
from controlplane.model.traffic_policy import ConnectionPool
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.services import service_of
from controlplane.translate.istio.inbound_settings import InboundSettings, inbound_settings
from controlplane.translate.istio.sidecar_ingress import ingress_ports, limits, says_anything

UNPRIVILEGED: Final = ("UNPRIVILEGED_POD", "true")
"""Node metadata: the proxy may not open ports below 1024."""


@guarded(first=inbound_settings(MeshConfig()))
def inbound_mesh_settings(graph: Graph) -> InboundSettings:
    """What the mesh says of connections to workloads; runs again when its configuration changes."""
    return inbound_settings(mesh_config(graph))


def inbound_ports(
    graph: Graph, proxy: ResolvedProxy, scope: ObjectKey | None, *, captures: bool
) -> tuple[InboundPort, ...]:
    """The ports of a workload by number: those that its Sidecar declares, else those that services
    lead to. Without interception the workload itself listens on the latter.
    """
    of_services = _ports_of_services(graph, proxy)
    declared = _sidecar(graph, scope)
    if declared is not None and declared.spec.ingress:
        return ingress_ports(
            declared,
            of_services,
            proxy.families,
            captures=captures,
            opens_low_ports=UNPRIVILEGED not in proxy.metadata,
        )
    return tuple(of_services[number] for number in sorted(of_services)) if captures else ()


def _ports_of_services(graph: Graph, proxy: ResolvedProxy) -> dict[int, InboundPort]:
    """Where several services lead to a port, the oldest decides what is spoken there: that is the
    order of targets.
    """
    found: dict[int, InboundPort] = {}
    for target in proxy.targets:
        service = service_of(graph, Host(target.host), proxy.namespace)
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
    return found


def inbound_scope(graph: Graph, scope: ObjectKey | None) -> ObjectKey | None:
    """``scope``, if it bears on what calls the workload."""
    declared = _sidecar(graph, scope)
    return scope if declared is not None and says_anything(declared.spec) else None


def limits_of(graph: Graph, scope: ObjectKey | None, port: int) -> ConnectionPool | None:
    """What a Sidecar says of connections to a port; ``None`` leaves it to DestinationRules."""
    declared = _sidecar(graph, scope)
    return limits(declared.spec, port) if declared is not None else None


def limit_origins(graph: Graph, scope: ObjectKey | None, port: int) -> tuple[FieldRef, ...]:
    """The field of a Sidecar that ``limits_of`` comes from."""
    declared = _sidecar(graph, scope)
    if declared is None:
        return ()
    at = FieldRef(declared.key, ("spec",))
    for i, listener in enumerate(declared.spec.ingress):
        is_it = listener.port is not None and listener.port.number == port
        if is_it and listener.connection_pool is not None:
            return (at / "ingress" / i / "connectionPool",)
    found = declared.spec.inbound_connection_pool is not None
    return (at / "inboundConnectionPool",) if found else ()


def _sidecar(graph: Graph, scope: ObjectKey | None) -> Object[Sidecar] | None:
    if scope is None:
        return None
    assert key_is_of(scope, SIDECAR), "a scope is a Sidecar"
    return object_of(graph, scope)
