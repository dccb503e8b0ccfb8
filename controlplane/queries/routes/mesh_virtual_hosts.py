"""The virtual hosts of a sidecar's route tables, encoded shard by shard."""

from typing import Final

from controlplane.base.names import Host
from controlplane.envoy.resource import Part, part
from controlplane.envoy.routes.table import framed_virtual_host
from controlplane.graph import Graph, guarded
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import MeshTable
from controlplane.queries.routes.mesh_domains import domains_of
from controlplane.queries.routes.mesh_hosts import RoutedHost, routed_host, routed_hosts
from controlplane.queries.routes.virtual_services import route_defaults
from controlplane.translate.service_domains import bracketed

NOTHING: Final = part(())


@guarded(first=NOTHING)
def virtual_hosts_of_shard(graph: Graph, table: MeshTable, view: OutboundView, shard: int) -> Part:
    """The virtual hosts of a shard's hosts for exactly this view, joined."""
    found = (
        virtual_host(graph, table, view, each.host)
        for each in routed_hosts(graph, table, view, shard)
    )
    return part(each for each in found if each is not None)


@guarded
def virtual_host(graph: Graph, table: MeshTable, view: OutboundView, host: Host) -> bytes | None:
    """One virtual host, in its place of a table; ``None`` where other hosts have all its domains.

    Runs again when a VirtualService for the host comes or goes, or its routes change.
    """
    routed = routed_host(graph, table, view, host)
    found = domains_of(graph, table, view, routed) if routed is not None else ()
    return framed(graph, table, view, routed, found) if routed is not None and found else None


def framed(
    graph: Graph,
    table: MeshTable,
    view: OutboundView,
    routed: RoutedHost,
    domains: tuple[str, ...],
) -> bytes:
    return framed_virtual_host(
        virtual_host_name(table, routed.host),
        domains,
        routed.routes,
        demands_tls=False,
        tells_attempt=route_defaults(graph, view.route_settings).tells_attempt,
    )


def virtual_host_name(table: MeshTable, host: Host) -> str:
    return f"{bracketed(host.lower())}:{table.served}"
