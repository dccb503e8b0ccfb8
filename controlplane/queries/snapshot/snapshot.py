"""Everything that proxies of one view are to have: a shelf of resources for each type."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.graph import Graph, derived, guarded
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import ClientLocality, OutboundView
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.clusters.cluster_shelves import clusters, endpoints, locality_use
from controlplane.queries.clusters.inbound_clusters import inbound_clusters
from controlplane.queries.listeners.extension_configs import extension_configs, extensions_in
from controlplane.queries.listeners.inbound_listeners import inbound_listener_keys
from controlplane.queries.listeners.listeners import listeners
from controlplane.queries.listeners.outbound_listeners import encoded_outbound_listeners
from controlplane.queries.listeners.plans import proxy_plan
from controlplane.queries.listeners.secrets import secrets
from controlplane.queries.patches.named_resources import extensions
from controlplane.queries.patches.patch_secrets import patch_secrets
from controlplane.queries.patches.patched_views import for_running, patched_of_view
from controlplane.queries.routes.mesh_tables import mesh_tables
from controlplane.queries.routes.routes import route_tables

NO_EXTENSIONS: Final[Shelf[Resource]] = shelf({})


@dataclass(frozen=True, slots=True)
class Resources:
    """One shelf for each type; a shelf in which nothing changed is the same object as before."""

    clusters: Shelf[Resource]
    endpoints: Shelf[Resource]
    listeners: Shelf[Resource]
    routes: Shelf[Resource]
    secrets: Shelf[Resource]
    extensions: Shelf[Resource] = NO_EXTENSIONS
    for_running: tuple[tuple[TypeUrl, tuple[Resource, ...]], ...] = ()
    """By type, what only proxies are to have that have a resource of the name already."""

    def __iter__(self) -> Iterator[tuple[TypeUrl, Shelf[Resource]]]:
        yield TypeUrl.CLUSTER, self.clusters
        yield TypeUrl.ENDPOINT, self.endpoints
        yield TypeUrl.LISTENER, self.listeners
        yield TypeUrl.ROUTE, self.routes
        yield TypeUrl.SECRET, self.secrets
        yield TypeUrl.EXTENSION, self.extensions


@guarded
def resources(graph: Graph, view: ProxyView) -> Resources | None:
    """Runs again when any resource of this view comes, goes or changes.

    ``None`` while an internal error keeps those of one type from being known at all: a proxy that
    has some must not be sent an empty set.
    """
    if view.patches:
        return _patched(graph, view)
    outbound, inbound = view.outbound, view.inbound
    if inbound is None:
        return _with_extensions(graph, view, _of_gateway(graph, view))
    shared = outbound_resources(graph, outbound, view.locality)
    all_clusters = sidecar_clusters(graph, outbound, view.locality, inbound)
    all_listeners = sidecar_listeners(graph, outbound, view.own_addresses, inbound)
    if all_clusters is None or all_listeners is None:
        return None
    found = replace(shared, clusters=all_clusters, listeners=all_listeners)
    return _with_extensions(graph, view, found)


def _with_extensions(graph: Graph, view: ProxyView, found: Resources) -> Resources:
    keys = extensions_in(view)
    return replace(found, extensions=extension_configs(graph, keys)) if keys else found


def _of_gateway(graph: Graph, view: ProxyView) -> Resources:
    plan = proxy_plan(graph, view.gateway, view.outbound.for_listeners)
    for_clusters = view.outbound.for_clusters
    client = _client(graph, view.outbound, view.locality)
    return Resources(
        clusters=clusters(graph, for_clusters, client),
        endpoints=endpoints(graph, for_clusters, client),
        listeners=listeners(graph, plan.listeners),
        routes=route_tables(graph, plan.route_tables, view.outbound.for_routes),
        secrets=secrets(graph, plan.listeners, for_clusters),
    )


def _patched(graph: Graph, view: ProxyView) -> Resources | None:
    """As the EnvoyFilters that are attached to the view leave what is otherwise sent."""
    before = resources(graph, view.unpatched)
    if before is None:
        return None
    all_clusters = patched_of_view(graph, view, TypeUrl.CLUSTER)
    all_listeners = patched_of_view(graph, view, TypeUrl.LISTENER)
    tables = patched_of_view(graph, view, TypeUrl.ROUTE)
    if all_clusters is None or all_listeners is None or tables is None:
        return None
    return replace(
        before,
        clusters=all_clusters,
        listeners=all_listeners,
        routes=tables,
        secrets=before.secrets.joined(patch_secrets(graph, view)),
        extensions=_joined(before.extensions, extensions(graph, view.patches)),
        for_running=tuple(
            (type_url, found)
            for type_url in (TypeUrl.CLUSTER, TypeUrl.LISTENER, TypeUrl.ROUTE)
            if (found := for_running(graph, view, type_url))
        ),
    )


def _joined(own: Shelf[Resource], added: Shelf[Resource]) -> Shelf[Resource]:
    """What users' extensions have, and what patches add under other names."""
    return own.joined(added.without(own))


def _client(graph: Graph, view: OutboundView, place: ClientLocality) -> ClientLocality:
    return place.only(locality_use(graph, view.for_clusters))


@derived
def outbound_resources(graph: Graph, view: OutboundView, place: ClientLocality) -> Resources:
    """What workloads call, which all sidecars of an equal view share; without what calls each."""
    for_clusters, client = view.for_clusters, _client(graph, view, place)
    return Resources(
        clusters=clusters(graph, for_clusters, client),
        endpoints=endpoints(graph, for_clusters, client),
        listeners=encoded_outbound_listeners(graph, view.for_listeners),
        routes=mesh_tables(graph, view.for_routes),
        secrets=secrets(graph, (), for_clusters),
    )


@derived
def sidecar_clusters(
    graph: Graph, view: OutboundView, place: ClientLocality, inbound: InboundView
) -> Shelf[Resource] | None:
    """The clusters of ``outbound_resources`` with those that lead to the workload, for no name is
    in both. Separate from ``resources``, so that an edit of endpoints or routes joins nothing.
    """
    own = inbound_clusters(graph, inbound)
    if own is None:
        return None
    return clusters(graph, view.for_clusters, _client(graph, view, place)).joined(own)


@derived
def sidecar_listeners(
    graph: Graph, view: OutboundView, own: tuple[str, ...], inbound: InboundView
) -> Shelf[Resource] | None:
    """As ``sidecar_clusters``, listeners; without those for the workload's ``own`` addresses."""
    keys = inbound_listener_keys(graph, inbound)
    inward = listeners(graph, keys)
    if len(inward) < len(keys):
        return None
    outward = encoded_outbound_listeners(graph, view.for_listeners)
    return outward.without(own).joined(inward)
