"""Which services the sidecars of a view see and import, shard by shard.

Source: Istio ``pilot/pkg/model/sidecar.go`` (``selectServices``).
"""

from collections.abc import Iterator
from dataclasses import replace

from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.graph import Graph
from controlplane.model.egress import EgressListener, Imports
from controlplane.model.outbound_view import OutboundView
from controlplane.model.service import Resolution, Service
from controlplane.queries.registry.services import hosts_of_shard, imported_service


def imported_of_shard(
    graph: Graph, view: OutboundView, listener: EgressListener, shard: int
) -> tuple[Service, ...]:
    """The services of a shard's hosts that a listener of a view imports, one for each host, aliases
    left out; of a listener for one port with that port alone. ``view`` is the shard's
    (``view_for_shard``).
    """
    return _imported(graph, view.namespace, listener.imports, listener.only_port, shard)


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
