"""What part of a proxy may be a key: three small values, each with only what it decides. No other
tracked function takes a proxy, so everything else about a proxy costs nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Final, assert_never

from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE, VirtualService
from controlplane.kinds.object import Object
from controlplane.model.http_settings import ListenerContext
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import (
    ClientLocality,
    Interception,
    OutboundView,
    SidecarScope,
)
from controlplane.model.plan.listener import Address
from controlplane.model.proxy import (
    HEADER_CASE,
    NODE_CONFIG,
    ROUTE_HEADERS,
    IpFamily,
    Labels,
    Proxy,
    ResolvedProxy,
    Role,
    Target,
)
from controlplane.model.proxy_view import BoundGateway, GatewayInstance, ProxyView
from controlplane.model.tls import SecretName
from controlplane.model.tracing import ANONYMOUS
from controlplane.model.visibility import PUBLIC
from controlplane.queries.gateway_api.faults import client_certificate
from controlplane.queries.gateway_api.selection import bound_gateways
from controlplane.queries.inputs.objects import index
from controlplane.queries.policy.access_logging import log_services
from controlplane.queries.policy.attachment import policy_keys
from controlplane.queries.policy.envoy_filters import patches_for
from controlplane.queries.policy.extensions import extension_keys
from controlplane.queries.policy.external_authorization import asked_services
from controlplane.queries.policy.locality_use import mesh_locality_use
from controlplane.queries.policy.peer_policies import peer_levels
from controlplane.queries.policy.rules import selected_rules
from controlplane.queries.policy.telemetry import telemetry_keys
from controlplane.queries.policy.tracing import span_services, traced_as
from controlplane.queries.registry.egress import sidecar_scope
from controlplane.queries.registry.inbound_ports import UNPRIVILEGED, inbound_ports, inbound_scope
from controlplane.queries.registry.proxies import resolved_or_as_it_says
from controlplane.queries.registry.services import sidecar_service
from controlplane.queries.selection.gateways import gateway_servers, selected_gateways
from controlplane.translate.captured_ports import is_found_by_endpoints
from controlplane.translate.server import AutoPassthrough

_LISTENER_SETTINGS: Final = frozenset({"HTTP10", "HTTP_PROXY_PORT", "IDLE_TIMEOUT", NODE_CONFIG})
_INBOUND_SETTINGS: Final = _LISTENER_SETTINGS | {HEADER_CASE}
_OUTBOUND_SETTINGS: Final = _LISTENER_SETTINGS | {HEADER_CASE, ROUTE_HEADERS}
_BIND_ADDRESS: Final = "BIND_ADDRESS"
_WHOLE_MESH: Final = "mesh"
_SIDES: Final = (ListenerContext.OUTBOUND, ListenerContext.INBOUND)


ANY_SIDECAR: Final = OutboundView(
    role=Role.SIDECAR, namespace=PUBLIC, interception=Interception.REDIRECT
)
"""The view of a sidecar that sees what all see, and about which nothing else is known."""


@index(VIRTUAL_SERVICE)
def named_sources(declared: Object[VirtualService]) -> Iterator[tuple[str, tuple[str, str]]]:
    """The pairs that ``sourceLabels`` of ``http`` rules ask for anywhere in the mesh."""
    for rule in declared.spec.http:
        for match in rule.match:
            for pair in match.source_labels.items():
                yield _WHOLE_MESH, pair


@index(VIRTUAL_SERVICE)
def named_stream_sources(
    declared: Object[VirtualService],
) -> Iterator[tuple[str, tuple[str, str]]]:
    """The same of ``tcp`` and ``tls`` rules."""
    for tcp in declared.spec.tcp:
        for of_tcp in tcp.match:
            for pair in of_tcp.source_labels.items():
                yield _WHOLE_MESH, pair
    for tls in declared.spec.tls:
        for of_tls in tls.match:
            for pair in of_tls.source_labels.items():
                yield _WHOLE_MESH, pair


@guarded
def view_of(graph: Graph, proxy: Proxy) -> ProxyView | None:
    """What the proxy's resources depend on; ``None`` while an internal error hides it.

    Where such an error keeps the last good view, the policies in it are those of now.
    """
    view = last_view(graph, proxy)
    if view is None:
        return None
    resolved = resolved_or_as_it_says(graph, proxy)
    return view.with_policies(policy_keys(graph, resolved.namespace, resolved.labels))


@guarded
def last_view(graph: Graph, proxy: Proxy) -> ProxyView | None:
    """Runs again when what is declared for the proxy changes; mostly to find the same view."""
    resolved = resolved_or_as_it_says(graph, proxy)
    view = proxy_view(graph, resolved)
    own = tuple(_own_addresses(graph, proxy, resolved))
    inbound = view.inbound.at(proxy.addresses) if view.inbound is not None else None
    patches = patches_for(graph, resolved, proxy.node_metadata)
    traced = traced_view(graph, proxy, resolved, replace(view, inbound=inbound))
    if not own and traced == view and not patches:
        return view
    return replace(traced, own_addresses=own, patches=patches)


def traced_view(graph: Graph, proxy: Proxy, resolved: ResolvedProxy, view: ProxyView) -> ProxyView:
    """The view with what spans say of the proxy, on each of its sides that has any."""
    context = ListenerContext.OUTBOUND if view.gateway is None else ListenerContext.GATEWAY
    outbound, inbound = view.outbound, view.inbound
    labels, settings = resolved.labels, resolved.metadata
    made = traced_as(graph, outbound.telemetries, proxy, labels, settings, context)
    if made != ANONYMOUS:
        outbound = replace(outbound, traced=made)
    if inbound is not None:
        context = ListenerContext.INBOUND
        made = traced_as(graph, inbound.telemetries, proxy, labels, settings, context)
        inbound = replace(inbound, traced=made) if made != ANONYMOUS else inbound
    return replace(view, outbound=outbound, inbound=inbound)


def _own_addresses(graph: Graph, proxy: Proxy, resolved: ResolvedProxy) -> Iterator[str]:
    """The listeners for the proxy's own address, of headless services that it is an endpoint of."""
    if not proxy.addresses or not proxy.role.captures_connections:
        return
    for target in resolved.targets:
        service = sidecar_service(graph, Host(target.host), proxy.namespace)
        port = service.port(target.port) if service is not None else None
        if service is None or port is None or port.protocol.is_http:
            continue
        if is_found_by_endpoints(service):
            yield str(Address(proxy.addresses[0], PortNumber(target.port)))


