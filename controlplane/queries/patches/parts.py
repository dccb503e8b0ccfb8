"""The parts of what a proxy is sent that are patched alike, and each part before it is patched.

Sidecars share what their workloads call, so that is patched once for all that have the same
patches.
"""

from dataclasses import dataclass, field
from typing import assert_never

from controlplane.base.hashing import hashed_once
from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.graph import Graph
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import ClientLocality, OutboundView
from controlplane.model.patch import PatchContext, PatchReference
from controlplane.model.proxy_view import GatewayInstance
from controlplane.queries.clusters.cluster_shelves import clusters, locality_use
from controlplane.queries.clusters.inbound_clusters import inbound_clusters
from controlplane.queries.listeners.inbound_listeners import inbound_listener_keys
from controlplane.queries.listeners.listeners import listeners
from controlplane.queries.listeners.outbound_listeners import encoded_outbound_listeners
from controlplane.queries.listeners.plans import proxy_plan
from controlplane.queries.routes.mesh_tables import mesh_tables
from controlplane.queries.routes.routes import route_tables


@dataclass(frozen=True, slots=True)
class GatewayPart:
    """Everything of a gateway."""

    instance: GatewayInstance
    outbound: OutboundView
    locality: ClientLocality


@dataclass(frozen=True, slots=True)
class OutboundPart:
    """What the workload of a sidecar calls."""

    outbound: OutboundView
    locality: ClientLocality


@dataclass(frozen=True, slots=True)
class InboundPart:
    """What calls the workload of a sidecar."""

    inbound: InboundView


Part = GatewayPart | OutboundPart | InboundPart


@hashed_once
@dataclass(frozen=True, slots=True)
class PatchedPart:
    """A part, and the patches of it in the order in which they are applied."""

    part: Part
    patches: tuple[PatchReference, ...]
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def context(self) -> PatchContext:
        match self.part:
            case GatewayPart():
                return PatchContext.GATEWAY
            case OutboundPart():
                return PatchContext.SIDECAR_OUTBOUND
            case InboundPart():
                return PatchContext.SIDECAR_INBOUND
        assert_never(self.part)


def unpatched(graph: Graph, part: Part, type_url: TypeUrl) -> Shelf[Resource] | None:
    """``None`` while an internal error keeps it from being known."""
    match part:
        case InboundPart(inbound=inbound):
            return _inbound(graph, inbound, type_url)
        case GatewayPart() | OutboundPart():
            return _outbound(graph, part, type_url)
    assert_never(part)


def _inbound(graph: Graph, view: InboundView, type_url: TypeUrl) -> Shelf[Resource] | None:
    if type_url is TypeUrl.CLUSTER:
        return inbound_clusters(graph, view)
    assert type_url is TypeUrl.LISTENER, "the routes to a workload are in its listeners"
    keys = inbound_listener_keys(graph, view)
    found = listeners(graph, keys)
    return found if len(found) == len(keys) else None


def _outbound(graph: Graph, part: GatewayPart | OutboundPart, type_url: TypeUrl) -> Shelf[Resource]:
    view = part.outbound
    if type_url is TypeUrl.CLUSTER:
        for_clusters = view.for_clusters
        return clusters(graph, for_clusters, part.locality.only(locality_use(graph, for_clusters)))
    is_listener = type_url is TypeUrl.LISTENER
    if isinstance(part, GatewayPart):
        plan = proxy_plan(graph, part.instance, view.for_listeners)
        if is_listener:
            return listeners(graph, plan.listeners)
        return route_tables(graph, plan.route_tables, view.for_routes)
    if is_listener:
        return encoded_outbound_listeners(graph, view.for_listeners)
    return mesh_tables(graph, view.for_routes)
