"""What leads nowhere in a VirtualService: destinations, gateways, hosts, delegates, rules that
others hide. Found without any proxy: this is what ``check`` shows.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import (
    DELEGATE_CONFLICT,
    HOST_NOT_SERVED,
    ROUTE_REFUSED,
    UNKNOWN_DELEGATE,
    UNKNOWN_GATEWAY,
    UNUSED_DELEGATE,
)
from controlplane.base.diagnostics import Diagnostic, Diagnostics, Related, Report
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.base.wording import first_of
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.istio.gateway import GATEWAY, Gateway, GatewayKey
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.model.egress import EVERYTHING
from controlplane.model.plan.route_table import HTTP_PORT, MeshTable, ServerHost
from controlplane.model.proxy_view import GatewayInstance
from controlplane.model.visibility import PUBLIC, visibility
from controlplane.queries.analysis.binding import check_servers
from controlplane.queries.analysis.claim_routes import check_claims
from controlplane.queries.analysis.destinations import Asker, check_destination
from controlplane.queries.analysis.mesh_rules import check_mesh
from controlplane.queries.analysis.near_names import near_object, report_refused
from controlplane.queries.analysis.unreachable_routes import check_shadows
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.routes.mesh_virtual_services import mesh_routes
from controlplane.queries.routes.virtual_services import (
    delegate_key,
    encoded_routes,
    expanded_rules,
)
from controlplane.queries.selection.gateways import gateway_tables
from controlplane.queries.views.views import caller_view, gateway_view
from controlplane.translate.istio.delegate import contradict
from controlplane.translate.istio.gateway import server_hosts
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.server_hosts import meets, server_port_of
from controlplane.translate.istio.virtual_service import (
    complete_rules,
    virtual_service_gateways,
    virtual_service_hosts,
)
from controlplane.translate.istio.virtual_service_diagnostics import check_alone, destinations

Declared = Object[VirtualService]
HOSTS_IN_A_NOTE: Final = 8


@index(GATEWAY)
def gateways_by_name(gateway: Object[Gateway]) -> Iterator[tuple[str, GatewayKey]]:
    yield gateway.name, gateway.key


@index(VIRTUAL_SERVICE)
def roots_of_delegate(declared: Declared) -> Iterator[tuple[VirtualServiceKey, VirtualServiceKey]]:
    """The VirtualServices that delegate to one."""
    for rule in declared.spec.http:
        if rule.delegate is not None:
            yield delegate_key(rule.delegate, declared.namespace), declared.key


@derived
def virtual_service_diagnostics(graph: Graph, key: VirtualServiceKey) -> Diagnostics:
    """What leads nowhere in one VirtualService.

    Runs again when it changes, or a Gateway, service, DestinationRule or VirtualService that it
    refers to or shares a host with.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report = Report()
    gateways = _gateways(report, graph, declared)
    check_alone(report, declared)
    check_mesh(report, graph, declared)
    _check_hosts(report, declared, gateways)
    check_servers(report, graph, declared, gateways)
    check_claims(report, graph, declared, gateways)
    asker = _asker(graph, declared, gateways)
    for at, destination in destinations(declared):
        check_destination(report, at, graph, asker, destination)
    _check_delegates(report, graph, declared)
    _check_delegated(report, graph, declared)
    check_shadows(report, graph, declared)
    known = [d.place for d in report if d.code is ROUTE_REFUSED]
    by_place: dict[FieldRef | SourceLocation, Diagnostic] = {}
    for refused in (
        *_refused_routes(graph, declared, gateways),
        *_refused_mesh_routes(graph, declared),
    ):
        by_place.setdefault(refused.place, refused)
    found = (d for d in by_place.values() if not any(_is_within(at, d.place) for at in known))
    return (*report, *found)


def _is_within(place: FieldRef | SourceLocation, wider: FieldRef | SourceLocation) -> bool:
    """Whether a field, whose mistake is named, is a part of the other."""
    if isinstance(place, SourceLocation) or isinstance(wider, SourceLocation):
        return False
    return place.object == wider.object and place.path[: len(wider.path)] == wider.path