def proxy_view(graph: Graph, proxy: ResolvedProxy) -> ProxyView:
    gateway = _gateway(graph, proxy)
    return ProxyView(
        outbound=outbound_view(
            graph,
            proxy,
            gateway is not None and has_sni_dnat(graph, gateway.every_gateway),
            shown_to_backends(graph, gateway.bound) if gateway is not None else None,
        ),
        locality=client_locality(graph, proxy),
        gateway=gateway,
        inbound=_inbound(graph, proxy),
    )


def _inbound(graph: Graph, proxy: ResolvedProxy) -> InboundView | None:
    """What the proxy does with connections to its workload, if it has one."""
    match proxy.role:
        case Role.GATEWAY | Role.RUNNER:
            return None
        case Role.SIDECAR:
            return inbound_view(graph, proxy)
    assert_never(proxy.role)


@derived
def inbound_view(graph: Graph, proxy: ResolvedProxy) -> InboundView:
    """Runs again when a service of the workload comes, goes or changes its ports, or a
    PeerAuthentication, Sidecar, Telemetry or policy of its namespace or of the mesh comes, goes or
    selects otherwise.
    """
    interception = _interception(proxy)
    found = sidecar_scope(graph, proxy.namespace, proxy.labels)
    scope = inbound_scope(graph, found.sidecar) if found is not None else None
    return InboundView(
        namespace=proxy.namespace,
        ports=inbound_ports(graph, proxy, scope, captures=interception.captures),
        peers=peer_levels(graph, proxy.namespace, proxy.labels).keys,
        scope=scope,
        families=proxy.families,
        interception=interception,
        settings=_settings(proxy, _INBOUND_SETTINGS),
        policies=policy_keys(graph, proxy.namespace, proxy.labels),
        telemetries=telemetry_keys(graph, proxy.namespace, proxy.labels),
        extensions=extension_keys(graph, proxy.namespace, proxy.labels).server,
    )


def _interception(proxy: ResolvedProxy) -> Interception:
    """How the proxy gets connections that were going elsewhere: only sidecars do."""
    if not proxy.role.captures_connections:
        return Interception.NONE
    said = dict(proxy.metadata).get("INTERCEPTION_MODE", "")
    return next((each for each in Interception if each.value == said), Interception.REDIRECT)


def _settings(proxy: ResolvedProxy, names: frozenset[str]) -> Labels:
    return tuple(pair for pair in proxy.metadata if pair[0] in names)


def _gateway(graph: Graph, proxy: ResolvedProxy) -> GatewayInstance | None:
    """The Gateways that the proxy serves, by its role: all that is planned for it follows from
    this.
    """
    match proxy.role:
        case Role.GATEWAY:
            return gateway_instance(graph, proxy)
        case Role.SIDECAR | Role.RUNNER:
            return None
    assert_never(proxy.role)


def gateway_view(namespace: Namespace) -> OutboundView:
    """The view of a gateway in ``namespace`` about which nothing else is known."""
    return OutboundView(role=Role.GATEWAY, namespace=namespace)


def caller_view(namespace: Namespace, source_labels: Labels) -> OutboundView:
    """The view of a sidecar in ``namespace`` of which only the labels are known."""
    return OutboundView(role=Role.SIDECAR, namespace=namespace, source_labels=source_labels)


