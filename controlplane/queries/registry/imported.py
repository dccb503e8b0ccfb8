"""Which services the sidecars of a view see and import, shard by shard.

Source: Istio ``pilot/pkg/model/sidecar.go`` (``selectServices``).
"""

from collections.abc import Iterator
from dataclasses import replace

from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.graph import Graph, guarded
from controlplane.model.egress import EgressListener, Imports
from controlplane.model.outbound_view import OutboundView, SidecarScope
from controlplane.model.service import Resolution, Service
from controlplane.queries.registry.egress import listeners_of_scope
from controlplane.queries.registry.services import hosts_of_shard, imported_service, service_for


def imported_of_shard(
    graph: Graph, view: OutboundView, listener: EgressListener, shard: int
) -> tuple[Service, ...]:
    """The services of a shard's hosts that a listener of a view imports, one for each host, aliases
    left out; of a listener for one port with that port alone. ``view`` is the shard's
    (``view_for_shard``).
    """
    return _imported(graph, view.namespace, listener.imports, listener.only_port, shard)


@guarded(first=())
def _imported(
    graph: Graph, namespace: Namespace, imports: Imports, port: PortNumber | None, shard: int
) -> tuple[Service, ...]:
    """Runs again when a declaration of one of the shard's hosts changes."""
    return tuple(_services(graph, namespace, imports, port, shard))


def _services(
    graph: Graph, namespace: Namespace, imports: Imports, port: PortNumber | None, shard: int
) -> Iterator[Service]:
    for host in hosts_of_shard(graph, shard):
        found = imported_by(graph, host, namespace, imports, port)
        if found is not None and found.resolution is not Resolution.ALIAS:
            yield found


def service_in_view(graph: Graph, host: Host, view: OutboundView) -> Service | None:
    """The service that ``host`` is for proxies of a view, with the ports that they import."""
    if view.scope is None:
        return service_for(graph, host, view.namespace, view.role)
    return _scoped_service(graph, host, view.namespace, view.scope)


@guarded
def _scoped_service(
    graph: Graph, host: Host, namespace: Namespace, scope: SidecarScope
) -> Service | None:
    """The service that the first listener with it imports, with the ports of all that do.

    Runs again when a declaration of the host or the Sidecar changes.
    """
    listeners = listeners_of_scope(graph, scope)
    found = (
        imported_by(graph, host, namespace, listener.imports, listener.only_port)
        for listener in listeners
    )
    services = [service for service in found if service is not None]
    if not services:
        return None
    first, *others = (each for each in services if each.namespace == services[0].namespace)
    ports = {port.number: port for service in (first, *others) for port in service.ports}
    return replace(first, ports=tuple(ports.values())) if others else first


def imported_by(
    graph: Graph, host: Host, namespace: Namespace, imports: Imports, port: PortNumber | None
) -> Service | None:
    """The service that ``host`` is where only ``imports`` are looked at, with one port alone if
    ``port`` says so; ``None`` where it does not have that.
    """
    found = imported_service(graph, host, namespace, imports)
    if found is None or port is None:
        return found
    ports = tuple(each for each in found.ports if each.number == port)
    return replace(found, ports=ports) if ports else None
