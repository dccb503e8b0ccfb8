"""Which VirtualServices are bound to a gateway at a host, in which order, and the routes of each.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/,
Istio ``pilot/pkg/model/push_context.go`` (``VirtualServicesForGateway``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from controlplane.base.codes import ROUTE_REFUSED
from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.hosts import is_odd
from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.base.shelf import shard_of
from controlplane.envoy.resource import RuleBroken
from controlplane.envoy.routes.table import framed_route
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    Delegate,
    Destination,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.model.outbound_view import OutboundView
from controlplane.model.proxy import Labels
from controlplane.model.routing import Routed
from controlplane.model.visibility import Visibility, visibility
from controlplane.queries.clusters.offers import offer
from controlplane.queries.inputs.mesh import is_lean, mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.policy.policies import hash_policies
from controlplane.queries.registry.destinations import destination_cluster
from controlplane.translate.istio.delegate import expanded
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.http_action import Defaults, Targets
from controlplane.translate.istio.located_rules import LocatedRule, located_rules
from controlplane.translate.istio.proxy_config import (
    appends_forwarded_host,
    tells_attempt,
    with_route_headers,
)
from controlplane.translate.istio.server_hosts import ServerPort
from controlplane.translate.istio.virtual_service import (
    complete_rules,
    http_routes,
    virtual_service_gateways,
    virtual_service_hosts,
)
from controlplane.translate.route_target import RouteTarget

Declared = Object[VirtualService]
MergeOrder = tuple[int, str, str, Namespace]
"""Which goes first: by tier, then by age."""
PRIVATE_TIER: Final = 1
EXPORTED_TIER: Final = 2
PUBLIC_TIER: Final = 4
"""The tiers of VirtualServices that only the client's namespace sees, of those that some namespaces
see, and of those that all see. Routes of the Gateway API are like public ones; of the mesh, those
of the client's own namespace come before others of their tier (``OWN_ROUTES``).
"""
OWN_ROUTES: Final = -1


def _bindings(declared: Declared) -> Iterator[tuple[str, Host]]:
    """Each gateway (but the mesh) with each host, where there are HTTP rules to bind."""
    if declared.spec.http:
        for gateway in dict.fromkeys(virtual_service_gateways(declared)):
            if gateway != MESH:
                for host in virtual_service_hosts(declared):
                    yield gateway, host


@index(VIRTUAL_SERVICE)
def bound_at(declared: Declared) -> Iterator[tuple[tuple[str, Host], VirtualServiceKey]]:
    """VirtualServices by gateway and host."""
    for binding in _bindings(declared):
        yield binding, declared.key


@index(VIRTUAL_SERVICE)
def bound_hosts(declared: Declared) -> Iterator[tuple[tuple[str, int], Host]]:
    """The hosts bound to a gateway, by the shard of their lower-case form."""
    for gateway, host in _bindings(declared):
        yield (gateway, shard_of(host.lower())), host


@index(VIRTUAL_SERVICE)
def bound_shards(declared: Declared) -> Iterator[tuple[str, int]]:
    """The shards in which a gateway has bound hosts."""
    for gateway, host in _bindings(declared):
        yield gateway, shard_of(host.lower())


@index(VIRTUAL_SERVICE)
def odd_wildcards(declared: Declared) -> Iterator[tuple[str, Host]]:
    """The bound wildcards that are found by walking them: those within a label."""
    for gateway, host in _bindings(declared):
        if is_odd(host):
            yield gateway, host


@guarded
def merge_order(graph: Graph, key: VirtualServiceKey, client: Namespace) -> MergeOrder | None:
    """The place of a VirtualService among others; ``None`` where the client must not see it.

    Runs again when the object changes; its rules stop here.
    """
    declared = object_of(graph, key)
    if declared is None:
        return None
    default = mesh_config(graph).default_virtual_service_export_to
    seen = visibility(declared.spec.export_to or default, key.namespace)
    if not seen.admits(client):
        return None
    return (visibility_tier(seen, key.namespace, client), *declared.age)


def visibility_tier(seen: Visibility, namespace: Namespace, client: Namespace) -> int:
    """The tier, for a client, of what ``namespace`` declares for those that ``seen`` admits."""
    if seen.is_public:
        return PUBLIC_TIER
    return PRIVATE_TIER if namespace == client else EXPORTED_TIER


@guarded(first=())
def hosts_of_virtual_service(graph: Graph, key: VirtualServiceKey) -> tuple[Host, ...]:
    """Runs again when the object changes; all but its hosts stops here."""
    declared = object_of(graph, key)
    return () if declared is None else virtual_service_hosts(declared)


def _defaults(mesh: MeshConfig, *, names_objects: bool = True) -> Defaults:
    return Defaults(
        retries=mesh.default_http_retry_policy,
        appends_forwarded_host=appends_forwarded_host(mesh.default_config),
        tells_attempt=tells_attempt(mesh.default_config),
        names_objects=names_objects,
    )


@guarded(first=_defaults(MeshConfig()))
def route_defaults(graph: Graph, settings: Labels) -> Defaults:
    """The settings of the mesh that affect routes; other changes of MeshConfig stop here. Those of
    a view go before.
    """
    return with_route_headers(
        _defaults(mesh_config(graph), names_objects=not is_lean(graph)), settings
    )


def delegate_key(delegate: Delegate, root: Namespace) -> VirtualServiceKey:
    return ObjectKey(VIRTUAL_SERVICE, Namespace(delegate.namespace or root), delegate.name)


def delegated_rules(
    graph: Graph, key: VirtualServiceKey, root: Namespace
) -> tuple[LocatedRule, ...]:
    """The rules of a delegate; none where there is no such delegate or ``root`` must not see it."""
    declared = object_of(graph, key)
    if declared is None or declared.spec.hosts:
        return ()
    default = mesh_config(graph).default_virtual_service_export_to
    seen = visibility(declared.spec.export_to or default, key.namespace)
    return located_rules(key, complete_rules(declared)) if seen.admits(root) else ()


@dataclass(frozen=True, slots=True)
class EncodedRoutes:
    """The routes of one VirtualService in their places of a virtual host.

    Catch-all routes are separate: where VirtualServices merge, they go last.
    """

    specific: bytes
    catch_all: bytes
    refused: Diagnostics = ()
    """Those that are left out, because Envoy would refuse them."""


NO_ROUTES: Final = EncodedRoutes(b"", b"")


@guarded
def encoded_routes(
    graph: Graph, key: VirtualServiceKey, server_port: ServerPort, view: OutboundView
) -> EncodedRoutes | None:
    """The routes that a VirtualService gives at a server; ``None`` where it gives none.

    Shared by all its hosts. Runs again when it or a delegate of it changes, a service or
    DestinationRule that it leads to, or what MeshConfig says of routes.
    """
    report = Report()
    targets = partial(destination_target, graph, key, server_port, view)
    routes = routes_at(graph, key, server_port, view, targets)
    encoded = joined(encodable(report, routes))
    return replace(encoded, refused=tuple(report)) if routes else None


def routes_at(
    graph: Graph,
    key: ObjectKey[VirtualService],
    server_port: ServerPort,
    view: OutboundView,
    targets: Targets,
) -> tuple[Routed, ...]:
    """The routes of ``encoded_routes`` as values, with those that Envoy would refuse."""
    return http_routes(
        key,
        expanded_rules(graph, key),
        server_port=server_port,
        client=view,
        targets=targets,
        defaults=route_defaults(graph, view.route_settings),
    )


def expanded_rules(graph: Graph, key: VirtualServiceKey) -> Iterable[LocatedRule]:
    """The rules of a VirtualService, with those of its delegates in their places."""
    declared = object_of(graph, key)
    if declared is None:
        return ()
    return expanded(
        located_rules(key, complete_rules(declared)),
        lambda d: delegated_rules(graph, delegate_key(d, key.namespace), key.namespace),
    )


def encodable(report: Report, routes: Iterable[Routed]) -> list[tuple[Routed, bytes]]:
    """The routes that Envoy accepts, encoded; one that it would refuse is left out and reported."""
    taken: list[tuple[Routed, bytes]] = []
    for routed in routes:
        try:
            taken.append((routed, framed_route(routed.route)))
        except RuleBroken as broken:
            name = routed.route.operation
            report.add(
                ROUTE_REFUSED,
                routed.origins[0],
                f'route "{name}" is left out, because Envoy would refuse it: {broken}',
            )
    return taken


def joined(routes: Sequence[tuple[Routed, bytes]]) -> EncodedRoutes:
    return EncodedRoutes(
        b"".join(encoded for r, encoded in routes if not r.route.match.catches_all),
        b"".join(encoded for r, encoded in routes if r.route.match.catches_all),
    )


def destination_target(
    graph: Graph,
    key: ObjectKey[VirtualService],
    server_port: ServerPort,
    view: OutboundView,
    to: Destination,
) -> RouteTarget:
    """Where a destination of the VirtualService ``key`` leads."""
    port = PortNumber(to.port.number) if to.port is not None else None
    return route_target(
        graph,
        view.for_clusters,
        key.namespace,
        Host(to.host),
        port,
        to.subset or None,
        server_port.port,
    )


@derived
def route_target(
    graph: Graph,
    view: OutboundView,
    owner: Namespace,
    host: Host,
    port: PortNumber | None,
    subset: str | None,
    listened: PortNumber,
) -> RouteTarget:
    """Where one destination leads. Runs again when the service or the DestinationRule behind it
    changes: what does not affect routes stops here.
    """
    cluster = destination_cluster(
        graph,
        client=view.namespace,
        owner=owner,
        host=host,
        port=port,
        subset=subset,
        listened=listened,
    )
    return RouteTarget(
        cluster=cluster.name,
        described=f"{cluster.host}:{cluster.port}",
        hash_policies=hash_policies(graph, view, host, port, subset),
        offer=offer(graph, view, cluster.host, cluster.port, subset),
    )
