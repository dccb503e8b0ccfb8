"""Which references of an object lead nowhere, as plain names: what a change must not make worse
while its counterpart is on the way.

Separate from the analysis, which reports the same to people, because this runs before an edit is
served: it reads little, and each destination is looked at once however many rules lead to it.
"""

from collections.abc import Callable, Iterable, Iterator

from controlplane.base.hosts import fqdn, wider
from controlplane.base.names import Host, Namespace, ObjectKey, key_is_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE, DestinationRuleKey
from controlplane.kinds.istio.gateway import GATEWAY, Gateway, GatewayKey
from controlplane.kinds.istio.traffic_policy import TrafficPolicy
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.model.outbound_view import RuleScope
from controlplane.model.service import Resolution, Service
from controlplane.queries.analysis.secrets import secrets_of_name
from controlplane.queries.analysis.virtual_services import roots_of_delegate
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.rules import governing_rules, merged_rule, selected_rules
from controlplane.queries.registry.endpoints import endpoints_of
from controlplane.queries.registry.mesh_parents import RequestRouteKey, backends_of_route
from controlplane.queries.registry.services import service, service_of
from controlplane.queries.routes.virtual_services import bound_at, delegate_key
from controlplane.translate.istio.gateway import server_hosts
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.server_hosts import meets
from controlplane.translate.istio.virtual_service import (
    virtual_service_gateways,
    virtual_service_hosts,
)
from controlplane.translate.istio.virtual_service_diagnostics import destinations

Reference = tuple[str, ...]
"""What is referred to, in a form that stays the same while it is missing."""

REFERRING = (VIRTUAL_SERVICE, GATEWAY, DESTINATION_RULE, HTTP_ROUTE, GRPC_ROUTE)
"""The kinds whose objects refer to others."""


@guarded(first=frozenset[Reference]())
def broken_references(graph: Graph, key: ObjectKey) -> frozenset[Reference]:
    """The references of one object that lead nowhere now.

    Runs again when the object changes, or when one of its references starts or stops resolving.
    """
    namespace, name = key.namespace, key.name
    if key.kind == VIRTUAL_SERVICE:
        found = _of_virtual_service(graph, ObjectKey(VIRTUAL_SERVICE, namespace, name))
    elif key.kind == GATEWAY:
        found = _of_gateway(graph, ObjectKey(GATEWAY, namespace, name))
    elif key.kind == DESTINATION_RULE:
        found = _of_rule(graph, ObjectKey(DESTINATION_RULE, namespace, name))
    elif key_is_of(key, HTTP_ROUTE) or key_is_of(key, GRPC_ROUTE):
        found = _of_route(graph, key)
    else:
        found = iter(())
    return frozenset(found)


def takes_requests(graph: Graph, declared: Object[VirtualService]) -> bool:
    """Whether a VirtualService gets requests that another one would answer without it."""
    for gateway in virtual_service_gateways(declared):
        for host in virtual_service_hosts(declared):
            for bound in (host, *wider(host)):
                if any(key != declared.key for key in bound_at(graph, (gateway, bound))):
                    return True
    return False


def has_gateway(declared: Object[VirtualService], exists: Callable[[GatewayKey], bool]) -> bool:
    """Whether a Gateway that a VirtualService is bound to exists."""
    return any(
        reference != MESH and exists(_gateway_key(reference))
        for reference in virtual_service_gateways(declared)
    )


def _of_virtual_service(graph: Graph, key: VirtualServiceKey) -> Iterator[Reference]:
    declared = object_of(graph, key)
    if declared is None:
        return
    gateways = []
    for reference in virtual_service_gateways(declared):
        if reference == MESH:
            continue
        found = object_of(graph, _gateway_key(reference))
        if found is not None:
            gateways.append(found)
        else:
            yield "gateway", reference
    yield from _unserved_hosts(declared, gateways)
    for rule in declared.spec.http:
        if rule.delegate is not None:
            delegate = delegate_key(rule.delegate, key.namespace)
            if object_of(graph, delegate) is None:
                yield "delegate", str(delegate)
    viewers = _viewers(graph, declared, gateways)
    for destination in dict.fromkeys(to for _, to in destinations(declared)):
        port = destination.port.number if destination.port is not None else None
        host, subset = fqdn(destination.host, key.namespace), destination.subset or None
        if not any(answers(graph, host, port, subset, key.namespace, v) for v in viewers):
            yield "destination", host, str(port), subset or ""