@derived
def outbound_view(
    graph: Graph,
    proxy: ResolvedProxy,
    has_sni_dnat: bool,
    client_certificate: SecretName | None,
) -> OutboundView:
    """Runs again when a rule of the namespace that selects proxies comes, goes or changes, a
    Sidecar or Telemetry of it or of the root namespace, the pairs that ``sourceLabels`` ask for,
    or, under a Sidecar, the service that decides calls to the workload.
    """
    sources = named_sources(graph, _WHOLE_MESH)
    return OutboundView(
        role=proxy.role,
        namespace=proxy.namespace,
        selected=selected_rules(graph, proxy.namespace, proxy.labels),
        source_labels=tuple(pair for pair in proxy.labels if pair in sources),
        stream_labels=_stream_labels(graph, proxy),
        families=proxy.families,
        has_sni_dnat=has_sni_dnat,
        settings=_settings(proxy, _OUTBOUND_SETTINGS),
        scope=_scope(graph, proxy),
        interception=_interception(proxy),
        client_certificate=client_certificate,
        telemetries=telemetry_keys(graph, proxy.namespace, proxy.labels),
        extensions=_of_callers(graph, proxy),
    )


def _of_callers(graph: Graph, proxy: ResolvedProxy) -> tuple[ObjectKey, ...]:
    """A gateway's are part of where it listens."""
    if not proxy.role.captures_connections:
        return ()
    return extension_keys(graph, proxy.namespace, proxy.labels).client


def shown_to_backends(graph: Graph, bound: tuple[BoundGateway, ...]) -> SecretName | None:
    """The certificate of the first Gateway that has one for backends."""
    found = (client_certificate(graph, each.gateway) for each in bound)
    return next((name for name in found if name is not None), None)


def _stream_labels(graph: Graph, proxy: ResolvedProxy) -> Labels:
    """Gateways do not look at who calls."""
    if not proxy.role.captures_connections:
        return ()
    sources = named_stream_sources(graph, _WHOLE_MESH)
    return tuple(pair for pair in proxy.labels if pair in sources)


def _scope(graph: Graph, proxy: ResolvedProxy) -> SidecarScope | None:
    """The Sidecar that applies; they are for sidecars alone."""
    if not proxy.role.captures_connections:
        return None
    scope = sidecar_scope(graph, proxy.namespace, proxy.labels)
    if scope is None:
        return None
    policies = policy_keys(graph, proxy.namespace, proxy.labels)
    asked = asked_services(graph, policies.authorization)
    telemetries = telemetry_keys(graph, proxy.namespace, proxy.labels)
    logs = log_services(graph, telemetries, _SIDES)
    spans = span_services(graph, telemetries, proxy.namespace, _SIDES)
    return replace(scope, asked=tuple(dict.fromkeys((*asked, *logs, *spans))))


@derived
def client_locality(graph: Graph, proxy: ResolvedProxy) -> ClientLocality:
    """Runs again when what endpoints are ranked by, anywhere in the mesh, changes."""
    place = ClientLocality(locality=proxy.locality, labels=proxy.labels)
    return place.only(mesh_locality_use(graph))


@derived
def gateway_instance(graph: Graph, proxy: ResolvedProxy) -> GatewayInstance:
    """Runs again when a Gateway that may select the proxy comes, goes or changes, or a policy of
    its namespace or of the root namespace comes, goes or is attached otherwise.
    """
    return GatewayInstance(
        gateways=selected_gateways(graph, proxy.labels),
        bound=bound_gateways(graph, proxy),
        target_ports=_target_ports(proxy.targets),
        every_address=_every_address(proxy),
        opens_low_ports=UNPRIVILEGED not in proxy.metadata,
        policies=policy_keys(graph, proxy.namespace, proxy.labels),
        extensions=extension_keys(graph, proxy.namespace, proxy.labels).client,
    )


def _every_address(proxy: ResolvedProxy) -> str:
    """Where servers listen that name no address: everywhere, unless the node's metadata says."""
    everywhere = "0.0.0.0" if IpFamily.IPV4 in proxy.families else "::"
    said = dict(proxy.metadata).get(_BIND_ADDRESS, "")
    return str(ip_address(said)) if said else everywhere


@derived
def has_sni_dnat(graph: Graph, gateways: tuple[ObjectKey, ...]) -> bool:
    """Whether one of these Gateways has an AUTO_PASSTHROUGH server."""
    return any(
        isinstance(server.protocol, AutoPassthrough)
        for key in gateways
        for server in gateway_servers(graph, key)
    )


def _target_ports(targets: tuple[Target, ...]) -> tuple[tuple[PortNumber, PortNumber], ...]:
    """Where the ports of Services in front of the proxy arrive; the first that has one decides."""
    found: dict[int, int] = {}
    for target in targets:
        found.setdefault(target.port, target.target)
    return tuple(
        (PortNumber(port), PortNumber(number))
        for port, number in sorted(found.items())
        if port != number
    )
