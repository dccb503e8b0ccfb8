"""What is wrong with a route whose parent is a Service or ServiceEntry: nothing is called so, or
sidecars use something else for it.
"""

from collections.abc import Iterator

from controlplane.base.codes import (
    MESH_HOSTNAMES,
    MESH_ROUTE_HIDDEN,
    MESH_ROUTE_UNUSED,
)
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import is_wildcard, short_name
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.kinds.gateway_api.grpc_route import GrpcRoute
from controlplane.kinds.gateway_api.http_route import HttpRoute
from controlplane.kinds.object import Object
from controlplane.model.service import Protocol, Service
from controlplane.model.visibility import PUBLIC
from controlplane.queries.gateway_api.attachment import AnyRoute, parent_key
from controlplane.queries.registry.mesh_parents import (
    MeshRouteSet,
    mesh_sets,
    parent_hosts,
    parent_refs,
)
from controlplane.queries.registry.services import declaring_namespaces, service_of
from controlplane.queries.routes.mesh_routes import mesh_set_order
from controlplane.queries.routes.mesh_rules import MeshRule
from controlplane.queries.routes.mesh_virtual_services import virtual_services_naming
from controlplane.queries.routes.virtual_services import MergeOrder, merge_order
from controlplane.translate.gateway_api.mesh_route import (
    EVERY_PORT,
    ServiceKey,
    mesh_parent,
    parent_port,
)


def check_mesh_parent(report: Report, graph: Graph, route: Object[AnyRoute], i: int) -> None:
    """Report what is wrong with a parentRef, if it names a service."""
    ref = route.spec.parent_refs[i]
    key = _service(route, ref)
    if key is None:
        return
    at = FieldRef(route.key) / "spec" / "parentRefs" / i
    hosts = parent_hosts(graph, key)
    served = [host for host in hosts if _is_served(report, graph, at, ref, key, host)]
    for host in served:
        _check_hidden(report, graph, at, MeshRouteSet(host, route.namespace, parent_port(ref)))


def check_mesh_hostnames(report: Report, route: Object[AnyRoute]) -> None:
    """Report hostnames of a route that is for calls alone."""
    refs = route.spec.parent_refs
    if not isinstance(route.spec, HttpRoute | GrpcRoute) or not route.spec.hostnames:
        return
    called = [ref for ref in refs if _service(route, ref) is not None]
    if called and not any(parent_key(ref, route.namespace) is not None for ref in refs):
        report.add(
            MESH_HOSTNAMES,
            (FieldRef(route.key) / "spec" / "hostnames").key,
            f"the hostnames have no effect: the route is for all calls of {called[0].name}, "
            "whatever host they name",
            hint="remove hostnames",
        )


def _service(route: Object[AnyRoute], ref: ParentReference) -> ServiceKey | None:
    """The service that a parentRef names, of a route that may be for calls."""
    if not isinstance(route.spec, HttpRoute | GrpcRoute):
        return None
    return mesh_parent(ref, route.namespace)


def _is_served(
    report: Report,
    graph: Graph,
    at: FieldRef,
    ref: ParentReference,
    key: ServiceKey,
    host: Host,
) -> bool:
    """Whether calls of a host are routed on the port of a parentRef; reported where not."""
    if is_wildcard(host):
        report.add(
            MESH_ROUTE_UNUSED,
            at / "name",
            f'the route is not used for "{host}" of {key.display_name}: with a wildcard, calls are '
            "not routed by routes",
            hint="declare the hosts that are called, or use a VirtualService",
        )
        return False
    services = [
        found
        for namespace in declaring_namespaces(graph, host)
        if (found := service_of(graph, host, namespace)) is not None
    ]
    routed = sorted({number for service in services for number in _http_ports(service)})
    port = parent_port(ref)
    if port in routed or (port == EVERY_PORT and routed):
        return True
    known = f"its ports of HTTP are {listed(routed)}" if routed else None
    what = "no port" if port == EVERY_PORT else f"no port {port}"
    report.add(
        MESH_ROUTE_UNUSED,
        at / "port" if ref.port is not None else at / "name",
        f"the route is not used: {short_name(host)} has {what} of HTTP",
        note=known,
        hint=f"write {routed[0]}" if len(routed) == 1 else _protocol_hint(key, routed),
    )
    return False


def _http_ports(service: Service) -> Iterator[int]:
    for port in service.ports:
        if port.protocol.is_http or port.protocol is Protocol.AUTO:
            yield port.number


def _protocol_hint(key: ServiceKey, routed: list[int]) -> str | None:
    return None if routed else f"set appProtocol: http at the port of {key.display_name}"


def _check_hidden(report: Report, graph: Graph, at: FieldRef, own: MeshRouteSet) -> None:
    """A rule that callers use in place of the route's."""
    clients = tuple(_clients(graph, own))
    found = [first_before(graph, own, client) for client in clients]
    first = next((rule for rule in found if rule is not None), None)
    if first is None:
        return
    place = rule_place(graph, first)
    callers = "callers of other namespaces use" if None in found else "sidecars use"
    report.add(
        MESH_ROUTE_HIDDEN,
        at / "name",
        f"{callers} {place.object.display_name} for {short_name(own.host)}, which comes first: "
        "rules of different sorts, namespaces or ports do not merge in the mesh",
        hint=f"move the rules into one object, or remove those of {place.object.display_name}",
        related=(Related(place=place, message="comes first"),),
    )


def _clients(graph: Graph, own: MeshRouteSet) -> Iterator[Namespace]:
    """The namespaces whose callers a set is for: its own; where the service is in it, all others
    too, for which those without rules of their own stand.
    """
    yield own.namespace
    if own.namespace in declaring_namespaces(graph, own.host):
        yield PUBLIC


def first_before(graph: Graph, own: MeshRouteSet, client: Namespace) -> MeshRule | None:
    """The rule that a client uses for a host in place of ``own``; ``None`` where it uses that, or
    does not see it.
    """
    order = mesh_set_order(graph, own, client)
    if order is None:
        return None
    earlier = [(other, rule) for other, rule in _others(graph, own, client) if other < order]
    return min(earlier, key=lambda found: found[0])[1] if earlier else None


def _others(
    graph: Graph, own: MeshRouteSet, client: Namespace
) -> Iterator[tuple[MergeOrder, MeshRule]]:
    for key in virtual_services_naming(graph, own.host):
        order = merge_order(graph, key, client)
        if order is not None:
            yield order, key
    for each in sets_for(graph, own.host, client):
        order = mesh_set_order(graph, each, client)
        if order is not None and each != own and each.port in (EVERY_PORT, own.port):
            yield order, each


def sets_for(graph: Graph, host: Host, client: Namespace) -> Iterator[MeshRouteSet]:
    """The sets of routes that are for the callers of a namespace."""
    for each in mesh_sets(graph, host):
        if each.namespace == client or each.namespace in declaring_namespaces(graph, host):
            yield each


def rule_place(graph: Graph, rule: MeshRule) -> FieldRef:
    """Where a rule is declared."""
    if isinstance(rule, MeshRouteSet):
        return parent_refs(graph, rule)[0]
    return FieldRef(rule)
