"""Hosts that a Gateway's servers admit and no VirtualService routes: requests for them get 404.

Only where some VirtualService is bound to a gateway: a folder that holds Gateways alone is a part
of a mesh.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import HOST_WITHOUT_ROUTE
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_wildcard, overlap, wider
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.base.nearest import nearest
from controlplane.graph import Graph
from controlplane.kinds.istio.gateway import GATEWAY, Gateway
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE, VirtualService
from controlplane.kinds.object import Object
from controlplane.model.plan.route_table import ServerHost
from controlplane.model.proxy_view import GatewayInstance
from controlplane.queries.analysis.near_names import lengths
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.routes.virtual_services import bound_at, odd_wildcards
from controlplane.queries.selection.gateways import gateway_servers, gateway_tables
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.virtual_service import virtual_service_gateways
from controlplane.translate.server import HttpServer, Server

_ANY: Final = ""
_Name = str | tuple[str, int]


@index(VIRTUAL_SERVICE)
def routed_gateways(declared: Object[VirtualService]) -> Iterator[tuple[str, bool]]:
    """The gateways that some VirtualService is bound to, and whether there are any at all."""
    if declared.spec.http:
        for gateway in virtual_service_gateways(declared):
            if gateway != MESH:
                yield gateway, True
                yield _ANY, True


@index(VIRTUAL_SERVICE)
def gateways_named(declared: Object[VirtualService]) -> Iterator[tuple[_Name, str]]:
    """The gateways that VirtualServices name, by the name alone, and by the length of the name in a
    namespace.
    """
    for gateway in virtual_service_gateways(declared):
        if gateway != MESH:
            namespace, _, name = gateway.partition("/")
            yield name, gateway
            yield (namespace, len(name)), gateway


def check_hosts_routed(
    report: Report, graph: Graph, gateway: Object[Gateway], instance: GatewayInstance
) -> None:
    """Report the hosts of HTTP servers that no VirtualService is for; of a wildcard only where none
    is bound to the Gateway at all.

    A VirtualService that misspells the Gateway is reported itself. ``instance`` are the Gateways
    whose servers share the proxies: those of a plaintext port have one table of routes.
    """
    if not routed_gateways(graph, _ANY):
        return
    if _is_misspelled(graph, gateway):
        return
    name = f"{gateway.namespace}/{gateway.name}"
    for server in gateway_servers(graph, gateway.key):
        if not isinstance(server.protocol, HttpServer) or server.redirects_to_https:
            continue
        for i, host in enumerate(server.hosts):
            if not any(
                _is_routed(graph, each, host) for each in _routing(graph, instance, server, host)
            ):
                report.add(
                    HOST_WITHOUT_ROUTE,
                    FieldRef(gateway.key, server.place.path) / "hosts" / i,
                    f'no VirtualService routes requests for "{host.host}" at this Gateway, so they '
                    "get 404",
                    hint=f"bind a VirtualService for {host.host} to {name}",
                )


def _is_misspelled(graph: Graph, gateway: Object[Gateway]) -> bool:
    """Whether a VirtualService names a Gateway that is not there and likely means this one."""
    others = (
        other
        for size in lengths(gateway.name)
        for other in gateways_named(graph, (gateway.namespace, size))
        if nearest(other.partition("/")[2], (gateway.name,)) is not None
    )
    for other in (*gateways_named(graph, gateway.name), *others):
        namespace, _, name = other.partition("/")
        if object_of(graph, ObjectKey(GATEWAY, Namespace(namespace), name)) is None:
            return True
    return False


def _routing(
    graph: Graph, instance: GatewayInstance, server: Server, host: ServerHost
) -> Iterator[str]:
    """The Gateways whose VirtualServices route requests for a host of ``server``: its own, and
    those with a server for that host whose requests the same table routes.
    """
    yield server.gateway
    if isinstance(server.protocol, HttpServer) and server.protocol.tls is None:
        for table in gateway_tables(graph, instance):
            of_table = [(each.gateway, each.port, each.hosts) for each in table.servers]
            if (server.gateway, server.port, server.hosts) in of_table:
                for gateway, _, hosts in of_table:
                    if any(each.host in wider(host.host) for each in hosts):
                        yield gateway


def _is_routed(graph: Graph, gateway: str, host: ServerHost) -> bool:
    if is_wildcard(host.host):
        return bool(routed_gateways(graph, gateway))
    odd = [wide for wide in odd_wildcards(graph, gateway) if overlap(wide, host.host)]
    return any(
        host.namespace in (None, key.namespace)
        for wide in (*wider(host.host), *odd)
        for key in bound_at(graph, (gateway, wide))
    )