def _unserved_hosts(
    declared: Object[VirtualService], gateways: list[Object[Gateway]]
) -> Iterator[Reference]:
    served = tuple(
        host
        for gateway in gateways
        for server in gateway.spec.servers
        for host in server_hosts(server, gateway.namespace)
    )
    for host in virtual_service_hosts(declared) if gateways else ():
        if not meets(served, declared.namespace, (host,)):
            yield "host", host


def _viewers(
    graph: Graph, declared: Object[VirtualService], gateways: list[Object[Gateway]]
) -> tuple[Namespace, ...]:
    """The namespaces of proxies that ask for the destinations. A delegate is used by those that use
    its roots.
    """
    viewers = {declared.namespace, *(gateway.namespace for gateway in gateways)}
    for root in roots_of_delegate(graph, declared.key) if not declared.spec.hosts else ():
        found = object_of(graph, ObjectKey(VIRTUAL_SERVICE, root.namespace, root.name))
        for reference in virtual_service_gateways(found) if found is not None else ():
            viewers.add(Namespace(reference.partition("/")[0]))
    return tuple(sorted(viewers - {Namespace(MESH)}))


@derived
def answers(
    graph: Graph,
    host: Host,
    port: int | None,
    subset: str | None,
    owner: Namespace,
    viewer: Namespace,
) -> bool:
    """Whether a destination in an object of ``owner`` has an endpoint for proxies in ``viewer``.

    A service that has no list of endpoints by its nature always has. Runs again when the service,
    the rules for it or its endpoints change.
    """
    found = _seen(graph, host, owner, viewer)
    target = found if found is None or found.alias is None else service(graph, found.alias, viewer)
    if found is None or target is None:
        return False
    numbers = [p.number for p in target.ports]
    if port is not None and port not in numbers:
        return False
    labels: set[tuple[str, str]] = set()
    if subset is not None:
        scope = RuleScope(viewer, selected_rules(graph, viewer, ()))
        rule = merged_rule(graph, governing_rules(graph, host, found.namespace, scope))
        named = rule.subset(subset) if rule is not None else None
        if named is None:
            return False
        labels = set(named.labels)
    if target.resolution in (Resolution.NONE, Resolution.DYNAMIC_DNS, Resolution.ALIAS):
        return True
    return any(
        labels <= set(endpoint.labels)
        for number in ([port] if port is not None else numbers)
        for endpoint in endpoints_of(graph, target.host, target.namespace, number)
    )


def _seen(graph: Graph, host: Host, owner: Namespace, viewer: Namespace) -> Service | None:
    own = service_of(graph, host, owner)
    if own is not None and own.visibility.admits(viewer):
        return own
    return service(graph, host, viewer)


def _of_gateway(graph: Graph, key: GatewayKey) -> Iterator[Reference]:
    declared = object_of(graph, key)
    for server in declared.spec.servers if declared is not None else ():
        tls = server.tls
        if tls is not None:
            names = (tls.credential_name, tls.ca_cert_credential_name, *tls.credential_names)
            yield from _missing_secrets(graph, names)


def _of_rule(graph: Graph, key: DestinationRuleKey) -> Iterator[Reference]:
    declared = object_of(graph, key)
    if declared is None:
        return
    subsets = (subset.traffic_policy for subset in declared.spec.subsets)
    for policy in (declared.spec.traffic_policy, *subsets):
        yield from _missing_secrets(graph, _credentials(policy))


def _of_route(graph: Graph, key: RequestRouteKey) -> Iterator[Reference]:
    """Backends without an endpoint. A grant that is taken back takes effect at once, so grants are
    not looked at.
    """
    for host, port in backends_of_route(graph, key):
        if not answers(graph, host, port, None, key.namespace, key.namespace):
            yield "destination", host, str(port), ""


def _credentials(policy: TrafficPolicy | None) -> Iterator[str]:
    for tls in (policy.tls, *(p.tls for p in policy.port_level_settings)) if policy else ():
        if tls is not None:
            yield tls.credential_name


def _missing_secrets(graph: Graph, names: Iterable[str]) -> Iterator[Reference]:
    """The names that no Secret of any namespace has: where proxies are is not asked here."""
    for name in names:
        if name and not secrets_of_name(graph, name.rpartition("/")[2]):
            yield "secret", name


def _gateway_key(reference: str) -> GatewayKey:
    namespace, _, name = reference.partition("/")
    return ObjectKey(GATEWAY, Namespace(namespace), name)
