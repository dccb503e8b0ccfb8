"""Where everything that proxies of one view have comes from, resource by resource.

It costs about as much as making the resources again, so it is computed in slices of the hosts: who
has an event loop to share lets others run between them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, assert_never

from controlplane.base.locations import FieldRef
from controlplane.base.provenance import BuiltIn, Provenance
from controlplane.base.shelf import SHARDS
from controlplane.envoy.resource import TypeUrl
from controlplane.graph import Graph, guarded
from controlplane.model.plan.listener import ChainPlan
from controlplane.model.plan.proxy import ListenerKey, OutboundListener
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.clusters.cluster_origins import cluster_origins, endpoint_origins
from controlplane.queries.clusters.inbound_clusters import inbound_cluster_origins
from controlplane.queries.listeners.captured_ports import request_origins
from controlplane.queries.listeners.extension_configs import extension_origins
from controlplane.queries.listeners.inbound_listeners import inbound_listener_keys
from controlplane.queries.listeners.listeners import framed
from controlplane.queries.listeners.outbound_listeners import outbound_listeners
from controlplane.queries.listeners.plans import listener_plan, proxy_plan
from controlplane.queries.listeners.secret_origins import secret_origins
from controlplane.queries.patches.patch_origins import patched_origins
from controlplane.queries.routes.mesh_route_origins import mesh_table_origins
from controlplane.queries.routes.route_origins import route_table_origins
from controlplane.queries.snapshot.snapshot import resources

SLICES: Final = 32
"""Of 1,000 hosts, one takes 5 to 15 ms."""

Slice = tuple[Provenance, ...] | None
"""What is of some hosts; ``None`` after an internal error that concerns one of them."""


def origins_by_name(graph: Graph, view: ProxyView, type_url: TypeUrl) -> Mapping[str, Provenance]:
    """What made each resource of a type; nothing of it is kept. None is known after an internal
    error that concerns one of them. Not for use within the graph.
    """
    return joined(origin_slices(graph, view, type_url))


def origin_slices(graph: Graph, view: ProxyView, type_url: TypeUrl) -> Iterator[Slice]:
    """As ``origins_by_name``, but piece by piece, to be ``joined``: each is computed when it is
    asked for. Those from before and after an edit do not fit together.
    """
    graph.pin(resources, view)
    try:
        resources(graph, view)  # where nobody has them, they are made once and not for each slice
        for first in range(0, SHARDS, SHARDS // SLICES):
            yield _slice(graph, view, type_url, first)
    finally:
        graph.unpin(resources, view)


def _slice(graph: Graph, view: ProxyView, type_url: TypeUrl, first: int) -> Slice:
    graph.pin(origins, view, type_url, first)
    try:
        return origins(graph, view, type_url, first)
    finally:
        graph.unpin(origins, view, type_url, first)


def joined(slices: Iterable[Slice]) -> Mapping[str, Provenance]:
    """What all slices of a type say of each resource."""
    found: dict[str, Provenance] = {}
    parts: dict[str, list[Provenance]] = {}
    for slice_ in slices:
        if slice_ is None:
            return {}
        for one in slice_:
            found.setdefault(one.name, one)
            parts.setdefault(one.name, []).extend(one.parts)
    return {name: replace(one, parts=tuple(parts[name])) for name, one in found.items()}


@guarded
def origins(graph: Graph, view: ProxyView, type_url: TypeUrl, first: int) -> Slice:
    """Of each resource of a type, as far as hosts in the shards from ``first`` on decide it."""
    if view.patches:
        before = origins(graph, view.unpatched, type_url, first)
        is_last = first + SHARDS // SLICES == SHARDS
        return patched_origins(graph, view, type_url, before or (), is_last=is_last)
    plan = proxy_plan(graph, view.gateway, view.outbound.for_listeners)
    seen = view.outbound.for_clusters
    shards = range(first, first + SHARDS // SLICES)
    match type_url:
        case TypeUrl.LISTENER:
            keys = (*plan.listeners, *_sidecar_keys(graph, view))
            return tuple(_listener_origins(graph, keys, view)) if 0 in shards else ()
        case TypeUrl.ROUTE:
            if view.inbound is not None:
                return tuple(mesh_table_origins(graph, view.outbound.for_routes, shards))
            return tuple(route_table_origins(graph, plan, view, shards))
        case TypeUrl.CLUSTER:
            outbound = cluster_origins(graph, seen, view.locality, shards)
            return (*outbound, *(_inbound_clusters(graph, view) if 0 in shards else ()))
        case TypeUrl.ENDPOINT:
            return tuple(endpoint_origins(graph, seen, view.locality, shards))
        case TypeUrl.SECRET:
            return tuple(secret_origins(graph, plan, view)) if 0 in shards else ()
        case TypeUrl.EXTENSION:
            return tuple(extension_origins(graph, view)) if 0 in shards else ()
        case TypeUrl.GATEWAY_PROXY:
            return ()
    assert_never(type_url)


def _sidecar_keys(graph: Graph, view: ProxyView) -> tuple[ListenerKey, ...]:
    if view.inbound is None:
        return ()
    outbound = (
        key
        for key in outbound_listeners(graph, view.outbound.for_listeners)
        if key.plan.name not in view.own_addresses
    )
    return (*outbound, *inbound_listener_keys(graph, view.inbound))


def _inbound_clusters(graph: Graph, view: ProxyView) -> Iterator[Provenance]:
    return inbound_cluster_origins(graph, view.inbound) if view.inbound is not None else iter(())


def _listener_origins(
    graph: Graph, keys: tuple[ListenerKey, ...], view: ProxyView
) -> Iterator[Provenance]:
    """Each listener with its chains, but for the one of what no other takes."""
    for key in keys:
        planned = listener_plan(graph, key)
        if planned is None:
            continue
        requests, otherwise = _unsaid(graph, key, view)
        for each in planned.chains:
            framed(graph, each.chain, is_default=False)  # raises where the listener is an older one
        yield Provenance(
            name=planned.name,
            origins=tuple(dict.fromkeys((*requests, *planned.origins))) or (otherwise,),
            parts=tuple(
                Provenance(
                    name=_chain_name(each.chain), origins=each.origins or requests or (otherwise,)
                )
                for each in planned.chains
            ),
        )


def _unsaid(
    graph: Graph, key: ListenerKey, view: ProxyView
) -> tuple[tuple[FieldRef, ...], BuiltIn]:
    """What made a listener and its chains besides what they say: the ports of services that share
    them, else what sidecars have anyway.
    """
    if not isinstance(key, OutboundListener):
        return (), BuiltIn.SIDECAR
    seen = view.outbound.for_listeners
    return request_origins(graph, seen, key.plan.address), BuiltIn.UNKNOWN_TRAFFIC


def _chain_name(chain: ChainPlan) -> str:
    return chain.name or ", ".join(chain.match.server_names)
