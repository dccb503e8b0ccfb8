"""What of a VirtualService for sidecars never applies: a host that another VirtualService has, or
no service; rules of a sort or on a port that the services of its hosts do not have.

For one host a sidecar uses one VirtualService: of its own namespace's private ones, those exported
to it by name, the public ones the first. They do not merge, as they do at gateways.
Source: https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services;
istioctl's IST0109; the oracle's ``same-host-twice``, ``virtualservice-private-first``
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from controlplane.base.codes import MESH_HOST_TAKEN, MESH_HOST_UNKNOWN, RULES_WITHOUT_PORT
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import is_wildcard, short_name
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    HttpMatch,
    HttpRoute,
    TcpMatch,
    TcpRoute,
    TlsMatch,
    TlsRoute,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.model.service import Protocol, Service, ServicePort
from controlplane.model.visibility import PUBLIC, Visibility, visibility
from controlplane.queries.analysis.binding import serving_gateway_hint
from controlplane.queries.analysis.egress_hosts import declares_within
from controlplane.queries.analysis.mesh_route_parents import rule_place, sets_for
from controlplane.queries.analysis.near_names import near_host, report_refused_host
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index
from controlplane.queries.registry.mesh_parents import MeshRouteSet, mesh_sets
from controlplane.queries.registry.services import (
    declarations_of_host,
    declaring_namespaces,
    service_of,
)
from controlplane.queries.routes.mesh_routes import mesh_set_order
from controlplane.queries.routes.mesh_rules import MeshRule
from controlplane.queries.routes.virtual_services import MergeOrder, merge_order
from controlplane.translate.gateway_api.mesh_route import EVERY_PORT
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.virtual_service import (
    virtual_service_gateways,
    virtual_service_hosts,
)

Declared = Object[VirtualService]
Rule = HttpRoute | TlsRoute | TcpRoute
_HTTP_PORT: Final = 80
"""The only port whose requests are looked at for hosts that no service has."""


def _is_http(port: ServicePort) -> bool:
    return port.protocol.is_http or port.protocol is Protocol.AUTO


def _is_tls(port: ServicePort) -> bool:
    return port.protocol.is_tls


def _is_tcp(port: ServicePort) -> bool:
    return not (port.protocol.is_http or port.protocol.is_tls or port.protocol is Protocol.UDP)


_SORTS: Final[dict[str, tuple[Callable[[ServicePort], bool], str]]] = {
    "http": (_is_http, "HTTP"),
    "tls": (_is_tls, "TLS"),
    "tcp": (_is_tcp, "TCP"),
}
"""By the sort of rules, the ports that they apply to, and what those speak (reference §9.3)."""


@index(VIRTUAL_SERVICE)
def mesh_rules_of_host(declared: Declared) -> Iterator[tuple[Host, VirtualServiceKey]]:
    """The VirtualServices with HTTP rules for sidecars, by host."""
    if declared.spec.http and MESH in virtual_service_gateways(declared):
        for host in virtual_service_hosts(declared):
            yield host, declared.key


def check_mesh(report: Report, graph: Graph, declared: Declared) -> None:
    """Report what sidecars do not apply of a VirtualService that is for them."""
    gateways = virtual_service_gateways(declared)
    hosts = virtual_service_hosts(declared)
    if not hosts or MESH not in gateways:
        return
    for i, host in enumerate(hosts):
        _check_taken(report, graph, declared, FieldRef(declared.key) / "spec" / "hosts" / i, host)
    if set(gateways) != {MESH}:
        return
    known = [host for host in hosts if _is_known(graph, host)]
    if not known:
        _report_unknown(report, graph, declared, hosts)
    elif not any(map(is_wildcard, hosts)):
        _check_ports(report, declared, [s for host in known for s in _services(graph, host)])


def _check_taken(
    report: Report, graph: Graph, declared: Declared, at: FieldRef, host: Host
) -> None:
    """A host for which every client that sees this VirtualService uses an earlier one."""
    others = [key for key in mesh_rules_of_host(graph, host) if key != declared.key]
    if not declared.spec.http or not (others or any(mesh_sets(graph, host))):
        return
    clients = _clients(graph, declared)
    found = [_first_before(graph, declared.key, host, others, client) for client in clients]
    rules = [rule for rule in found if rule is not None]
    if not rules or None in found:
        return
    place = rule_place(graph, rules[0])
    name = place.object.display_name
    merge = "VirtualServices for one host do not merge in the mesh"
    if isinstance(rules[0], MeshRouteSet):
        merge = "it does not merge with routes of the Gateway API in the mesh"
    report.add(
        MESH_HOST_TAKEN,
        at,
        f"sidecars use {name} for this host, which comes first: {merge}",
        hint=f"move the rules into {name}",
        related=(Related(place=place, message="comes first"),),
    )


def _clients(graph: Graph, declared: Declared) -> tuple[Namespace, ...]:
    """The namespaces that see it; of a public one, those that have no rules of their own stand for
    all.
    """
    seen = _seen(graph, declared)
    return (PUBLIC,) if seen.is_public else tuple(sorted(seen.namespaces))


def _seen(graph: Graph, declared: Declared) -> Visibility:
    default = mesh_config(graph).default_virtual_service_export_to
    return visibility(declared.spec.export_to or default, declared.namespace)


def _first_before(
    graph: Graph,
    key: VirtualServiceKey,
    host: Host,
    others: Sequence[VirtualServiceKey],
    client: Namespace,
) -> MeshRule | None:
    """The rule that a client uses for a host in place of ``key``; routes for one port alone leave
    it the others.
    """
    own = merge_order(graph, key, client)
    routes = (each for each in sets_for(graph, host, client) if each.port == EVERY_PORT)
    ranked: list[tuple[MergeOrder, MeshRule]] = [
        *((order, k) for k in others if (order := merge_order(graph, k, client)) is not None),
        *((o, each) for each in routes if (o := mesh_set_order(graph, each, client)) is not None),
    ]
    order, first = min(ranked, key=lambda found: found[0], default=(None, None))
    return first if order is not None and own is not None and order < own else None


def _is_known(graph: Graph, host: Host) -> bool:
    if host == "*":
        return True
    if is_wildcard(host):
        return declares_within(graph, host)
    return bool(declarations_of_host(graph, host))


def _report_unknown(
    report: Report,
    graph: Graph,
    declared: Declared,
    hosts: Sequence[Host],
) -> None:
    at = FieldRef(declared.key) / "spec" / "hosts" / 0
    written, host = declared.spec.hosts[0], hosts[0]
    gateway_hint = serving_gateway_hint(graph, declared)
    if gateway_hint is None and report_refused_host(report, MESH_HOST_UNKNOWN, at, graph, host):
        return
    meant = "" if written == host else f" ({host})"
    left_out = "gateways is left out, so this is for sidecars, and " * (not declared.spec.gateways)
    what = (
        f"its rules apply to requests on port {_HTTP_PORT} alone"
        if declared.spec.http
        else "its rules never apply"
    )
    near = near_host(graph, written, declared.namespace) if not is_wildcard(host) else None
    declare = f"declare {short_name(host)} with a Service or a ServiceEntry"
    report.add(
        MESH_HOST_UNKNOWN,
        at,
        f'{left_out}no Service and no ServiceEntry has the host "{written}"{meant}: {what}',
        hint=gateway_hint or (f"write {near}" if near is not None else declare),
    )


def _services(graph: Graph, host: Host) -> Iterator[Service]:
    for namespace in declaring_namespaces(graph, host):
        found = service_of(graph, host, namespace)
        if found is not None:
            yield found


def _check_ports(report: Report, declared: Declared, services: Sequence[Service]) -> None:
    """Rules of a sort that no port takes, and matches for a port that no service has."""
    ports = [port for service in services for port in service.ports]
    if not ports:
        return
    at = FieldRef(declared.key) / "spec"
    there = ", ".join(
        f"{number} {protocol.value or 'of no known protocol'}"
        for number, protocol in sorted({(p.number, p.protocol) for p in ports}, key=_by_number)
    )
    for sort, (fits, name) in _SORTS.items():
        rules = getattr(declared.spec, sort)
        if not rules:
            continue
        fitting = [port for port in ports if fits(port)]
        if not fitting:
            first = services[0].declared_by[0]
            report.add(
                RULES_WITHOUT_PORT,
                (at / sort).key,
                f"the {sort} rules have no effect: no port of {short_name(services[0].host)} "
                f"speaks {name}",
                note=f"its ports are {there}",
                hint=_protocol_hint(sort, first, ports),
            )
            continue
        _check_matches(report, at / sort, rules, {port.number for port in fitting}, name)


def _by_number(pair: tuple[int, Protocol]) -> tuple[int, str]:
    return pair[0], pair[1].value


def _protocol_hint(sort: str, declaring: ObjectKey, ports: Sequence[ServicePort]) -> str:
    name = declaring.display_name
    if sort == "http" and all(map(_is_tls, ports)):
        return "use tls rules with sniHosts: what is encrypted is not routed as HTTP"
    if sort == "http" and declaring.kind == SERVICE_ENTRY:
        return f"give the port of {name} the protocol HTTP"
    if sort == "http":
        return f"set appProtocol: http at the port of {name}, or name it http-…"
    if sort == "tls":
        return f"give the port of {name} the protocol TLS or HTTPS, or use http or tcp rules"
    return "use http rules, or tls rules for ports of TLS"


def _check_matches(
    report: Report, at: FieldRef, rules: Sequence[Rule], numbers: set[int], name: str
) -> None:
    for i, rule in enumerate(rules):
        matches: Sequence[HttpMatch | TlsMatch | TcpMatch] = rule.match
        for j, match in enumerate(matches):
            port = match.port
            if port and port not in numbers:
                report.add(
                    RULES_WITHOUT_PORT,
                    at / i / "match" / j / "port",
                    f"the match never applies: no service of these hosts has port {port} of {name}",
                    note=f"there is {listed(sorted(numbers))}",
                    hint=f"write {min(numbers)}" if len(numbers) == 1 else None,
                )