def _refused_routes(
    graph: Graph, declared: Declared, gateways: tuple[Object[Gateway], ...]
) -> Iterator[Diagnostic]:
    """The routes that Envoy would refuse, at each server of its Gateways: looked for where the
    proxies of a Gateway most likely are, so that the routes of those are not encoded twice.
    """
    for gateway in gateways:
        view = gateway_view(gateway.namespace).for_routes
        tables = gateway_tables(graph, GatewayInstance(gateways=(gateway.key,)))
        ports = (server_port_of(server) for table in tables for server in table.servers)
        for port in dict.fromkeys(ports):
            encoded = encoded_routes(graph, declared.key, port, view)
            yield from encoded.refused if encoded is not None else ()


def _refused_mesh_routes(graph: Graph, declared: Declared) -> Iterator[Diagnostic]:
    """The routes that the Envoys of sidecars would refuse, whichever callers they are for."""
    if MESH not in virtual_service_gateways(declared):
        return
    rules = [located.rule for located in expanded_rules(graph, declared.key)]
    blocks = [block for rule in rules for block in rule.match]
    pairs = tuple(sorted({pair for block in blocks for pair in block.source_labels.items()}))
    asked = {block.source_namespace for block in blocks} - {""}
    for namespace in (PUBLIC, *sorted(map(Namespace, asked))):
        view = caller_view(namespace, pairs)
        for port in sorted({HTTP_PORT, *(block.port for block in blocks)} - {0}):
            table = MeshTable(name=str(port), imports=EVERYTHING, port=PortNumber(port))
            routes = mesh_routes(graph, declared.key, table, view)
            yield from routes.refused if routes is not None else ()


def _gateways(report: Report, graph: Graph, declared: Declared) -> tuple[Object[Gateway], ...]:
    """The Gateways that it names; those that do not exist are reported."""
    found: list[Object[Gateway]] = []
    names = declared.spec.gateways
    for i, reference in enumerate(virtual_service_gateways(declared)):
        if reference == MESH:
            continue
        namespace, _, name = reference.partition("/")
        key = ObjectKey(GATEWAY, Namespace(namespace), name)
        gateway = object_of(graph, key)
        if gateway is not None:
            found.append(gateway)
            continue
        at = FieldRef(declared.key) / "spec" / "gateways" / i
        if report_refused(report, UNKNOWN_GATEWAY, at, graph, key):
            continue
        others = [f'"{key.namespace}/{name}"' for key in gateways_by_name(graph, name)]
        near = near_object(graph, GATEWAY, Namespace(namespace), name) if not others else None
        others += [f'"{near.namespace}/{near.name}"'] if near is not None else []
        report.add(
            UNKNOWN_GATEWAY,
            at,
            f'gateway "{names[i]}" does not exist: there is no Gateway {reference}',
            hint=f"write {others[0]}" if others else _missing_gateway(graph, reference, key),
        )
    return tuple(found)


def _missing_gateway(graph: Graph, reference: str, key: GatewayKey) -> str:
    other = ObjectKey(KUBERNETES_GATEWAY, key.namespace, key.name)
    if object_of(graph, other) is None:
        return f"create Gateway {reference}"
    return f"Gateway {reference} is of the Gateway API: write an HTTPRoute for it"


def _asker(graph: Graph, declared: Declared, gateways: tuple[Object[Gateway], ...]) -> Asker:
    """Which proxies ask for the destinations. A delegate is used by those that use its roots."""
    if not declared.spec.hosts:
        roots = roots_of_delegate(graph, declared.key)
        viewers = {declared.namespace, *(root.namespace for root in roots)}
        for root in roots:
            found = object_of(graph, root)
            if found is not None:
                viewers |= {gateway.namespace for gateway in _existing(graph, found)}
        return Asker(owner=declared.namespace, viewers=_first(declared, viewers), ports=())
    viewers = {declared.namespace, *(gateway.namespace for gateway in gateways)}
    ports = {
        PortNumber(server.port.number)
        for gateway in gateways
        for server in gateway.spec.servers
        if server.port is not None
    }
    asked_by_sidecars = MESH in virtual_service_gateways(declared)
    return Asker(
        owner=declared.namespace,
        viewers=_first(declared, viewers),
        ports=() if asked_by_sidecars else tuple(sorted(ports)),
    )


def _existing(graph: Graph, declared: Declared) -> tuple[Object[Gateway], ...]:
    return _gateways(Report(), graph, declared)


def _first(declared: Declared, viewers: set[Namespace]) -> tuple[Namespace, ...]:
    return (declared.namespace, *sorted(viewers - {declared.namespace}))


