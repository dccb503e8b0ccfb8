"""TCPRoutes and TLSRoutes whose parent is a Service or ServiceEntry, and that get no connection
there: the service has no port of their sort, or another rule takes them all.
"""

from collections.abc import Iterator

from controlplane.base.codes import MESH_ROUTE_HIDDEN, MESH_ROUTE_UNUSED
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import is_wildcard, short_name
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, PortNumber, key_is_of
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.kinds.object import Object, is_of
from controlplane.model.egress import EVERYTHING
from controlplane.model.service import Protocol, ServicePort
from controlplane.queries.gateway_api.attachment import AnyRoute
from controlplane.queries.listeners.mesh_stream_routes import routed_connections
from controlplane.queries.listeners.mesh_streams import rules_of_host, tcp_rules
from controlplane.queries.registry.mesh_parents import parent_hosts
from controlplane.queries.registry.services import declaring_namespaces, service_of
from controlplane.translate.gateway_api.mesh_route import EVERY_PORT, mesh_parent, parent_port
from controlplane.translate.istio.mesh_streams import Caller


def check_stream_parent(report: Report, graph: Graph, route: Object[AnyRoute], i: int) -> None:
    """Report what is wrong with a parentRef, if it names a service."""
    if not is_of(route, TCP_ROUTE) and not is_of(route, TLS_ROUTE):
        return
    ref = route.spec.parent_refs[i]
    parent = mesh_parent(ref, route.namespace)
    at = FieldRef(route.key) / "spec" / "parentRefs" / i
    place = at / "port" if ref.port is not None else at / "name"
    port = parent_port(ref)
    for host in parent_hosts(graph, parent) if parent is not None else ():
        taken = sorted(set(_ports(graph, host, is_tls=is_of(route, TLS_ROUTE))))
        meant = [number for number in taken if port in (EVERY_PORT, number)]
        if is_wildcard(host) or not meant:
            _report_unused(report, place, route, host, port, taken)
        elif is_of(route, TCP_ROUTE):
            _check_hidden(report, graph, at, route, host, meant[0])


def _ports(graph: Graph, host: Host, *, is_tls: bool) -> Iterator[PortNumber]:
    """The ports of a host whose connections are routed by TLSRoutes, or by TCPRoutes."""
    for namespace in declaring_namespaces(graph, host):
        found = service_of(graph, host, namespace)
        for port in found.ports if found is not None else ():
            if port.protocol.is_tls if is_tls else _is_tcp(port):
                yield port.number


def _is_tcp(port: ServicePort) -> bool:
    protocol = port.protocol
    return not (protocol.is_http or protocol.is_tls or protocol is Protocol.UDP)


def _report_unused(
    report: Report,
    place: FieldRef,
    route: Object[AnyRoute],
    host: Host,
    port: PortNumber,
    taken: list[PortNumber],
) -> None:
    if is_wildcard(host):
        message = f'the route is not used for "{host}": connections are not routed by a wildcard'
        report.add(MESH_ROUTE_UNUSED, place, message, hint="declare the hosts that are called")
        return
    sort = "TLS" if route.kind == TLS_ROUTE else "TCP"
    what = "no port" if port == EVERY_PORT else f"no port {port}"
    report.add(
        MESH_ROUTE_UNUSED,
        place,
        f"the route is not used: {short_name(host)} has {what} of {sort}",
        note=f"its ports of {sort} are {listed(taken)}" if taken else None,
        hint=f"write {taken[0]}" if len(taken) == 1 else None,
    )


def _check_hidden(
    report: Report,
    graph: Graph,
    at: FieldRef,
    route: Object[AnyRoute],
    host: Host,
    port: PortNumber,
) -> None:
    """An earlier rule that takes every connection, for callers of the route's own namespace."""
    caller = Caller(namespace=route.namespace, labels=(), port=port)
    for key in rules_of_host(graph, host, route.namespace, EVERYTHING):
        if key == route.key:
            return
        if key_is_of(key, VIRTUAL_SERVICE):
            streams = tcp_rules(graph, key, caller)
        elif key.kind == TCP_ROUTE:
            streams = routed_connections(graph, key, host, caller)
        else:
            continue
        last = next((each for each in streams if each.is_last), None)
        if last is not None:
            report.add(
                MESH_ROUTE_HIDDEN,
                at / "name",
                f"sidecars use {key.display_name} for {short_name(host)}, which comes first and "
                "takes every connection",
                hint=f"remove one of the two, or name both backends in {key.display_name}",
                related=(Related(place=last.rule.place, message="comes first"),),
            )
            return
