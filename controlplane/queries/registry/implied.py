"""What a Sidecar imports without naming it: where the VirtualServices and routes lead that it
imports. It has clusters for that, and no listeners or virtual hosts.

Source: Istio ``pilot/pkg/model/sidecar.go`` (``collectImportedServices``).
"""

from collections.abc import Iterable, Iterator

from controlplane.base.hosts import fqdn
from controlplane.base.names import Host, Namespace, ObjectKey, key_is_of
from controlplane.base.shelf import shard_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.model.egress import Imports
from controlplane.model.visibility import EVERYONE, Visibility, visibility
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.registry.mesh_parents import (
    MeshRouteKey,
    backends_of_route,
    mesh_backends,
    routed_hosts_of,
    routes_visibility,
)
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.implied_imports import (
    destination_hosts,
    destination_ports,
    source_namespaces,
)
from controlplane.translate.istio.virtual_service import virtual_service_gateways

RuleKey = VirtualServiceKey | MeshRouteKey
"""What routes calls between workloads."""


@index(VIRTUAL_SERVICE)
def mesh_destinations(
    declared: Object[VirtualService],
) -> Iterator[tuple[int, tuple[Host, VirtualServiceKey]]]:
    """The hosts that rules for the mesh, and delegates, lead to, by shard."""
    if not declared.spec.hosts or MESH in virtual_service_gateways(declared):
        for host in destination_hosts(declared):
            yield shard_of(host), (host, declared.key)


@index(VIRTUAL_SERVICE)
def delegating_services(
    declared: Object[VirtualService],
) -> Iterator[tuple[VirtualServiceKey, VirtualServiceKey]]:
    """Who delegates to a VirtualService."""
    for rule in declared.spec.http:
        if rule.delegate is not None:
            namespace = Namespace(rule.delegate.namespace or declared.namespace)
            yield ObjectKey(VIRTUAL_SERVICE, namespace, rule.delegate.name), declared.key


def implied_ports(
    graph: Graph,
    host: Host,
    rules: Iterable[RuleKey],
    client: Namespace,
    imports: Imports,
) -> frozenset[int]:
    """The ports of a host that the rules which a client imports lead to; 0 is any."""
    return frozenset(
        port for key in rules for port in _ports_of_rule(graph, host, key, client, imports)
    )


def rules_to(graph: Graph, shard: int) -> Iterator[tuple[Host, RuleKey]]:
    """The hosts of a shard that rules of the mesh lead to."""
    yield from mesh_destinations(graph, shard)
    yield from mesh_backends(graph, shard)


def _ports_of_rule(
    graph: Graph, host: Host, key: RuleKey, client: Namespace, imports: Imports
) -> Iterator[int]:
    if key_is_of(key, VIRTUAL_SERVICE):
        declared = object_of(graph, key)
        roots = _roots(graph, key)
        if declared is not None and any(_imports(graph, r, client, imports) for r in roots):
            yield from destination_ports(declared, host, client)
    elif _imports_route(graph, key, client, imports):
        yield from (port or 0 for to, port in backends_of_route(graph, key) if to == host)


def _imports_route(graph: Graph, key: MeshRouteKey, client: Namespace, imports: Imports) -> bool:
    if not routes_visibility(graph, key.namespace).admits(client):
        return False
    return imports.admits_rules(key.namespace, routed_hosts_of(graph, key))


@derived
def implied_apart(graph: Graph, shard: int) -> frozenset[Namespace]:
    """The namespaces that may import others of the shard's hosts by the VirtualServices and routes
    that they see than all do.
    """
    of_services = (
        namespace
        for _, key in mesh_destinations(graph, shard)
        for root in _roots(graph, key)
        for namespace in _namespaces_of(graph, root, key)
    )
    of_routes = (
        namespace
        for _, key in mesh_backends(graph, shard)
        for namespace in routes_visibility(graph, key.namespace).namespaces
    )
    return frozenset((*of_services, *of_routes))


def _roots(graph: Graph, key: VirtualServiceKey) -> tuple[VirtualServiceKey, ...]:
    """The VirtualServices with hosts whose rules those of ``key`` are."""
    declared = object_of(graph, key)
    if declared is None or declared.spec.hosts:
        return (key,)
    return delegating_services(graph, key)


def _imports(graph: Graph, key: VirtualServiceKey, client: Namespace, imports: Imports) -> bool:
    declared = object_of(graph, key)
    if declared is None or MESH not in virtual_service_gateways(declared):
        return False
    hosts = (fqdn(host, key.namespace) for host in declared.spec.hosts)
    return rule_visibility(graph, key).admits(client) and imports.admits_rules(key.namespace, hosts)


@guarded(first=EVERYONE)
def rule_visibility(graph: Graph, key: VirtualServiceKey) -> Visibility:
    """Who sees a VirtualService; runs again when it changes."""
    declared = object_of(graph, key)
    default = mesh_config(graph).default_virtual_service_export_to
    said = declared.spec.export_to if declared is not None else ()
    return visibility(said or default, key.namespace)


def _namespaces_of(
    graph: Graph, root: VirtualServiceKey, key: VirtualServiceKey
) -> Iterator[Namespace]:
    yield from rule_visibility(graph, root).namespaces
    declared = object_of(graph, key)
    if declared is not None:
        yield from source_namespaces(declared)
