"""Rules for destinations, as they are declared: how several for one host are merged, and what a
client gets of one.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.model.proxy import Labels
from controlplane.model.routing import HashPolicy, SourceIpHash
from controlplane.model.traffic_policy import NO_POLICY, LoadBalancer, TrafficPolicy
from controlplane.model.visibility import EVERYONE, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyByPort:
    """A policy, and the ports that have one of their own (which inherits nothing)."""

    policy: TrafficPolicy = NO_POLICY
    ports: tuple[tuple[int, TrafficPolicy], ...] = ()

    def of_port(self, number: int) -> TrafficPolicy | None:
        return next((policy for port, policy in self.ports if port == number), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    name: str
    labels: Labels = ()
    policy: PolicyByPort | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRule:
    """A rule for a host. ``selector`` of ``None`` is every client that sees it; else it is one
    namespace's.

    ``policy`` of ``None`` means that the rule has only subsets. ``export_to`` holds the namespaces
    that the user wrote (``*`` among them), and is empty where the mesh's default decides.
    ``is_generated`` is what policies of the Gateway API for a backend make; rules of the user's
    override it.
    """

    key: ObjectKey
    host: Host
    policy: PolicyByPort | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: frozenset[str] = frozenset()
    visibility: Visibility = EVERYONE
    selector: Labels | None = None
    created: str = ""
    is_generated: bool = False

    @property
    def namespace(self) -> Namespace:
        return self.key.namespace

    @property
    def is_private(self) -> bool:
        """Whether its own namespace alone sees it."""
        return not self.visibility.is_public and self.visibility.namespaces <= {self.namespace}

    def subset(self, name: str) -> Subset | None:
        return next((subset for subset in self.subsets if subset.name == name), None)


def effective_policy(
    rule: DestinationRule | None, port: int, subset: Subset | None, defaults: TrafficPolicy
) -> TrafficPolicy:
    """The policy for one port of a destination.

    A port's own policy replaces the rule's; a subset then replaces the blocks that it sets,
    and a subset's policy for the port replaces four blocks, set or not. ``defaults`` (the mesh's)
    fill pool and outlier detection at last. Source: Istio ``MergeTrafficPolicy``.
    """
    base = NO_POLICY
    if rule is not None and rule.policy is not None:
        base = rule.policy.of_port(port) or rule.policy.policy
    if subset is not None and subset.policy is not None:
        base = _overridden(base, subset.policy, port)
    return replace(
        base,
        pool=base.pool or defaults.pool,
        outlier=base.outlier or defaults.outlier,
    )


def _overridden(base: TrafficPolicy, subset: PolicyByPort, port: int) -> TrafficPolicy:
    own = subset.policy
    merged = _filled(own, base)
    of_port = subset.of_port(port)
    if of_port is None:
        return merged
    return replace(
        merged,
        load_balancer=of_port.load_balancer,
        pool=of_port.pool,
        outlier=of_port.outlier,
        tls=of_port.tls,
    )


def hash_policies_of(
    rule: DestinationRule, port: int | None, subset: Subset | None
) -> tuple[HashPolicy, ...]:
    """What requests are hashed by: the narrowest policy that asks for hashing, even where the
    subset does not.

    Source: Istio ``hashForHTTPDestination``: subset and port, subset, port, rule.
    """
    narrow = subset.policy if subset is not None else None
    wide = rule.policy
    candidates = (
        narrow.of_port(port) if narrow is not None and port is not None else None,
        narrow.policy if narrow is not None else None,
        wide.of_port(port) if wide is not None and port is not None else None,
        wide.policy if wide is not None else None,
    )
    for policy in candidates:
        balancer = policy.load_balancer if policy is not None else None
        if balancer is not None and balancer.hash_policies:
            return balancer.hash_policies
    return ()


def hashes_source_address(rule: DestinationRule, subset: Subset | None) -> bool:
    """Whether connections are hashed by where they come from: by the subset's balancer where it has
    one, else by the rule's; those of ports are ignored.

    Source: Istio ``maybeSetHashPolicy``.
    """
    held = (subset.policy if subset is not None else None, rule.policy)
    balancers = (h.policy.load_balancer for h in held if h is not None)
    decisive = next((balancer for balancer in balancers if balancer is not None), LoadBalancer())
    return any(isinstance(policy, SourceIpHash) for policy in decisive.hash_policies)


def merged_rules(rules: tuple[DestinationRule, ...]) -> DestinationRule:
    """Several rules for one host as one: the first decides, later ones add subsets, or a policy
    where it has none. Above one that is generated, each sets what it says.
    """
    first = rules[0]
    subsets: Mapping[str, Subset] = {
        subset.name: subset for rule in reversed(rules) for subset in reversed(rule.subsets)
    }
    return replace(
        first,
        policy=_merged_policy(rules),
        subsets=tuple(
            subsets[name]
            for name in dict.fromkeys(subset.name for rule in rules for subset in rule.subsets)
        ),
    )


def _merged_policy(rules: tuple[DestinationRule, ...]) -> PolicyByPort | None:
    """Source: Istio ``mergeDestinationRule``: a generated rule is the first, and then not only the
    first of the others sets something.
    """
    policies = [rule.policy for rule in rules if rule.policy is not None]
    if not policies or not rules[0].is_generated:
        return policies[0] if policies else None
    merged = policies[0]
    for policy in policies[1:]:
        merged = _over(policy, merged)
    return merged


def _over(user: PolicyByPort, below: PolicyByPort) -> PolicyByPort:
    """The blocks that the user sets, else those ``below``; so for each port that has its own."""
    ports = dict(below.ports)
    for number, policy in user.ports:
        ports[number] = _filled(policy, ports.get(number, NO_POLICY))
    return PolicyByPort(
        policy=_filled(user.policy, below.policy),
        ports=tuple(sorted(ports.items(), key=lambda port: port[0])),
    )


def _filled(own: TrafficPolicy, below: TrafficPolicy) -> TrafficPolicy:
    return TrafficPolicy(
        load_balancer=own.load_balancer or below.load_balancer,
        pool=own.pool or below.pool,
        outlier=own.outlier or below.outlier,
        tls=own.tls or below.tls,
        tunnel=own.tunnel or below.tunnel,
        proxy_protocol=own.proxy_protocol or below.proxy_protocol,
        retry_budget=own.retry_budget or below.retry_budget,
    )
