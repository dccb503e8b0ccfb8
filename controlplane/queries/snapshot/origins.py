"""Where everything that proxies of one view have comes from, resource by resource."""

from collections.abc import Iterator, Mapping
from typing import Final, assert_never

from controlplane.base.provenance import Provenance
from controlplane.envoy.resource import TypeUrl
from controlplane.graph import Graph, guarded
from controlplane.model.plan.proxy import ProxyPlan
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.clusters.cluster_origins import cluster_origins, endpoint_origins
from controlplane.queries.listeners.listeners import framed
from controlplane.queries.listeners.plans import listener_plan, proxy_plan
from controlplane.queries.listeners.secret_origins import secret_origins
from controlplane.queries.routes.route_origins import route_table_origins

_NONE: Final[tuple[Provenance, ...]] = ()


def origins_by_name(graph: Graph, view: ProxyView, type_url: TypeUrl) -> Mapping[str, Provenance]:
    """What made each resource of a type; nothing of it is kept. Not for use within the graph."""
    graph.pin(origins, view, type_url)
    try:
        return {found.name: found for found in origins(graph, view, type_url)}
    finally:
        graph.unpin(origins, view, type_url)


@guarded(first=_NONE)
def origins(graph: Graph, view: ProxyView, type_url: TypeUrl) -> tuple[Provenance, ...]:
    """Of each resource of a type. Costs about as much as making them anew. None is known after an
    internal error that concerns one of them.
    """
    plan = proxy_plan(graph, view.gateway, view.outbound.for_listeners)
    seen = view.outbound.for_clusters
    match type_url:
        case TypeUrl.LISTENER:
            return tuple(_listener_origins(graph, plan))
        case TypeUrl.ROUTE:
            return tuple(route_table_origins(graph, plan, view))
        case TypeUrl.CLUSTER:
            return tuple(cluster_origins(graph, seen, view.locality))
        case TypeUrl.ENDPOINT:
            return tuple(endpoint_origins(graph, seen, view.locality))
        case TypeUrl.SECRET:
            return tuple(secret_origins(graph, plan, view))
    assert_never(type_url)


def _listener_origins(graph: Graph, plan: ProxyPlan) -> Iterator[Provenance]:
    for planned in (listener_plan(graph, key) for key in plan.listeners):
        if planned is not None:
            chains = (each for each in planned.chains if framed(graph, each.chain) is not None)
            yield Provenance(
                name=planned.name,
                origins=planned.origins,
                parts=tuple(
                    Provenance(name=", ".join(c.chain.match.server_names), origins=c.origins)
                    for c in chains
                ),
            )
