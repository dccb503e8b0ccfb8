"""The route tables of a sidecar: what its workload calls, port by port.

Most of a table is everybody's: a view's own shards are laid over those of the public view, and what
did not change is kept as bytes.
Source: Istio ``pilot/pkg/networking/core/httproute.go``.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Final, assert_never

from controlplane.base.names import PortNumber
from controlplane.base.shelf import GROUP, GROUPS, Shelf, shelf
from controlplane.envoy.resource import Part, Resource, part
from controlplane.envoy.routes.table import framed_route, framed_virtual_host, route_table
from controlplane.graph import Graph, derived, guarded
from controlplane.model.cluster_name import ANY_DYNAMIC_DNS, PASSTHROUGH
from controlplane.model.egress import LookUp, PassOn, Refuse, UnknownTraffic
from controlplane.model.http_match import RouteMatch
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.route_table import MeshTable
from controlplane.model.proxy import Labels
from controlplane.model.routing import Action, ForwardTo, Respond, Route
from controlplane.model.service import Protocol
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.registry.egress import listeners_of_scope, unknown_traffic
from controlplane.queries.registry.imported import candidates
from controlplane.queries.routes.mesh_ports import http_ports
from controlplane.queries.routes.mesh_view import route_view, shards_apart, view_in_shard
from controlplane.queries.routes.mesh_virtual_hosts import NOTHING, virtual_hosts_of_shard
from controlplane.queries.routes.mesh_virtual_services import mesh_rules_of_shard
from controlplane.queries.routes.sniffed_tables import sniffed_tables
from controlplane.queries.routes.virtual_services import route_defaults

HTTP_PROXY: Final = "http_proxy"  # istiod's name of the table of the mesh's HTTP proxy port


@derived
def mesh_tables(graph: Graph, view: OutboundView) -> Shelf[Resource]:
    """Runs again when one of them comes, goes or changes."""
    seen, unknown = route_view(view), unknown_traffic(graph, view.scope)
    tables = (mesh_table(graph, table, seen, unknown) for table in table_plans(graph, view))
    found = {table.name: table for table in tables if table is not None}
    for listener in listeners_of_scope(graph, view.scope):
        if listener.port is None or listener.protocol is Protocol.AUTO:
            for shard in sniffed_tables(graph, listener.imports, seen):
                found |= shard
    return shelf(found)


def table_plans(graph: Graph, view: OutboundView) -> tuple[MeshTable, ...]:
    """The tables that may be asked for by listeners which several services share."""
    found: dict[str, MeshTable] = {}
    for listener in listeners_of_scope(graph, view.scope):
        imports, port = listener.imports, listener.port
        if port is None:
            ports = sorted(http_ports(graph, imports, route_view(view)))
            names: list[tuple[str, PortNumber | None]] = [(str(each), each) for each in ports]
            names += [(HTTP_PROXY, None)] if _has_proxy_port(graph, view) else []
        elif listener.pipe is not None:
            names = [(listener.pipe, None)]
        elif listener.protocol.is_http or listener.protocol is Protocol.AUTO:
            names = [(str(port), None if listener.is_proxy else port)]
        else:
            continue
        for name, each in names:
            found.setdefault(name, MeshTable(name=name, imports=imports, port=each))
    return tuple(found.values())


def _has_proxy_port(graph: Graph, view: OutboundView) -> bool:
    said = any(name == "HTTP_PROXY_PORT" for name, _ in view.settings)
    return said or bool(mesh_config(graph).proxy_http_port)


@guarded
def mesh_table(
    graph: Graph, table: MeshTable, view: OutboundView, unknown: UnknownTraffic
) -> Resource | None:
    """One route table; what nothing is known of is in its last virtual host.

    Runs again when a virtual host in it comes, goes or changes.
    """
    parts = [each for each in virtual_hosts(graph, table, view) if each.encoded]
    return route_table(table.name, (*parts, catch_all(graph, unknown, view.route_settings)))


def virtual_hosts(graph: Graph, table: MeshTable, view: OutboundView) -> tuple[Part, ...]:
    """The virtual hosts of a table, by shard."""
    if view.is_public:
        return _public_virtual_hosts(graph, table, view)
    found = list(_public_virtual_hosts(graph, table, view.public))
    for shard, own in own_virtual_hosts(graph, table, view).items():
        found[shard] = own
    return tuple(found)


@derived
def _public_virtual_hosts(graph: Graph, table: MeshTable, view: OutboundView) -> tuple[Part, ...]:
    groups = (virtual_hosts_of_group(graph, table, view, first) for first in GROUPS)
    return tuple(chain.from_iterable(groups))


@derived
def virtual_hosts_of_group(
    graph: Graph, table: MeshTable, view: OutboundView, first: int
) -> tuple[Part, ...]:
    """The shards of a group, so that an edit of one does not look at all."""
    shards = range(first, first + GROUP)
    return tuple(_virtual_hosts_in(graph, table, view, shard) for shard in shards)


@derived
def own_virtual_hosts(graph: Graph, table: MeshTable, view: OutboundView) -> Mapping[int, Part]:
    """Separate from ``mesh_table``, so that an edit of public ones reads none of these."""
    own = shards_apart(graph, view.namespace)
    return {shard: _virtual_hosts_in(graph, table, view, shard) for shard in own}


def _virtual_hosts_in(graph: Graph, table: MeshTable, view: OutboundView, shard: int) -> Part:
    if not candidates(graph, table.imports, shard) and not mesh_rules_of_shard(graph, shard):
        return NOTHING
    return virtual_hosts_of_shard(graph, table, view_in_shard(graph, view, shard), shard)


@derived
def catch_all(graph: Graph, unknown: UnknownTraffic, settings: Labels) -> Part:
    """The virtual host of all that no other one is for."""
    defaults = route_defaults(graph, settings)
    name, action = _unknown(unknown, appends_forwarded_host=defaults.appends_forwarded_host)
    route = Route(name=name, match=RouteMatch(), action=action, operation=None, declared_by=None)
    framed = framed_virtual_host(
        name,
        ("*",),
        (framed_route(route),),
        demands_tls=False,
        tells_attempt=defaults.tells_attempt,
    )
    return part((framed,))


def catch_all_name(unknown: UnknownTraffic) -> str:
    """The name of that virtual host."""
    return _unknown(unknown, appends_forwarded_host=False)[0]


def _unknown(unknown: UnknownTraffic, *, appends_forwarded_host: bool) -> tuple[str, Action]:
    """istiod's name of the virtual host, and what is done."""
    match unknown:
        case PassOn(proxy=proxy):
            name, cluster = "allow_any", proxy or PASSTHROUGH
        case LookUp():
            name, cluster = "allow_any_dynamic_dns", ANY_DYNAMIC_DNS
        case Refuse():
            return "block_all", Respond(status=502)
        case _:
            assert_never(unknown)
    forward = ForwardTo(target=cluster, appends_forwarded_host=appends_forwarded_host)
    return name, forward
