"""The policy that DestinationRules give a destination: for its cluster, and for routes to it.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/
"""

from datetime import timedelta

from controlplane.base.names import Host
from controlplane.graph import Graph, guarded
from controlplane.model.outbound_view import OutboundView, RuleKeys
from controlplane.model.routing import HashPolicy
from controlplane.model.traffic_policy import TrafficPolicy, Tunnel
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.rules import merged_rule, rule_for
from controlplane.translate.destination_rules import (
    effective_policy,
    hash_policies_of,
    hashes_source_address,
)
from controlplane.translate.istio.traffic_policy import connection_pool, outlier_detection


@guarded(first=TrafficPolicy())
def mesh_policy(graph: Graph) -> TrafficPolicy:
    """The blocks that the mesh gives to every destination without its own."""
    default = mesh_config(graph).default_traffic_policy
    if default is None:
        return TrafficPolicy()
    return TrafficPolicy(
        pool=connection_pool(default.connection_pool),
        outlier=outlier_detection(default.outlier_detection),
    )


def policy_for(graph: Graph, keys: RuleKeys, port: int, subset_name: str | None) -> TrafficPolicy:
    """The policy that merged rules give a port and a subset, filled from the mesh's."""
    rule = merged_rule(graph, keys)
    subset = rule.subset(subset_name) if rule is not None and subset_name else None
    return effective_policy(rule, port, subset, mesh_policy(graph))


def hash_policies(
    graph: Graph, view: OutboundView, host: Host, port: int | None, subset: str | None
) -> tuple[HashPolicy, ...]:
    """What requests to a destination are hashed by; none where its balancer does not hash."""
    rule = rule_for(graph, view, host)
    if rule is None:
        return ()
    return hash_policies_of(rule, port, rule.subset(subset) if subset else None)


def hashes_source(graph: Graph, view: OutboundView, host: Host, subset: str | None) -> bool:
    """Whether connections to a destination are hashed by where they come from."""
    rule = rule_for(graph, view, host)
    if rule is None:
        return False
    return hashes_source_address(rule, rule.subset(subset) if subset else None)


def tcp_idle_timeout(graph: Graph, view: OutboundView, host: Host) -> timedelta | None:
    """How long a TCP connection may be idle; zero is forever. Only the rule's top level is used, as
    in Istio.
    """
    policy = _top_policy(graph, view, host)
    return None if policy.pool is None else policy.pool.tcp_idle_timeout


def max_connection_duration(graph: Graph, view: OutboundView, host: Host) -> timedelta | None:
    policy = _top_policy(graph, view, host)
    return None if policy.pool is None else policy.pool.max_connection_duration


def tunnel(graph: Graph, view: OutboundView, host: Host, subset: str | None) -> Tunnel | None:
    """The tunnel of the subset alone where one is named, else of the rule."""
    rule = rule_for(graph, view, host)
    if rule is None:
        return None
    if subset:
        named = rule.subset(subset)
        return named.policy.policy.tunnel if named is not None and named.policy else None
    return rule.policy.policy.tunnel if rule.policy is not None else None


def _top_policy(graph: Graph, view: OutboundView, host: Host) -> TrafficPolicy:
    rule = rule_for(graph, view, host)
    if rule is None or rule.policy is None:
        return TrafficPolicy()
    return rule.policy.policy
