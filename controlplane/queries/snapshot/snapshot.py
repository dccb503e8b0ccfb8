"""Everything that proxies of one view are to have: a shelf of resources for each type."""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.graph import Graph, guarded
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.clusters.cluster_shelves import clusters, endpoints, locality_use
from controlplane.queries.listeners.listeners import listeners
from controlplane.queries.listeners.plans import proxy_plan
from controlplane.queries.listeners.secrets import secrets
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
    plan = proxy_plan(graph, view.gateway, view.outbound.for_listeners)
    return Resources(
        clusters=clusters(graph, for_clusters, client),
        endpoints=endpoints(graph, for_clusters, client),
        listeners=listeners(graph, plan.listeners),
        routes=route_tables(graph, plan.route_tables, view.outbound.for_routes),
        secrets=secrets(graph, plan.listeners, for_clusters),
    )
