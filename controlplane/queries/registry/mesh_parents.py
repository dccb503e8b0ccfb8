"""Which services the HTTPRoutes and GRPCRoutes of the mesh are for, and where they lead."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import fqdn
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.base.shelf import shard_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE, GrpcRoute
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE, HttpRoute
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.object import Object
from controlplane.model.visibility import Visibility, visibility
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.registry.services import declarations_of_host, hosts_of
from controlplane.translate.gateway_api.mesh_route import (
    EVERY_PORT,
    MeshRoute,
    ServiceKey,
    backend_hosts,
    mesh_parent,
    parent_port,
)

RequestRoute = HttpRoute | GrpcRoute
RequestRouteKey = ObjectKey[RequestRoute]
MeshRouteKey = ObjectKey[MeshRoute]
_WHOLE_MESH: Final = "mesh"


@dataclass(frozen=True, slots=True, order=True)
class MeshRouteSet:
    """All HTTP and gRPC routes of a namespace that are for one host, with the same ``port`` in
    their parentRefs (``EVERY_PORT`` without one). Istio makes a VirtualService of them.
    """

    host: Host
    namespace: Namespace
    port: PortNumber

    @property
    def name(self) -> str:
        """Istio's name of the VirtualService."""
        port = "" if self.port == EVERY_PORT else f"{self.port}~"
        return f"{self.namespace}~{port}{self.host}"

    def __str__(self) -> str:
        return self.name


def _parents(route: Object[MeshRoute]) -> Iterator[tuple[ServiceKey, PortNumber]]:
    for ref in route.spec.parent_refs:
        key = mesh_parent(ref, route.namespace)
        if key is not None:
            yield key, parent_port(ref)


@index(HTTP_ROUTE, GRPC_ROUTE)
def routes_of_service(
    route: Object[RequestRoute],
) -> Iterator[tuple[ServiceKey, tuple[PortNumber, RequestRouteKey]]]:
    """The routes whose parent is a Service or ServiceEntry, with the port of the parentRef."""
    for key, port in _parents(route):
        yield key, (port, route.key)


@index(HTTP_ROUTE, GRPC_ROUTE)
def routed_services(route: Object[RequestRoute]) -> Iterator[tuple[int, tuple[Host, ServiceKey]]]:
    """The Services that are parents, with their hosts, by shard."""
    for key, _ in _parents(route):
        if key.kind == SERVICE:
            host = fqdn(key.name, key.namespace)
            yield shard_of(host), (host, key)


@index(HTTP_ROUTE, GRPC_ROUTE)
def routed_entries(route: Object[RequestRoute]) -> Iterator[tuple[str, ServiceKey]]:
    """The ServiceEntries that are parents."""
    for key, _ in _parents(route):
        if key.kind == SERVICE_ENTRY:
            yield _WHOLE_MESH, key


@derived
def mesh_sets_of_shard(graph: Graph, shard: int) -> tuple[MeshRouteSet, ...]:
    """The sets of routes for the shard's hosts, sorted. What is not declared has none.

    Runs again when a route is given such a host, or a host is declared that has routes.
    """
    return tuple(
        sorted(
            {
                MeshRouteSet(host, route.namespace, port)
                for host, key in _declared_parents(graph, shard)
                for port, route in routes_of_service(graph, key)
            }
        )
    )


def _declared_parents(graph: Graph, shard: int) -> Iterator[tuple[Host, ServiceKey]]:
    for host, key in routed_services(graph, shard):
        if key in declarations_of_host(graph, host):
            yield host, key
    for key in routed_entries(graph, _WHOLE_MESH):
        for host in hosts_of_entry(graph, key):
            if shard_of(host) == shard:
                yield host, key


@guarded(first=())
def hosts_of_entry(graph: Graph, key: ServiceKey) -> tuple[Host, ...]:
    """Runs again when the ServiceEntry changes; all but its hosts stops here."""
    declared = object_of(graph, key)
    return hosts_of(declared) if declared is not None else ()


def mesh_sets(graph: Graph, host: Host) -> Iterator[MeshRouteSet]:
    """The sets of routes for exactly this host."""
    yield from (e for e in mesh_sets_of_shard(graph, shard_of(host)) if e.host == host)


def routes_in_set(graph: Graph, routes: MeshRouteSet) -> Iterator[RequestRouteKey]:
    """The routes of a set in no order, also those that cannot be served."""
    found = {
        route
        for key in declarations_of_host(graph, routes.host)
        for port, route in routes_of_service(graph, key)
        if (port, route.namespace) == (routes.port, routes.namespace)
    }
    yield from found


@derived
def routes_visibility(graph: Graph, namespace: Namespace) -> Visibility:
    """Who sees the routes of a namespace, as the mesh says of VirtualServices."""
    return visibility(mesh_config(graph).default_virtual_service_export_to, namespace)


@guarded(first=())
def backends_of_route(
    graph: Graph, key: MeshRouteKey
) -> tuple[tuple[Host, PortNumber | None], ...]:
    """Where a route leads, each host and port once; runs again when the route changes."""
    declared = object_of(graph, key)
    return tuple(dict.fromkeys(backend_hosts(declared))) if declared is not None else ()


@index(HTTP_ROUTE, GRPC_ROUTE, TCP_ROUTE, TLS_ROUTE)
def mesh_backends(
    route: Object[MeshRoute],
) -> Iterator[tuple[int, tuple[Host, MeshRouteKey]]]:
    """The hosts that routes of the mesh lead to, by shard."""
    if any(_parents(route)):
        for host, _ in backend_hosts(route):
            yield shard_of(host), (host, route.key)


@derived
def routed_hosts_of(graph: Graph, key: MeshRouteKey) -> frozenset[Host]:
    """The hosts that a route is for: those of its parents that are declared."""
    declared = object_of(graph, key)
    parents = _parents(declared) if declared is not None else ()
    return frozenset(host for parent, _ in parents for host in parent_hosts(graph, parent))


def parent_hosts(graph: Graph, key: ServiceKey) -> tuple[Host, ...]:
    """The hosts of a Service or ServiceEntry; none where it is not declared."""
    if key.kind == SERVICE_ENTRY:
        return hosts_of_entry(graph, key)
    host = fqdn(key.name, key.namespace)
    return (host,) if key in declarations_of_host(graph, host) else ()


def parent_refs(graph: Graph, routes: MeshRouteSet) -> tuple[FieldRef, ...]:
    """The parentRefs by which the routes of a set are for its host."""
    declared = (object_of(graph, key) for key in sorted(routes_in_set(graph, routes)))
    return tuple(
        FieldRef(route.key) / "spec" / "parentRefs" / i
        for route in declared
        if route is not None
        for i, ref in enumerate(route.spec.parent_refs)
        if parent_port(ref) == routes.port
        and (parent := mesh_parent(ref, route.namespace)) is not None
        and routes.host in parent_hosts(graph, parent)
    )
