"""What leads nowhere in a Gateway, whether a proxy is connected or not.

Which namespace's secrets are meant depends on where the proxies are (``homes``).
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import (
    CERTIFICATE_NAME_MISMATCH,
    SERVER_CONFLICT,
    SERVER_WITHOUT_ROUTE,
    SNI_PARTIAL_WILDCARD,
)
from controlplane.base.diagnostics import Diagnostic, Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.gateway import Gateway, GatewayKey, ServerTls as ServerTlsSpec
from controlplane.kinds.object import Object
from controlplane.model.proxy import labels_of
from controlplane.model.proxy_view import GatewayInstance
from controlplane.queries.analysis.connection_reuse import check_reuse
from controlplane.queries.analysis.gateway_proxies import check_selector, check_service_ports
from controlplane.queries.analysis.homes import Homes, gateway_homes
from controlplane.queries.analysis.secrets import found_credentials
from controlplane.queries.analysis.unrouted_hosts import check_hosts_routed
from controlplane.queries.inputs.connected_gateways import connected_gateways
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.listeners.gateway_listeners import sni_conflicts
from controlplane.queries.listeners.streams import stream_rules, stream_services
from controlplane.queries.registry.credentials import Credential, reading
from controlplane.queries.selection.gateways import (
    gateway_servers,
    reported_servers,
    selected_gateways,
    server_conflicts,
)
from controlplane.queries.views.views import gateway_view
from controlplane.translate.istio.stream_routes import StreamRule
from controlplane.translate.kubernetes.secret_entries import ReadKeyPair
from controlplane.translate.server import Server, TcpServer, TlsPassthrough

_CLOSED: Final = "this server closes every connection"
_OTHER: Final = "this server presents only its other certificate"


@derived
def gateway_diagnostics(graph: Graph, key: GatewayKey) -> Diagnostics:
    """What is wrong with one Gateway at proxies that have just the labels of its selector.

    Runs again when it changes, one that shares its proxies, or a stream route of it.
    """
    gateway = object_of(graph, key)
    if gateway is None:
        return ()
    selector = labels_of(dict(gateway.spec.selector))
    instance = GatewayInstance(gateways=selected_gateways(graph, selector))
    view = gateway_view(Namespace(mesh_config(graph).root_namespace))
    report = Report()
    conflicts = server_conflicts(graph, instance)
    unserved = {found.place for found in conflicts if found.code is SERVER_CONFLICT}
    for server in gateway_servers(graph, key):
        if server.place not in unserved:
            _check_routes(graph, report, server)
    check_selector(report, graph, gateway)
    check_service_ports(report, graph, gateway)
    check_hosts_routed(report, graph, gateway, instance)
    return (
        *reported_servers(graph, key).diagnostics,
        *conflicts,
        *sni_conflicts(graph, instance, view.for_listeners),
        *report,
    )


@derived
def gateway_diagnostics_where_connected(graph: Graph, key: GatewayKey) -> Diagnostics:
    """What is wrong with one Gateway at the proxies that are connected, and with the secrets that
    they need. Runs again when gateways come or go, or a secret that it names changes.
    """
    gateway = object_of(graph, key)
    if gateway is None:
        return ()
    found: dict[Diagnostic, None] = {}
    for proxy in connected_gateways(graph):
        if key in proxy.instance.gateways:
            found.update(dict.fromkeys(server_conflicts(graph, proxy.instance)))
            view = proxy.view.for_listeners
            found.update(dict.fromkeys(sni_conflicts(graph, proxy.instance, view)))
    report, homes = Report(), gateway_homes(graph, key)
    for server in gateway_servers(graph, key):
        _check_secrets(graph, report, homes, gateway, server)
    instance = GatewayInstance(
        gateways=selected_gateways(graph, labels_of(dict(gateway.spec.selector)))
    )
    check_reuse(report, graph, key, instance, homes.namespaces)
    return (*found, *report)


def _check_routes(graph: Graph, report: Report, server: Server) -> None:
    """TCP and TLS servers without a route open no port (or accept no SNI)."""
    if not isinstance(server.protocol, TcpServer | TlsPassthrough):
        return
    rules = [rule for rule in _rules(graph, server) if not _report_unusable(report, rule)]
    if rules:
        return
    sort = "tls" if isinstance(server.protocol, TlsPassthrough) else "tcp"
    report.add(
        SERVER_WITHOUT_ROUTE,
        server.place,
        f'no VirtualService has a {sort} route for server "{server.port_name}", so it serves '
        f"nothing on port {server.port}",
        hint=f"bind a VirtualService with a {sort} rule to {server.gateway}",
    )


def _rules(graph: Graph, server: Server) -> Iterator[StreamRule]:
    for key in stream_services(graph, server.gateway):
        yield from stream_rules(graph, key, server)


def _report_unusable(report: Report, rule: StreamRule) -> bool:
    """Report the SNI that no chain is made for; returns whether nothing is left of the rule."""
    for name in rule.unusable_names:
        report.add(
            SNI_PARTIAL_WILDCARD,
            rule.place,
            f'SNI "{name}" is left out: Envoy supports wildcards for whole labels only',
            hint=f'write "*.{name.rpartition("*")[2].partition(".")[2]}"',
        )
    return rule.takes_nothing


def _check_secrets(
    graph: Graph, report: Report, homes: Homes, gateway: Object[Gateway], server: Server
) -> None:
    tls, spec = server.tls, _tls_spec(gateway, server)
    if tls is None or spec is None:
        return
    at = server.place / "tls"
    places = [
        at / "credentialName" if spec.credential_name else at / "credentialNames" / i
        for i in range(len(tls.certificates))
    ]
    missing = False
    for place, name in zip(places, tls.certificates, strict=True):
        consequence = _CLOSED if len(places) == 1 else _OTHER
        found = found_credentials(graph, report, homes, place, name, consequence=consequence)
        missing = missing or not found
        for credential in found:
            _check_names(graph, report, place, credential, server)
    if tls.clients is not None and not missing:
        own = bool(spec.ca_cert_credential_name)
        place = at / "caCertCredentialName" if own else places[0]
        trust = tls.clients.trust
        found_credentials(graph, report, homes, place, trust, consequence=_CLOSED)


def _tls_spec(gateway: Object[Gateway], server: Server) -> ServerTlsSpec | None:
    index_ = server.place.path[-1]
    return gateway.spec.servers[index_].tls if isinstance(index_, int) else None


def _check_names(
    graph: Graph, report: Report, place: FieldRef, credential: Credential, server: Server
) -> None:
    pair = reading(graph, credential)
    if not isinstance(pair, ReadKeyPair):
        return
    others = [h.host for h in server.hosts if h.host != "*" and not _covers(pair.names, h.host)]
    if others:
        named = ", ".join(pair.names) or "nobody"
        report.add(
            CERTIFICATE_NAME_MISMATCH,
            place,
            f"the certificate is for {named}, not for {', '.join(others)}",
            related=(
                Related(place=FieldRef(credential.object), message="contains the certificate"),
            ),
        )


def _covers(names: tuple[str, ...], host: str) -> bool:
    """Whether a client that asks for ``host`` accepts a certificate for ``names``: ``*`` is one
    label.
    """
    wanted = host.lower()
    _, _, parent = wanted.partition(".")
    return any(n in (wanted, f"*.{parent}") for n in (name.lower() for name in names))