def _check_hosts(report: Report, declared: Declared, gateways: tuple[Object[Gateway], ...]) -> None:
    """A host that no server of the Gateways has is served nowhere."""
    if not gateways:
        return
    served = tuple(
        host
        for gateway in gateways
        for server in gateway.spec.servers
        for host in server_hosts(server, gateway.namespace)
    )
    names = " and ".join(gateway.key.display_name for gateway in gateways)
    for i, host in enumerate(virtual_service_hosts(declared)):
        if not meets(served, declared.namespace, (host,)):
            report.add(
                HOST_NOT_SERVED,
                FieldRef(declared.key) / "spec" / "hosts" / i,
                f'host "{host}" is not served: no server of {names} serves it for VirtualServices '
                f"of namespace {declared.namespace}",
                note=f"its servers have {_spoken_hosts(served)}",
                hint=_other_case(served, declared.namespace, host),
            )


def _other_case(served: tuple[ServerHost, ...], namespace: Namespace, host: Host) -> str | None:
    folded = tuple(ServerHost(Host(s.host.lower()), s.namespace) for s in served)
    if not meets(folded, namespace, (Host(host.lower()),)):
        return None
    return "spell the host as the server does: the comparison is case-sensitive"


def _spoken_hosts(served: tuple[ServerHost, ...]) -> str:
    words = list(
        dict.fromkeys(f"{s.namespace}/{s.host}" if s.namespace else s.host for s in served)
    )
    return first_of(words, HOSTS_IN_A_NOTE)


def _check_delegates(report: Report, graph: Graph, declared: Declared) -> None:
    if not declared.spec.hosts:
        return
    at = FieldRef(declared.key) / "spec" / "http"
    for i, rule in enumerate(complete_rules(declared)):
        if rule.delegate is not None:
            key = delegate_key(rule.delegate, declared.namespace)
            _check_delegate(report, at / i / "delegate", graph, declared.namespace, key)


def _check_delegate(
    report: Report, at: FieldRef, graph: Graph, root: Namespace, key: VirtualServiceKey
) -> None:
    found = object_of(graph, key)
    related = (Related(place=FieldRef(key), message="the rule delegates to this"),)
    if found is None:
        if report_refused(report, UNKNOWN_DELEGATE, at / "name", graph, key):
            return
        message = f"the rule has no effect: there is no {key.display_name} to delegate to"
        near = near_object(graph, VIRTUAL_SERVICE, key.namespace, key.name)
        hint = f"write {near.name}" if near is not None else f"create {key.display_name}"
        report.add(UNKNOWN_DELEGATE, at / "name", message, hint=hint)
        return
    if found.spec.hosts:
        message = f"the rule has no effect: {key.display_name} has hosts, so it is not a delegate"
        hint = f"remove the hosts of {key.display_name}"
        report.add(UNKNOWN_DELEGATE, at / "name", message, hint=hint, related=related)
        return
    default = mesh_config(graph).default_virtual_service_export_to
    if not visibility(found.spec.export_to or default, key.namespace).admits(root):
        message = f"the rule has no effect: {key.display_name} is not exported to namespace {root}"
        hint = f'add "{root}" to exportTo of {key.display_name}'
        report.add(UNKNOWN_DELEGATE, at / "name", message, hint=hint, related=related)
        return


def _check_delegated(report: Report, graph: Graph, declared: Declared) -> None:
    """A delegate that is not used, and its rules that contradict every rule that delegates to
    them.
    """
    if declared.spec.hosts:
        return
    roots = [
        rule
        for key in roots_of_delegate(graph, declared.key)
        if (root := object_of(graph, key)) is not None
        for rule in complete_rules(root)
        if rule.delegate is not None and delegate_key(rule.delegate, root.namespace) == declared.key
    ]
    at = FieldRef(declared.key) / "spec"
    if not roots:
        message = (
            "this VirtualService has no hosts and no rule delegates to it, so it has no effect"
        )
        report.add(UNUSED_DELEGATE, at, message)
        return
    for i, leaf in enumerate(complete_rules(declared)):
        if all(contradict(root, leaf) for root in roots):
            message = "this rule is unreachable: it contradicts every rule that delegates here"
            report.add(DELEGATE_CONFLICT, at / "http" / i, message)
