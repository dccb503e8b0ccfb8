"""TLS settings of a DestinationRule that the sidecars at the other end refuse, or that sidecars do
not honour themselves.

A port whose PeerAuthentication says STRICT takes mutual TLS of the mesh alone, one that says
DISABLE takes none of it. Workloads without a sidecar take plaintext, whatever a policy says, and
gateways have no PeerAuthentication.
Source: https://istio.io/latest/docs/ops/common-problems/network-issues/#503-errors-after-setting-destination-rule;
the oracle's ``destinationrule-tls-mode``, ``credentialname-at-sidecar``
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import CREDENTIAL_AT_SIDECARS, MTLS_CONTRADICTED
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import fqdn, is_wildcard, short_name, subset_of
from controlplane.base.locations import FieldRef
from controlplane.base.names import CLUSTER_DOMAIN, Host, Namespace, PortNumber
from controlplane.graph import Graph
from controlplane.kinds.istio.destination_rule import DestinationRule
from controlplane.kinds.istio.peer_authentication import PEER_AUTHENTICATION
from controlplane.kinds.istio.sidecar import SIDECAR
from controlplane.kinds.istio.traffic_policy import ClientTls, ClientTlsMode, TrafficPolicy
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    HttpRoute,
    TcpRoute,
    TlsRoute,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP
from controlplane.kinds.object import Object, is_of
from controlplane.model.endpoint import selects
from controlplane.model.mtls import MtlsMode
from controlplane.model.proxy import Labels, labels_of
from controlplane.model.service import Origin, Service, ServicePort
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.policy.peer_policies import deciding_field, mtls_policy, peer_levels
from controlplane.queries.registry.declared_workloads import declared_workloads, target_ports
from controlplane.queries.registry.endpoints import endpoints_of
from controlplane.queries.registry.services import declaring_namespaces, service_of
from controlplane.queries.selection.gateways import gateways_by_label
from controlplane.translate.istio.client_tls import tls_settings
from controlplane.translate.istio.gateway_reference import MESH, gateway_reference
from controlplane.translate.istio.virtual_service import (
    virtual_service_gateways,
    virtual_service_hosts,
)

_SIDECARS: Final = "sidecars"
_LOCAL: Final = f"svc.{CLUSTER_DOMAIN}"
_ORIGINATES: Final = (ClientTlsMode.SIMPLE, ClientTlsMode.MUTUAL)
_SENDS: Final = {
    ClientTlsMode.DISABLE: "plaintext",
    ClientTlsMode.SIMPLE: "TLS of its own",
    ClientTlsMode.MUTUAL: "TLS of its own",
    ClientTlsMode.ISTIO_MUTUAL: "mutual TLS of the mesh",
}
_REFUSES: Final = {
    MtlsMode.STRICT: "accepts mutual TLS of the mesh alone (STRICT)",
    MtlsMode.DISABLE: "accepts plaintext alone (DISABLE)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a port of a workload accepts, and the field that says so."""

    port: int | None
    mode: MtlsMode
    said: FieldRef | None


@index(WORKLOAD_GROUP, SIDECAR, PEER_AUTHENTICATION, VIRTUAL_SERVICE)
def signs_of_sidecars(declared: Object[object]) -> Iterator[tuple[str, bool]]:
    """Whether something is declared that is for sidecars."""
    if not is_of(declared, VIRTUAL_SERVICE) or MESH in virtual_service_gateways(declared):
        yield _SIDECARS, True


@index(VIRTUAL_SERVICE)
def routed_in_mesh(
    declared: Object[VirtualService],
) -> Iterator[tuple[Host, VirtualServiceKey]]:
    """The VirtualServices for sidecars, of any sort of rules, by host."""
    if MESH in virtual_service_gateways(declared):
        for host in virtual_service_hosts(declared):
            yield host, declared.key


def has_sidecars(graph: Graph) -> bool:
    """Whether something is declared that is for sidecars, so that there most likely are some."""
    return bool(signs_of_sidecars(graph, _SIDECARS))


def check_mesh_tls(report: Report, graph: Graph, declared: Object[DestinationRule]) -> None:
    host = fqdn(declared.spec.host, declared.namespace)
    for at, tls in tls_settings(declared):
        for demand in _demands(graph, declared, host, at):
            if _contradict(tls.mode, demand.mode):
                _report_contradiction(report, at, host, tls, demand)
                break
        if tls.credential_name and tls.mode in _ORIGINATES:
            _check_credential(report, graph, declared, host, at)


def _contradict(mode: ClientTlsMode, demanded: MtlsMode) -> bool:
    if mode is ClientTlsMode.ISTIO_MUTUAL:
        return demanded is MtlsMode.DISABLE
    return demanded is MtlsMode.STRICT


def _demands(
    graph: Graph, declared: Object[DestinationRule], host: Host, at: FieldRef
) -> Iterator[Demand]:
    if is_wildcard(host):
        yield from _demands_of_pattern(graph, host)
        return
    labels = _subset_labels(declared.spec, at)
    for namespace in declaring_namespaces(graph, host):
        service = service_of(graph, host, namespace)
        if service is None or service.is_external or _is_of_gateways(graph, service):
            continue
        for port in service.ports:
            if _is_for(declared.spec, at, port):
                yield from _demands_of_port(graph, service, port, labels)


