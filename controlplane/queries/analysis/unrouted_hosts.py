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
from controlplane.graph import Graph
from controlplane.kinds.istio.gateway import Gateway
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE, VirtualService
from controlplane.kinds.object import Object
from controlplane.model.plan.route_table import ServerHost
from controlplane.queries.inputs.objects import index
from controlplane.queries.routes.virtual_services import bound_at, odd_wildcards
from controlplane.queries.selection.gateways import gateway_servers
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.virtual_service import virtual_service_gateways
from controlplane.translate.server import HttpServer

_ANY: Final = ""


@index(VIRTUAL_SERVICE)
def routed_gateways(declared: Object[VirtualService]) -> Iterator[tuple[str, bool]]:
    """The gateways that some VirtualService is bound to, and whether there are any at all."""
    if declared.spec.http:
        for gateway in virtual_service_gateways(declared):
            if gateway != MESH:
                yield gateway, True
                yield _ANY, True


def check_hosts_routed(report: Report, graph: Graph, gateway: Object[Gateway]) -> None:
    """Report the hosts of HTTP servers that no VirtualService is for; of a wildcard only where none
    is bound to the Gateway at all.
    """
    if not routed_gateways(graph, _ANY):
        return
    name = f"{gateway.namespace}/{gateway.name}"
    for server in gateway_servers(graph, gateway.key):
        if not isinstance(server.protocol, HttpServer) or server.redirects_to_https:
            continue
        for i, host in enumerate(server.hosts):
            if not _is_routed(graph, name, host):
                report.add(
                    HOST_WITHOUT_ROUTE,
                    FieldRef(gateway.key, server.place.path) / "hosts" / i,
                    f'no VirtualService routes requests for "{host.host}" at this Gateway, so they '
                    "get 404",
                    hint=f"bind a VirtualService for {host.host} to {name}",
                )


def _is_routed(graph: Graph, gateway: str, host: ServerHost) -> bool:
    if is_wildcard(host.host):
        return bool(routed_gateways(graph, gateway))
    odd = [wide for wide in odd_wildcards(graph, gateway) if overlap(wide, host.host)]
    return any(
        host.namespace in (None, key.namespace)
        for wide in (*wider(host.host), *odd)
        for key in bound_at(graph, (gateway, wide))
    )
