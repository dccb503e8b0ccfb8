"""The domains of the virtual hosts of a sidecar's route table: a name that several could have is
the first one's, by the order of VirtualServices; services without one come last.

Two virtual hosts of a table never have the same domain, for Envoy would refuse the table. Which
hosts could collide is known from indexes, so no table is walked for it.
Source: Istio ``pilot/pkg/networking/core/httproute.go`` (``dedupeDomains``).
"""

from controlplane.base.names import Host
from controlplane.base.shelf import shard_of
from controlplane.graph import Graph
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import MeshTable
from controlplane.model.service import Resolution, Service
from controlplane.queries.registry.imported import imported_by
from controlplane.queries.routes.mesh_hosts import RoutedHost, routed_host, service_on
from controlplane.queries.routes.mesh_names import (
    MAX_ALIASES,
    addressed_by,
    aliases,
    bare_hosts,
    spelled_alike,
)
from controlplane.queries.routes.mesh_virtual_services import WHOLE_MESH, mesh_rules_of_shard
from controlplane.translate.service_domains import (
    Domains,
    bracketed,
    domains,
    expanded_hosts,
    virtual_addresses,
)


def domains_of(
    graph: Graph, table: MeshTable, view: OutboundView, routed: RoutedHost
) -> tuple[str, ...]:
    """The domains of a virtual host; none where others have them all."""
    service = service_on(graph, table, view, routed.host)
    if service is None:
        return _of_plain_host(graph, table, view, routed)
    found = service_domains(graph, view, service)
    name = routed.host.lower()
    declared = _declared_spellings(graph, (name, *found.names[1:]))
    return (
        *(() if _is_claimed_alias(graph, table, view, routed) else found.names[:1]),
        *(n for n in found.names[1:] if not _has(graph, table, view, routed, Host(n))),
        *(
            n
            for n in found.expanded
            if n not in declared or not _has(graph, table, view, routed, Host(n))
        ),
        *(a for a in found.addresses if not _is_taken(graph, table, view, routed, service, a)),
    )


def service_domains(graph: Graph, view: OutboundView, service: Service) -> Domains:
    """Every domain that a service could have."""
    return domains(service, aliases(graph, service.host), view.namespace, view.families)


def _declared_spellings(graph: Graph, names: tuple[str, ...]) -> frozenset[Host]:
    alike = (host for name in names for host in spelled_alike(graph, shard_of(name)))
    return frozenset((*alike, *bare_hosts(graph, WHOLE_MESH)))


def _has(
    graph: Graph, table: MeshTable, view: OutboundView, routed: RoutedHost, name: Host
) -> bool:
    """Whether a spelling of a host is a host itself that has it. A service always has its name."""
    other = routed_host(graph, table, view, name)
    if other is None:
        return False
    service = service_on(graph, table, view, name)
    if service is not None and service.resolution is not Resolution.ALIAS:
        return True
    return other.order <= routed.order


def _of_plain_host(
    graph: Graph, table: MeshTable, view: OutboundView, routed: RoutedHost
) -> tuple[str, ...]:
    """A host that no service has, unless an earlier VirtualService is for a service that is also
    called so.
    """
    holders = (
        *expanded_hosts(routed.host),
        *addressed_by(graph, routed.host),
    )
    claimed = any(_claims(graph, table, view, holder, routed) for holder in holders)
    if claimed or _is_claimed_alias(graph, table, view, routed):
        return ()
    return (bracketed(routed.host.lower()),)


def _is_claimed_alias(
    graph: Graph, table: MeshTable, view: OutboundView, routed: RoutedHost
) -> bool:
    target = routed.host
    for _ in range(MAX_ALIASES):
        found = imported_by(graph, target, view.namespace, table.imports, None)
        if found is None or found.alias is None:
            break
        target = found.alias
    return target != routed.host and _claims(graph, table, view, target, routed)


def _claims(
    graph: Graph, table: MeshTable, view: OutboundView, holder: Host, routed: RoutedHost
) -> bool:
    """Whether the service ``holder`` has the host of ``routed`` for a name, by an earlier
    VirtualService.
    """
    service = service_on(graph, table, view, holder)
    if service is None:
        return False
    other = routed_host(graph, table, view, holder)
    if other is None or other.order >= routed.order:
        return False
    found = service_domains(graph, view, service)
    return bracketed(routed.host.lower()) in (*found.names, *found.expanded, *found.addresses)


def _is_taken(
    graph: Graph,
    table: MeshTable,
    view: OutboundView,
    routed: RoutedHost,
    service: Service,
    domain: str,
) -> bool:
    """Whether another host has the virtual address ``domain`` of a service."""
    address = domain.strip("[]")
    shard = shard_of(address)
    if any(host == address for host, _ in mesh_rules_of_shard(graph, shard)) and _has(
        graph, table, view, routed, Host(address)
    ):
        return True
    own = (routed.order, service.created, service.host)
    for host in addressed_by(graph, address):
        other = service_on(graph, table, view, host)
        if other is None or host.lower() == routed.host.lower():
            continue
        rival = routed_host(graph, table, view, host)
        is_its = address in virtual_addresses(other, view.families)
        if rival is not None and is_its and (rival.order, other.created, host) < own:
            return True
    return False
