"""Which fields of DestinationRules shape what leads to a service."""

from collections.abc import Iterator
from dataclasses import replace

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, key_is_of
from controlplane.graph import Graph
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.model.outbound_view import OutboundView, RuleKeys
from controlplane.model.traffic_policy import ConnectionPool, TrafficPolicy
from controlplane.queries.policy.backend_rules import generated_origins, is_generated
from controlplane.queries.policy.rules import governing_rules, merged_rule, rule_of
from controlplane.queries.registry.imported import service_in_view
from controlplane.translate.destination_rules import hash_policies_of, hashes_source_address


def rule_origins(
    graph: Graph, keys: RuleKeys, subset: str | None, port: str | None = None
) -> tuple[FieldRef, ...]:
    """What of the rules that govern a service makes the cluster of one of its subsets: the subset,
    the policy that is used, the rule that decides by its host, and the policies of the Gateway API
    that are about ``port`` (a name; ``None`` for any).
    """
    named = subset_origin(graph, keys, subset) if subset is not None else ()
    written = tuple(key for key in keys if not is_generated(key))
    policy = policy_origin(graph, written)
    seen = {origin.object for origin in (*named, *policy)}
    deciding = tuple(FieldRef(key, ("spec", "host")) for key in written[:1] if key not in seen)
    return (*named, *policy, *deciding, *_generated(graph, keys, port))


def subset_origin(graph: Graph, keys: RuleKeys, name: str) -> tuple[FieldRef, ...]:
    """The subset that is used: the first of its name in the first rule that has it."""
    return tuple(_subsets(graph, keys, name))[:1]


def policy_origin(graph: Graph, keys: RuleKeys) -> tuple[FieldRef, ...]:
    """The ``trafficPolicy`` that is used: that of the first rule with one."""
    written = (key for key in keys if not is_generated(key))
    rules = (rule for key in written if (rule := rule_of(graph, key)) is not None)
    found = (FieldRef(rule.key, ("spec", "trafficPolicy")) for rule in rules if rule.policy)
    return tuple(found)[:1]


def hash_origins(
    graph: Graph, view: OutboundView, host: Host, port: int | None, subset: str | None
) -> tuple[FieldRef, ...]:
    """What gives the hash policies of routes to a destination; none where there are none."""
    keys = _governing(graph, view, host)
    rule = merged_rule(graph, keys)
    if rule is None:
        return ()
    named = rule.subset(subset) if subset else None
    if not hash_policies_of(rule, port, named):
        return ()
    is_of_subset = bool(hash_policies_of(replace(rule, policy=None), port, named))
    if is_of_subset and subset is not None:
        return tuple(at / "trafficPolicy" for at in subset_origin(graph, keys, subset))
    return policy_origin(graph, keys)


def stream_origins(
    graph: Graph, view: OutboundView, host: Host, subset: str | None
) -> tuple[FieldRef, ...]:
    """What says how long streams to a destination last, what they are hashed by and tunnelled
    through; none where no rule says anything of it.
    """
    keys = _governing(graph, view, host)
    rule = merged_rule(graph, keys)
    if rule is None:
        return ()
    named = rule.subset(subset) if subset else None
    narrow = named.policy.policy if named is not None and named.policy else TrafficPolicy()
    wide = rule.policy.policy if rule.policy else TrafficPolicy()
    pool = wide.pool or ConnectionPool()
    hashes = hashes_source_address(rule, named)
    of_subset = narrow.tunnel is not None or (hashes and narrow.load_balancer is not None)
    of_rule = (
        pool.tcp_idle_timeout is not None
        or pool.max_connection_duration is not None
        or (hashes and narrow.load_balancer is None)
        or (wide.tunnel is not None and not subset)
    )
    at = subset_origin(graph, keys, subset) if of_subset and subset is not None else ()
    return (
        *(origin / "trafficPolicy" for origin in at),
        *(policy_origin(graph, keys) if of_rule else ()),
    )


def _governing(graph: Graph, view: OutboundView, host: Host) -> RuleKeys:
    found = service_in_view(graph, host, view)
    if found is None:
        return ()
    return governing_rules(graph, host, found.namespace, view.rule_scope)


def _subsets(graph: Graph, keys: RuleKeys, name: str) -> Iterator[FieldRef]:
    for key in keys:
        rule = rule_of(graph, key)
        for i, subset in enumerate(rule.subsets if rule is not None else ()):
            if subset.name == name:
                yield FieldRef(key, ("spec", "subsets", i))


def _generated(graph: Graph, keys: RuleKeys, port: str | None) -> Iterator[FieldRef]:
    for key in keys:
        if is_generated(key) and key_is_of(key, DESTINATION_RULE):
            yield from generated_origins(graph, key, port)
