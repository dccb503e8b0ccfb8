"""Everything that proxies of one view are to have: a shelf of resources for each type."""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.graph import Graph, guarded
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import ClientLocality
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.clusters.cluster_shelves import clusters, endpoints, locality_use
from controlplane.queries.clusters.inbound_clusters import inbound_clusters
from controlplane.queries.listeners.inbound_listeners import inbound_listener_keys
from controlplane.queries.listeners.listeners import listeners
from controlplane.queries.listeners.outbound_listeners import encoded_outbound_listeners
from controlplane.queries.listeners.plans import proxy_plan
from controlplane.queries.listeners.secrets import secrets
from controlplane.queries.routes.mesh_tables import mesh_tables
from controlplane.queries.routes.routes import route_tables


@dataclass(frozen=True, slots=True)
class Resources:
    """One shelf for each type; a shelf in which nothing changed is the same object as before."""

    clusters: Shelf[Resource]
    endpoints: Shelf[Resource]
    listeners: Shelf[Resource]
    routes: Shelf[Resource]
    secrets: Shelf[Resource]

    def __iter__(self) -> Iterator[tuple[TypeUrl, Shelf[Resource]]]:
        yield TypeUrl.CLUSTER, self.clusters
        yield TypeUrl.ENDPOINT, self.endpoints
        yield TypeUrl.LISTENER, self.listeners
        yield TypeUrl.ROUTE, self.routes
        yield TypeUrl.SECRET, self.secrets


@guarded
def resources(graph: Graph, view: ProxyView) -> Resources | None:
    """Runs again when any resource of this view comes, goes or changes.

    ``None`` while an internal error keeps those of one type from being known at all: a proxy that
    has some must not be sent an empty set.
    """
    for_clusters = view.outbound.for_clusters
    client = view.locality.only(locality_use(graph, for_clusters))
    if view.inbound is not None:
        return _of_sidecar(graph, view, view.inbound, client)
    plan = proxy_plan(graph, view.gateway, view.outbound.for_listeners)
    return Resources(
        clusters=clusters(graph, for_clusters, client),
        endpoints=endpoints(graph, for_clusters, client),
        listeners=listeners(graph, plan.listeners),
        routes=route_tables(graph, plan.route_tables, view.outbound.for_routes),
        secrets=secrets(graph, plan.listeners, for_clusters),
    )


def _of_sidecar(
    graph: Graph, view: ProxyView, inbound: InboundView, client: ClientLocality
) -> Resources | None:
    """What the workload calls, which sidecars of an equal outbound view share, and what calls the
    workload, which its replicas share: joined, for no name is in both.
    """
    outbound = view.outbound
    for_clusters, for_listeners = outbound.for_clusters, outbound.for_listeners
    keys = inbound_listener_keys(graph, inbound)
    own_listeners, own_clusters = listeners(graph, keys), inbound_clusters(graph, inbound)
    if own_clusters is None or len(own_listeners) < len(keys):
        return None
    return Resources(
        clusters=clusters(graph, for_clusters, client).joined(own_clusters),
        endpoints=endpoints(graph, for_clusters, client),
        listeners=encoded_outbound_listeners(graph, for_listeners)
        .without(view.own_addresses)
        .joined(own_listeners),
        routes=mesh_tables(graph, outbound.for_routes),
        secrets=secrets(graph, (), for_clusters),
    )
