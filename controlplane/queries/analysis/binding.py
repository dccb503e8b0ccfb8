"""What of a VirtualService no gateway serves: one sort of its rules, or rules for a port that no
server has, or whose every request is redirected to HTTPS.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService
(``gateways``, ``exportTo``), istioctl's IST0132
"""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from controlplane.base.codes import (
    ALWAYS_REDIRECTED,
    HOST_NOT_SERVED,
    NOT_EXPORTED_TO_PROXIES,
    RULES_WITHOUT_SERVER,
    UNREACHABLE_RULE,
)
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.base.wording import first_of, listed
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.gateway import GATEWAY, Gateway, GatewayKey
from controlplane.kinds.istio.virtual_service import (
    HttpMatch,
    HttpRoute,
    TcpMatch,
    TlsMatch,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.kinds.validation.match_conditions import applies_wherever, match_of
from controlplane.kinds.validation.match_coverage import EarlierMatches
from controlplane.kinds.validation.reachability import asked_matches
from controlplane.model.visibility import visibility
from controlplane.queries.analysis.homes import gateway_homes
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.registry.proxy_configs import (
    WHOLE_MESH,
    annotated_topologies,
    mesh_proxy_config,
)
from controlplane.queries.selection.gateways import gateway_servers
from controlplane.translate.istio.gateway import server_hosts
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.server_hosts import meets
from controlplane.translate.istio.virtual_service import (
    virtual_service_gateways,
    virtual_service_hosts,
)
from controlplane.translate.server import (
    AutoPassthrough,
    HttpServer,
    Server,
    ServerProtocol,
    TcpServer,
    TlsPassthrough,
    UdpServer,
)

Declared = Object[VirtualService]
Match = HttpMatch | TlsMatch | TcpMatch

_EVERY: Final = "every"
_NAMED: Final = 3
_PROTOCOLS: Final = {"http": HttpServer, "tls": TlsPassthrough, "tcp": TcpServer}
"""The servers that read each sort of rules (Istio: ``buildGatewayNetworkFilters…``)."""
_WANTED: Final = {
    "http": "add a server of protocol HTTP, or HTTPS with tls.mode SIMPLE, for its hosts",
    "tls": "add a server with tls.mode PASSTHROUGH for its hosts",
    "tcp": "add a server of protocol TCP, on a port of its own, for its hosts",
}


@index(GATEWAY)
def every_gateway(gateway: Object[Gateway]) -> Iterator[tuple[str, GatewayKey]]:
    yield _EVERY, gateway.key


def serving_gateway_hint(graph: Graph, declared: Declared) -> str | None:
    """What would make a gateway serve a VirtualService that is for sidecars alone."""
    hosts = virtual_service_hosts(declared)
    serving = [
        f"{key.namespace}/{key.name}"
        for key in every_gateway(graph, _EVERY)
        if any(meets(s.hosts, declared.namespace, hosts) for s in gateway_servers(graph, key))
    ]
    return f"add gateways: [{serving[0]}]" if serving else None


@derived
def export_diagnostics(graph: Graph, key: VirtualServiceKey) -> Diagnostics:
    """A VirtualService that no namespace with proxies of its Gateways sees.

    Runs again when it changes, or where the proxies of its Gateways are.
    """
    declared = object_of(graph, key)
    if declared is None or not declared.spec.hosts:
        return ()
    default = mesh_config(graph).default_virtual_service_export_to
    seen = visibility(declared.spec.export_to or default, key.namespace)
    found = list(_existing(graph, declared))
    if seen.is_public or not found:
        return ()
    homes = [gateway_homes(graph, gateway.key) for gateway in found]
    namespaces = tuple(dict.fromkeys(n for home in homes for n in home.namespaces))
    if any(map(seen.admits, namespaces)):
        return ()
    names = listed(gateway.key.display_name for gateway in found)
    likely = "are" if all(home.certain for home in homes) else "are likely"
    report = Report()
    report.add(
        NOT_EXPORTED_TO_PROXIES,
        FieldRef(key) / "spec" / "exportTo" if declared.spec.export_to else FieldRef(key) / "spec",
        "no gateway serves this VirtualService: it is exported to "
        f"{listed(sorted(seen.namespaces))} only, and the proxies of {names} {likely} in "
        f"{listed(namespaces)}",
        hint=f'add "{namespaces[0]}" to exportTo',
    )
    return tuple(report)


def _existing(graph: Graph, declared: Declared) -> Iterator[Object[Gateway]]:
    for reference in virtual_service_gateways(declared):
        namespace, _, name = reference.partition("/")
        found = object_of(graph, ObjectKey(GATEWAY, Namespace(namespace), name))
        if found is not None:
            yield found


def check_servers(
    report: Report, graph: Graph, declared: Declared, gateways: Sequence[Object[Gateway]]
) -> None:
    """Report what the servers of the Gateways that a VirtualService names do not serve of it."""
    hosts = virtual_service_hosts(declared)
    servers = [
        server
        for gateway in gateways
        for server in gateway_servers(graph, gateway.key)
        if meets(server.hosts, declared.namespace, hosts)
    ]
    if not hosts or not servers:
        return
    _check_gateways(report, declared, gateways, hosts)
    if MESH in virtual_service_gateways(declared):
        return
    for sort in _PROTOCOLS:
        _check_sort(report, graph, declared, sort, servers)


def _check_gateways(
    report: Report, declared: Declared, gateways: Sequence[Object[Gateway]], hosts: tuple[Host, ...]
) -> None:
    """A Gateway that serves none of the hosts, where another one does."""
    named = virtual_service_gateways(declared)
    for gateway in gateways:
        served = [h for s in gateway.spec.servers for h in server_hosts(s, gateway.namespace)]
        if not meets(tuple(served), declared.namespace, hosts):
            words = [f"{h.namespace}/{h.host}" if h.namespace else h.host for h in served]
            report.add(
                HOST_NOT_SERVED,
                FieldRef(declared.key)
                / "spec"
                / "gateways"
                / named.index(f"{gateway.namespace}/{gateway.name}"),
                f"{gateway.key.display_name} serves none of the hosts for VirtualServices of "
                f"namespace {declared.namespace}",
                note=f"its servers have {first_of(list(dict.fromkeys(words)), _NAMED)}",
            )


def _check_sort(
    report: Report, graph: Graph, declared: Declared, sort: str, servers: Sequence[Server]
) -> None:
    """Rules of one sort: those that no server reads, and those whose requests are redirected."""
    rules = getattr(declared.spec, sort)
    if not rules:
        return
    at = FieldRef(declared.key) / "spec" / sort
    fitting = [server for server in servers if isinstance(server.protocol, _PROTOCOLS[sort])]
    if not fitting:
        report.add(
            RULES_WITHOUT_SERVER,
            at.key,
            f"the {sort} rules have no effect: {_why_unread(servers)}",
            hint=_WANTED[sort],
        )
        return
    for i, rule in enumerate(rules):
        for j, match in enumerate(rule.match):
            _check_port(report, at / i / "match" / j / "port", match, fitting)
    if sort == "http" and any(match.port for rule in rules for match in rule.match):
        _check_covered_on_ports(report, at, rules, {server.port for server in fitting})
    if sort == "http" and not _trusts_clients(graph):
        _check_redirects(report, at, declared, fitting)


def _why_unread(servers: Sequence[Server]) -> str:
    kinds = list(dict.fromkeys(_described(server.protocol) for server in servers))
    if len(servers) == 1:
        return f"{servers[0].display_name} {kinds[0]}"
    return f"each server for its hosts {' or '.join(kinds)}"


def _described(protocol: ServerProtocol) -> str:
    match protocol:
        case HttpServer(tls=None):
            return "is an HTTP server"
        case HttpServer():
            return "is an HTTPS server"
        case TcpServer():
            return "forwards connections unread"
        case TlsPassthrough():
            return "passes TLS through unread"
        case AutoPassthrough():
            return "passes mesh TLS through by its SNI"
        case UdpServer():
            return "forwards datagrams"


def _check_port(report: Report, at: FieldRef, match: Match, servers: Sequence[Server]) -> None:
    ports = sorted({server.port for server in servers})
    if match.port and match.port not in ports:
        report.add(
            RULES_WITHOUT_SERVER,
            at,
            f"the match never applies: no server for these hosts is on port {match.port}",
            note=f"the servers are on {listed(ports)}",
            hint=f"write {ports[0]}" if len(ports) == 1 else None,
        )


def _check_covered_on_ports(
    report: Report, at: FieldRef, rules: Sequence[HttpRoute], ports: Collection[int]
) -> None:
    """Rules that earlier ones cover on each port, though not without a look at ports."""
    dead = [set(_covered(rules, port)) for port in ports]
    everywhere = set(_covered(rules, None))
    for i in sorted(set.intersection(*dead) - everywhere):
        if any(not match.port or match.port in ports for match in rules[i].match or (HttpMatch(),)):
            message = (
                "this rule is unreachable: on each port of its servers "
                f"({listed(sorted(ports))}) earlier rules match every request it would"
            )
            report.add(UNREACHABLE_RULE, at / i, message, hint="move it up, or remove it")


def _covered(rules: Sequence[HttpRoute], port: int | None) -> Iterator[int]:
    """The rules that earlier ones cover: on one port, or wherever their own ports are."""
    earlier: EarlierMatches[int] = EarlierMatches()
    for i, rule in enumerate(rules):
        asked = [m for m in asked_matches(rule) if port is None or m.spec.port in (0, port)]
        if port is not None:
            asked = [match_of(msgspec.structs.replace(m.spec, port=0)) for m in asked]
        if all(earlier.cover(match, partial(applies_wherever, match)) for match in asked):
            yield i
        elif rule.delegate is None:
            for match in asked:
                earlier.add(match, i)


def _trusts_clients(graph: Graph) -> bool:
    """Whether a load balancer in front may say that a request came by HTTPS."""
    topology = mesh_proxy_config(graph).gateway_topology
    if topology is not None and topology.num_trusted_proxies > 0:
        return True
    return any(in_header for _, in_header, _ in annotated_topologies(graph, WHOLE_MESH))


def _check_redirects(
    report: Report, at: FieldRef, declared: Declared, servers: Sequence[Server]
) -> None:
    """Rules that do more than redirect, at servers that redirect every request before them."""
    if not any(server.redirects_to_https for server in servers):
        return
    rules = [(i, r) for i, r in enumerate(declared.spec.http) if r.redirect is None]
    dead = {
        i: reached
        for i, rule in rules
        if (reached := _reached(rule.match, servers)) and all(map(_redirects, reached))
    }
    whole = len(dead) == len(declared.spec.http)
    for i, reached in dead.items():
        first = next(server for server in reached)
        message = (
            f"no request gets to {'these rules' if whole else 'this rule'}: {first.display_name} "
            "redirects every one to HTTPS"
        )
        hint = f"bind it to an HTTPS server for {first_of(declared.spec.hosts, _NAMED)} too, or "
        report.add(
            ALWAYS_REDIRECTED,
            at.key if whole else at / i,
            message,
            hint=f"{hint}remove httpsRedirect from {first.display_name}",
            related=(
                Related(place=first.place / "tls" / "httpsRedirect", message="redirects them"),
            ),
        )
        if whole:
            return


def _reached(matches: Sequence[HttpMatch], servers: Sequence[Server]) -> list[Server]:
    """The servers whose requests get to a rule."""
    ports = {match.port for match in matches} or {0}
    return [server for server in servers if ports & {0, server.port}]


def _redirects(server: Server) -> bool:
    return server.redirects_to_https and server.routes_plain_requests
