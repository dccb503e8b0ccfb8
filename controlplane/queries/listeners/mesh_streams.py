"""Which ``tcp`` and ``tls`` rules of VirtualServices are for the connections that sidecars take to
a service, beside TCPRoutes and TLSRoutes (``mesh_stream_routes``).

Source: Istio ``pilot/pkg/networking/core/tls.go``.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from controlplane.base.hosts import fqdn, is_odd, is_wildcard, overlap, wider
from controlplane.base.names import Host, Namespace
from controlplane.base.shelf import GROUP, GROUPS
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    TcpMatch,
    TlsMatch,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.model.egress import Imports
from controlplane.model.visibility import visibility
from controlplane.queries.gateway_api.attachment import StreamRouteKey
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.listeners.mesh_stream_routes import (
    namespaces_apart,
    stream_routes_for,
    stream_routes_of_service,
)
from controlplane.queries.policy.public_view import apart_for_host, shards_by_namespace
from controlplane.queries.registry.services import hosts_of_shard
from controlplane.queries.routes.virtual_services import MergeOrder, merge_order
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.implied_imports import destination_hosts
from controlplane.translate.istio.mesh_streams import (
    Caller,
    MeshStream,
    tcp_streams,
    tls_streams,
)
from controlplane.translate.istio.virtual_service import virtual_service_gateways

RuleKey = VirtualServiceKey | StreamRouteKey
"""What says where connections to a service go."""
_WHOLE_MESH: Final = "mesh"


def _hosts(declared: Object[VirtualService]) -> Iterator[Host]:
    """The hosts whose connections the rules of an object are for, where it is bound to the mesh."""
    spec = declared.spec
    if (spec.tcp or spec.tls) and MESH in virtual_service_gateways(declared):
        for host in spec.hosts:
            yield fqdn(host, declared.namespace)


@index(VIRTUAL_SERVICE)
def mesh_streams_of_host(
    declared: Object[VirtualService],
) -> Iterator[tuple[Host, VirtualServiceKey]]:
    """By each host."""
    for host in _hosts(declared):
        yield host, declared.key


@index(VIRTUAL_SERVICE)
def mesh_streams_below(
    declared: Object[VirtualService],
) -> Iterator[tuple[Host, VirtualServiceKey]]:
    """By each wildcard that is wider than a host."""
    for host in _hosts(declared):
        for pattern in wider(host):
            if pattern != host:
                yield pattern, declared.key


@index(VIRTUAL_SERVICE)
def odd_mesh_streams(
    declared: Object[VirtualService],
) -> Iterator[tuple[str, tuple[Host, VirtualServiceKey]]]:
    """Wildcards within a label, which are found by walking them."""
    for host in _hosts(declared):
        if is_odd(host):
            yield _WHOLE_MESH, (host, declared.key)


@index(VIRTUAL_SERVICE, TCP_ROUTE, TLS_ROUTE)
def any_mesh_streams(declared: Object[Any]) -> Iterator[tuple[str, bool]]:
    """Whether there are any at all: mostly there are none. Any: of three kinds."""
    is_rule = declared.kind == VIRTUAL_SERVICE
    found = _hosts(declared) if is_rule else stream_routes_of_service.entries(declared)
    for _ in found:
        yield _WHOLE_MESH, True


def rules_of_host(
    graph: Graph, host: Host, client: Namespace, imports: Imports
) -> tuple[RuleKey, ...]:
    """The VirtualServices and routes with rules for connections to ``host`` that a client sees and
    imports, in the order in which they apply.
    """
    if not any_mesh_streams(graph, _WHOLE_MESH):
        return ()
    found: list[tuple[MergeOrder, RuleKey]] = [
        (order, key)
        for key in _declared_for(graph, host)
        if (order := merge_order(graph, key, client)) is not None
        and _is_imported(graph, key, imports)
    ]
    found += stream_routes_for(graph, host, client, imports)
    return tuple(key for _, key in sorted(found))


def _declared_for(graph: Graph, host: Host) -> set[VirtualServiceKey]:
    """All whose hosts overlap with ``host``."""
    if not any_mesh_streams(graph, _WHOLE_MESH):
        return set()
    found = {key for pattern in wider(host) for key in mesh_streams_of_host(graph, pattern)}
    if is_wildcard(host):
        found.update(mesh_streams_below(graph, host))
    found.update(
        key for pattern, key in odd_mesh_streams(graph, _WHOLE_MESH) if overlap(pattern, host)
    )
    return found


def _is_imported(graph: Graph, key: VirtualServiceKey, imports: Imports) -> bool:
    declared = object_of(graph, key)
    if declared is None:
        return False
    hosts = (fqdn(host, key.namespace) for host in declared.spec.hosts)
    return imports.admits_rules(key.namespace, hosts)


@guarded(first=())
def tls_rules(graph: Graph, key: VirtualServiceKey, caller: Caller) -> tuple[MeshStream, ...]:
    """The ``tls`` rules of one VirtualService for a caller; runs again when it changes."""
    declared = object_of(graph, key)
    return () if declared is None else tuple(tls_streams(declared, caller))


@guarded(first=())
def tcp_rules(graph: Graph, key: VirtualServiceKey, caller: Caller) -> tuple[MeshStream, ...]:
    """The ``tcp`` rules of one VirtualService for a caller; runs again when it changes."""
    declared = object_of(graph, key)
    return () if declared is None else tuple(tcp_streams(declared, caller))


def shards_with_own_streams(graph: Graph, namespace: Namespace) -> tuple[int, ...]:
    """The shards in which a namespace is subject to other rules than the public view."""
    if not any_mesh_streams(graph, _WHOLE_MESH):
        return ()
    return _shards(graph).get(namespace, ())


@derived
def _shards(graph: Graph) -> Mapping[Namespace, tuple[int, ...]]:
    return shards_by_namespace(_apart_in_group(graph, first) for first in GROUPS)


@derived
def _apart_in_group(graph: Graph, first: int) -> tuple[tuple[int, tuple[Namespace, ...]], ...]:
    """The shards of a group for which any namespace is apart, with those."""
    shards = range(first, first + GROUP)
    apart = ((shard, stream_namespaces_apart(graph, shard)) for shard in shards)
    return tuple((shard, tuple(sorted(each))) for shard, each in apart if each)


@derived
def stream_namespaces_apart(graph: Graph, shard: int) -> frozenset[Namespace]:
    """The namespaces for which connections to one of the shard's hosts may be under other rules
    than for all. Runs again when a rule for one of them comes, goes or changes.
    """
    hosts = hosts_of_shard(graph, shard)
    of_services = (
        namespace
        for host in hosts
        for key in _declared_for(graph, host)
        for namespace in _namespaces_of(graph, key)
    )
    of_routes = (namespace for host in hosts for namespace in namespaces_apart(graph, host))
    return frozenset((*of_services, *of_routes))


@guarded(first=())
def _namespaces_of(graph: Graph, key: VirtualServiceKey) -> tuple[Namespace, ...]:
    """The namespaces that alone see a VirtualService, that a match of it names, or for which its
    destinations are others.
    """
    declared = object_of(graph, key)
    if declared is None:
        return ()
    default = mesh_config(graph).default_virtual_service_export_to
    seen = visibility(declared.spec.export_to or default, key.namespace)
    named = {match.source_namespace for match in _matches(declared) if match.source_namespace}
    reached = (
        namespace
        for host in destination_hosts(declared)
        for namespace in apart_for_host(graph, host)
    )
    return tuple(sorted({*seen.namespaces, *map(Namespace, named), *reached}))


def _matches(declared: Object[VirtualService]) -> Iterator[TcpMatch | TlsMatch]:
    for tcp in declared.spec.tcp:
        yield from tcp.match
    for tls in declared.spec.tls:
        yield from tls.match
