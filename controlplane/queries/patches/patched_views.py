"""What a proxy is sent to whom EnvoyFilters are attached, of the types that they may change."""

from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.graph import Graph, derived
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.patches.named_resources import out_of_place, patched_shelf
from controlplane.queries.patches.parts import (
    GatewayPart,
    InboundPart,
    OutboundPart,
    PatchedPart,
)


def parts_of(view: ProxyView, type_url: TypeUrl) -> tuple[PatchedPart, ...]:
    """What is patched of a view, part by part."""
    if view.gateway is not None:
        of_gateway = GatewayPart(view.gateway, view.outbound, view.locality)
        return (PatchedPart(of_gateway, view.patches),)
    outbound = PatchedPart(OutboundPart(view.outbound, view.locality), view.patches)
    if view.inbound is None or type_url is TypeUrl.ROUTE:
        return (outbound,)
    return (outbound, PatchedPart(InboundPart(view.inbound), view.patches))


@derived
def patched_of_view(graph: Graph, view: ProxyView, type_url: TypeUrl) -> Shelf[Resource] | None:
    """Runs again when a resource of the type comes, goes or changes."""
    found: Shelf[Resource] | None = None
    for part in parts_of(view, type_url):
        of_part = patched_shelf(graph, part, type_url)
        if of_part is None:
            return None
        if type_url is TypeUrl.LISTENER and isinstance(part.part, OutboundPart):
            of_part = of_part.without(view.own_addresses)
        added = (
            of_part if found is None else of_part.without(name for name in of_part if name in found)
        )
        found = added if found is None else found.joined(added)
    return found


def for_running(graph: Graph, view: ProxyView, type_url: TypeUrl) -> tuple[Resource, ...]:
    """The resources of a type that only proxies are to have that have one of the name."""
    return tuple(
        each.for_running
        for part in parts_of(view, type_url)
        for _, each in out_of_place(graph, part, type_url)
        if each.for_running is not None
    )
