"""The plan of each kind of proxy: the one place that distinguishes them."""

from typing import assert_never

from controlplane.graph import Graph, derived
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.listener import ListenerPlan
from controlplane.model.plan.proxy import (
    GatewayListener,
    InboundListener,
    ListenerKey,
    OutboundListener,
    ProxyPlan,
)
from controlplane.model.proxy_view import GatewayInstance
from controlplane.queries.listeners.gateway_listeners import gateway_listener_plan
from controlplane.queries.listeners.inbound_listeners import inbound_listener_plan
from controlplane.queries.selection.gateways import addresses, gateway_tables


@derived
def proxy_plan(graph: Graph, instance: GatewayInstance | None, view: OutboundView) -> ProxyPlan:
    """Runs again when a listener comes or goes, or the servers of a route table change."""
    match instance:
        case GatewayInstance():
            return ProxyPlan(
                listeners=tuple(
                    GatewayListener(instance=instance, view=view, address=address)
                    for address in addresses(graph, instance)
                ),
                route_tables=gateway_tables(graph, instance),
            )
        case None:
            return ProxyPlan()
    assert_never(instance)


def listener_plan(graph: Graph, key: ListenerKey) -> ListenerPlan | None:
    """``None`` where nothing is served there."""
    match key:
        case GatewayListener():
            return gateway_listener_plan(graph, key)
        case InboundListener():
            return inbound_listener_plan(graph, key)
        case OutboundListener():
            return key.plan
    assert_never(key)
