"""What is wrong with Gateways and ListenerSets of the Gateway API: each condition of theirs that is
not as wanted, at the field that is at fault.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from controlplane.base.codes import (
    GATEWAY_ADDRESS,
    GATEWAY_CLASS_UNKNOWN,
    GATEWAY_CLIENT_CERTIFICATE,
    GATEWAY_PARAMETERS,
    HOST_OF_BOTH_APIS,
    LISTENER_AUTHORITIES,
    LISTENER_CERTIFICATE,
    LISTENER_CONFLICT,
    LISTENER_PROTOCOL,
    LISTENER_ROUTE_KINDS,
    LISTENER_SET_NOT_ALLOWED,
    REFERENCE_NOT_GRANTED,
)
from controlplane.base.diagnostics import Code, Diagnostic, Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.base.nearest import nearest
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.gateway import KubernetesGateway, KubernetesGatewayKey
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS, GatewayClassKey
from controlplane.kinds.gateway_api.listener_set import ListenerSet, ListenerSetKey
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import ISTIO_CLASS, Conformance, Problem
from controlplane.model.proxy_view import BoundGateway, GatewayInstance
from controlplane.queries.analysis.connection_reuse import check_listener_reuse
from controlplane.queries.analysis.grant_hints import hint_of
from controlplane.queries.analysis.listener_fields import check_frontend, check_listener_fields
from controlplane.queries.analysis.near_names import report_refused
from controlplane.queries.analysis.route_references import (
    report_foreign_parent,
    report_unknown_parent,
)
from controlplane.queries.gateway_api.classes import (
    CONTROLLERS,
    class_conformance,
    controller_of,
    gateway_conformance,
)
from controlplane.queries.gateway_api.faults import NOT_ASSIGNED, gateway_faults
from controlplane.queries.gateway_api.listeners import (
    accepted_sets,
    conflict_of,
    named_gateway,
    parent_listeners,
)
from controlplane.queries.gateway_api.selection import gateway_labels
from controlplane.queries.inputs.connected_gateways import connected_gateways
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.credentials import credential_faults, credential_of, owner_of
from controlplane.queries.selection.gateways import (
    merged_gateways,
    selected_gateways,
    server_conflicts,
)
from controlplane.translate.gateway_api.listener import AttachedListener
from controlplane.translate.istio.gateway_merge import MergedServers
from controlplane.translate.server import Server

CODES: Final[Mapping[str, Code]] = {
    "UnsupportedProtocol": LISTENER_PROTOCOL,
    "InvalidRouteKinds": LISTENER_ROUTE_KINDS,
    "InvalidCertificateRef": LISTENER_CERTIFICATE,
    "RefNotPermitted": REFERENCE_NOT_GRANTED,
    "InvalidCACertificateRef": LISTENER_AUTHORITIES,
    "InvalidCACertificateKind": LISTENER_AUTHORITIES,
    "UnsupportedAddress": GATEWAY_ADDRESS,
    "AddressNotUsable": GATEWAY_ADDRESS,
    "AddressNotAssigned": GATEWAY_ADDRESS,
    "InvalidParameters": GATEWAY_PARAMETERS,
    "InvalidClientCertificateRef": GATEWAY_CLIENT_CERTIFICATE,
}
"""By the reason of a condition."""


@derived
def kubernetes_gateway_diagnostics(graph: Graph, key: KubernetesGatewayKey) -> Diagnostics:
    """What is wrong with one Gateway, whichever proxies are connected.

    Runs again when a condition of it or of one of its listeners changes, or an Istio Gateway that
    its proxies serve.
    """
    gateway, report = object_of(graph, key), Report()
    if gateway is None:
        return ()
    conformance = class_conformance(graph, gateway.spec.gateway_class_name)
    if conformance is None:
        _check_class(graph, report, key, gateway.spec.gateway_class_name)
        return tuple(report)
    faults = gateway_faults(graph, key)
    for problem in (faults.accepted, faults.references):
        if problem is not None:
            _report(graph, report, problem)
    _check_listeners(graph, report, key, key)
    _check_fields(report, gateway, conformance)
    check_frontend(report, FieldRef(key) / "spec", gateway.spec)
    instance = _own_instance(graph, key)
    _check_shared_hosts(graph, report, instance)
    return (*server_conflicts(graph, instance), *report)


def _own_instance(graph: Graph, key: KubernetesGatewayKey) -> GatewayInstance:
    return GatewayInstance(
        gateways=selected_gateways(graph, gateway_labels(key)),
        bound=(BoundGateway(gateway=key),),
    )


@derived
def kubernetes_gateway_diagnostics_where_connected(
    graph: Graph, key: KubernetesGatewayKey
) -> Diagnostics:
    """What is wrong with where one Gateway is served, and what its servers lose to others at the
    proxies that are connected.
    """
    conformance = gateway_conformance(graph, key)
    if conformance is None:
        return ()
    report = Report()
    if conformance is Conformance.ISTIO:  # by the specification such requests are answered 421
        check_listener_reuse(report, graph, _own_instance(graph, key), key.namespace)
    proxies = connected_gateways(graph)
    problem = gateway_faults(graph, key).programmed
    if problem is not None and (problem.reason != NOT_ASSIGNED or proxies):
        _report(graph, report, problem)
    serving = [p for p in proxies if any(b.gateway == key for b in p.instance.bound)]
    found = [d for proxy in serving for d in server_conflicts(graph, proxy.instance)]
    secrets = _secret_faults(graph, key)
    return tuple(dict.fromkeys((*report, *found, *secrets)))


@derived
def listener_set_secret_diagnostics(graph: Graph, key: ListenerSetKey) -> Diagnostics:
    """What is wrong with the secrets that the listeners of one ListenerSet show or verify by."""
    return tuple(_secret_faults(graph, key))


def _secret_faults(graph: Graph, parent: ObjectKey) -> Iterator[Diagnostic]:
    """Certificates that are served for a short time only, or no longer."""
    for listener in parent_listeners(graph, parent):
        tls = listener.server.tls if listener.server is not None else None
        for name in tls.secrets if tls is not None else ():
            credential = credential_of(name, owner_of(name))
            if credential is not None:
                yield from credential_faults(graph, credential)


@derived
def listener_set_diagnostics(graph: Graph, key: ListenerSetKey) -> Diagnostics:
    """What is wrong with one ListenerSet; runs again when a condition of it changes."""
    declared, report = object_of(graph, key), Report()
    gateway = named_gateway(declared) if declared is not None else None
    if declared is None:
        return ()
    if gateway is None:
        report_foreign_parent(
            report, FieldRef(key) / "spec" / "parentRef", declared.spec.parent_ref
        )
        return tuple(report)
    if object_of(graph, gateway) is None:
        at = FieldRef(key) / "spec" / "parentRef" / "name"
        report_unknown_parent(report, graph, at, gateway)
        return tuple(report)
    conformance = gateway_conformance(graph, gateway)
    if conformance is None:
        return ()
    if key in accepted_sets(graph, gateway):
        _check_listeners(graph, report, key, gateway)
        _check_fields(report, declared, conformance)
        return tuple(report)
    report.add(
        LISTENER_SET_NOT_ALLOWED,
        FieldRef(key) / "spec" / "parentRef",
        f"{gateway.display_name} does not allow ListenerSets of namespace {key.namespace}, so "
        "nothing listens for this one",
        hint="let spec.allowedListeners.namespaces of the Gateway select the namespace",
        related=(
            Related(place=FieldRef(gateway) / "spec" / "allowedListeners", message="the Gateway"),
        ),
    )
    return tuple(report)


def _check_class(graph: Graph, report: Report, key: KubernetesGatewayKey, name: str) -> None:
    declared = ObjectKey(GATEWAY_CLASS, Namespace(""), name)
    at = FieldRef(key) / "spec" / "gatewayClassName"
    controller = controller_of(graph, declared)
    if controller:
        _check_controller(report, at, declared, controller)
        return
    if report_refused(report, GATEWAY_CLASS_UNKNOWN, at, graph, declared):
        return
    report.add(
        GATEWAY_CLASS_UNKNOWN,
        at,
        f'class "{name}" is not one of those that are served here, and no GatewayClass declares it',
        hint=f"write {ISTIO_CLASS}, or declare GatewayClass {name} with its controller",
    )


def _check_controller(
    report: Report, at: FieldRef, declared: GatewayClassKey, controller: str
) -> None:
    """Other controllers serve other classes; a name near to one that is served is a slip."""
    near = nearest(controller, CONTROLLERS)
    if near is not None:
        place = FieldRef(declared) / "spec" / "controllerName"
        report.add(
            GATEWAY_CLASS_UNKNOWN,
            at,
            f'the controller of class "{declared.name}", "{controller}", is not one of those that '
            "are served here",
            hint=f"write controllerName: {near} in GatewayClass {declared.name}",
            related=(Related(place=place, message="the controller"),),
        )


def _check_listeners(
    graph: Graph, report: Report, parent: ObjectKey, gateway: KubernetesGatewayKey
) -> None:
    for listener in parent_listeners(graph, parent):
        for problem in listener.problems:
            _report(graph, report, problem)
        _check_conflict(graph, report, gateway, listener)


def _check_fields(
    report: Report, owner: Object[KubernetesGateway] | Object[ListenerSet], conformance: Conformance
) -> None:
    at = FieldRef(owner.key) / "spec" / "listeners"
    for i, listener in enumerate(owner.spec.listeners):
        check_listener_fields(report, at / i, listener, conformance)


def _check_conflict(
    graph: Graph, report: Report, gateway: KubernetesGatewayKey, listener: AttachedListener
) -> None:
    conflict = conflict_of(graph, gateway, listener.id)
    if conflict is None:
        return
    other = conflict.other
    host = f' and hostname "{listener.hostname}"' if conflict.reason == "HostnameConflict" else ""
    wins = listener.conformance is Conformance.ISTIO or other.id.parent != listener.id.parent
    consequence = "that one comes first" if wins else "neither of the two is served"
    report.add(
        LISTENER_CONFLICT,
        listener.place,
        f"{listener.id.display_name} has port {listener.port}{host} in common with "
        f"{other.id.display_name}: {consequence}",
        hint="give one of them another port or hostname",
        related=(Related(place=other.place, message=other.id.display_name),),
    )


def _report(graph: Graph, report: Report, problem: Problem) -> None:
    code, hint = CODES[problem.reason], hint_of(graph, problem)
    report.add(code, problem.place, problem.message, hint=hint)


def _check_shared_hosts(graph: Graph, report: Report, instance: GatewayInstance) -> None:
    """Hosts that plain HTTP servers of both APIs have on one port: their routes are merged."""
    for listener in merged_gateways(graph, instance).listeners:
        for first, second, host in _shared(listener):
            report.add(
                HOST_OF_BOTH_APIS,
                second.place,
                f'host "{host}" on port {listener.address.port} is served by '
                f"{first.display_name} too, whose routes come first",
                hint="serve the host by one of the two",
                related=(Related(place=first.place, message="its routes come first"),),
            )


def _shared(listener: MergedServers) -> Iterator[tuple[Server, Server, str]]:
    """Two servers of different APIs with a host that both have, the first of them first."""
    by_host: dict[str, Server] = {}
    for server in listener.servers:
        if not server.routes_plain_requests:
            continue
        for host in dict.fromkeys(each.host for each in server.hosts):
            first = by_host.setdefault(host, server)
            if (first.listener is None) is not (server.listener is None):
                yield first, server, host