def _demands_of_pattern(graph: Graph, host: Host) -> Iterator[Demand]:
    """What a rule for a whole namespace, or the whole mesh, meets."""
    root = Namespace(mesh_config(graph).root_namespace)
    namespace = Namespace(host.removeprefix("*.").removesuffix(f".{_LOCAL}"))
    if host != f"*.{namespace}.{_LOCAL}":
        if not subset_of(f"*.{_LOCAL}", host):
            return
        namespace = root
    levels = peer_levels(graph, namespace, ())
    mode = mtls_policy(graph, levels.keys).mode
    yield Demand(port=None, mode=mode, said=deciding_field(graph, levels.keys, None))


def _demands_of_port(
    graph: Graph, service: Service, port: ServicePort, subset: Labels
) -> Iterator[Demand]:
    """What the workloads accept that are known to have a sidecar, or not to be without; where none
    is declared, what those accept that have just the labels asked for.
    """
    if service.selector is None and service.origin is Origin.ENTRY:
        yield from _demands_of_listed(graph, service, port, subset)
        return
    wanted = labels_of(dict(service.selector or ()) | dict(subset))
    workloads = declared_workloads(graph, service.namespace, wanted) if wanted else ()
    having = [one.labels for one in workloads if one.has_sidecar is not False]
    if not workloads:
        having = [wanted]
    targets = target_ports(graph, service, port) or {port.number}
    for labels in having:
        levels = peer_levels(graph, service.namespace, labels)
        policy = mtls_policy(graph, levels.keys)
        for target in sorted(targets):
            said = deciding_field(graph, levels.keys, PortNumber(target))
            yield Demand(port=port.number, mode=policy.of(target), said=said)


def _demands_of_listed(
    graph: Graph, service: Service, port: ServicePort, subset: Labels
) -> Iterator[Demand]:
    """What the endpoints accept that a ServiceEntry lists and that have a sidecar."""
    for endpoint in endpoints_of(graph, service.host, service.namespace, port.number):
        if endpoint.takes_mutual_tls and selects(subset, endpoint.labels):
            levels = peer_levels(graph, service.namespace, endpoint.labels).keys
            target = PortNumber(endpoint.port)
            mode, said = (
                mtls_policy(graph, levels).of(target),
                deciding_field(graph, levels, target),
            )
            yield Demand(port=port.number, mode=mode, said=said)


def _subset_labels(spec: DestinationRule, at: FieldRef) -> Labels:
    match at.path[1:3]:
        case ("subsets", int(i)):
            return labels_of(dict(spec.subsets[i].labels))
    return ()


def _is_for(spec: DestinationRule, at: FieldRef, port: ServicePort) -> bool:
    """Whether the settings at a place are for a port: its own, or those of all that have none."""
    policy: TrafficPolicy | None = spec.traffic_policy
    match at.path[1:3]:
        case ("subsets", int(i)):
            policy = spec.subsets[i].traffic_policy
    settings = policy.port_level_settings if policy is not None else ()
    own = [each.port.number if each.port is not None else 0 for each in settings]
    match at.path[-3:-1]:
        case ("portLevelSettings", int(i)):
            return own[i] == port.number
    return port.number not in own


def _is_of_gateways(graph: Graph, service: Service) -> bool:
    return any(gateways_by_label(graph, pair) for pair in service.selector or ())


def _report_contradiction(
    report: Report, at: FieldRef, host: Host, tls: ClientTls, demand: Demand
) -> None:
    where = f"port {demand.port} of {short_name(host)}" if demand.port is not None else host
    who = demand.said.object.display_name if demand.said is not None else "the server"
    hint = (
        "remove tls: mutual TLS is then used where the other side accepts it"
        if demand.mode is MtlsMode.STRICT
        else "remove tls, or let the PeerAuthentication accept mutual TLS (PERMISSIVE)"
    )
    said = demand.said
    report.add(
        MTLS_CONTRADICTED,
        at / "mode",
        f"sidecars send {_SENDS[tls.mode]} to {where}, where {who} {_REFUSES[demand.mode]}",
        hint=hint,
        related=(Related(place=said, message="decides it"),) if said is not None else (),
    )


def _check_credential(
    report: Report, graph: Graph, declared: Object[DestinationRule], host: Host, at: FieldRef
) -> None:
    """A secret by name that sidecars do not get, so that they send plaintext."""
    if declared.spec.workload_selector is not None or not has_sidecars(graph):
        return
    if not _is_called_by_sidecars(graph, host):
        return
    report.add(
        CREDENTIAL_AT_SIDECARS,
        at / "credentialName",
        f"sidecars send plaintext to {short_name(host)}: a credentialName is for gateways, unless "
        "a workloadSelector selects the sidecars that may have the secret",
        hint="add workloadSelector: {matchLabels: …}, or send the traffic through an egress "
        "gateway",
    )


def _is_called_by_sidecars(graph: Graph, host: Host) -> bool:
    """Whether sidecars connect to the host, and not to a gateway in its place."""
    keys = routed_in_mesh(graph, host)
    found = [declared for key in keys if (declared := object_of(graph, key)) is not None]
    return not found or any(_leads_to(declared, host) for declared in found)


def _leads_to(declared: Object[VirtualService], host: Host) -> bool:
    spec, namespace = declared.spec, declared.namespace
    rules: tuple[HttpRoute | TlsRoute | TcpRoute, ...] = (*spec.http, *spec.tls, *spec.tcp)
    return any(
        to.destination is not None and fqdn(to.destination.host, namespace) == host
        for rule in rules
        if _is_for_mesh(rule, namespace)
        for to in rule.route
    )


def _is_for_mesh(rule: HttpRoute | TlsRoute | TcpRoute, namespace: Namespace) -> bool:
    named = [{gateway_reference(g, namespace) for g in match.gateways} for match in rule.match]
    return not named or any(not gateways or MESH in gateways for gateways in named)
