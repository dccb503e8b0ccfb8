"""What the mesh's own TLS is to offer for requests that a route sends to a destination."""

from controlplane.base.names import Host
from controlplane.graph import Graph
from controlplane.model.outbound_view import OutboundView
from controlplane.model.routing import Offer
from controlplane.queries.clusters.clusters import mesh_defaults
from controlplane.queries.policy.policies import policy_for
from controlplane.queries.policy.rules import governing_rules
from controlplane.queries.registry.services import service_for
from controlplane.translate.offers import offer_of


def offer(
    graph: Graph, view: OutboundView, host: Host, number: int, subset: str | None
) -> Offer | None:
    """``host`` and ``number`` are those of the cluster; ``None`` leaves it to the cluster."""
    service = service_for(graph, host, view.namespace, view.role)
    port = service.port(number) if service is not None else None
    if service is None or port is None:
        return None
    rules = governing_rules(graph, host, service.namespace, view.rule_scope)
    policy = policy_for(graph, rules, port.number, subset)
    return offer_of(service, port, policy, mesh_defaults(graph), view.role)
