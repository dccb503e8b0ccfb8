"""Which policy a port and a subset get, and what requests are hashed by."""

from datetime import timedelta

from controlplane.base.names import Host
from controlplane.base.names import Kind
from controlplane.base.names import Namespace
from controlplane.base.names import ObjectKey
from controlplane.model.routing import HashPolicy
from controlplane.model.routing import HeaderHash
from controlplane.model.routing import QueryHash
from controlplane.model.tls_upstream import Plaintext
from controlplane.model.traffic_policy import ConnectionPool
from controlplane.model.traffic_policy import DestinationRule
from controlplane.model.traffic_policy import LoadBalancer
from controlplane.model.traffic_policy import OutlierDetection
from controlplane.model.traffic_policy import PolicyByPort
from controlplane.model.traffic_policy import ProxyProtocol
from controlplane.model.traffic_policy import Random
from controlplane.model.traffic_policy import RingHash
from controlplane.model.traffic_policy import Subset
from controlplane.model.traffic_policy import TrafficPolicy
from controlplane.model.traffic_policy import effective_policy
from controlplane.model.traffic_policy import hash_policies_of
from controlplane.model.traffic_policy import merged_rules

NOTHING = TrafficPolicy()
OUTLIER = OutlierDetection(consecutive_5xx=3)
POOL = ConnectionPool(connect_timeout=timedelta(seconds=2))
OTHER_POOL = ConnectionPool(max_connections=7)
RANDOM = LoadBalancer(balancer=Random())


def rule(
    policy: PolicyByPort | None = None, subsets: tuple[Subset, ...] = (), name: str = "reviews"
) -> DestinationRule:
    return DestinationRule(
        key=ObjectKey(Kind("", "DestinationRule"), Namespace("default"), name),
        host=Host("reviews.default"),
        policy=policy,
        subsets=subsets,
    )


def hashed(by: HashPolicy) -> TrafficPolicy:
    return TrafficPolicy(load_balancer=LoadBalancer(balancer=RingHash(), hash_policies=(by,)))


def test_without_a_rule_the_mesh_says_all() -> None:
    assert effective_policy(None, 80, None, TrafficPolicy(pool=POOL)) == TrafficPolicy(pool=POOL)


def test_the_policy_of_a_port_inherits_nothing() -> None:
    base = PolicyByPort(
        policy=TrafficPolicy(outlier=OUTLIER, tls=Plaintext(), proxy_protocol=ProxyProtocol.V1),
        ports=((80, TrafficPolicy(load_balancer=RANDOM)),),
    )

    assert effective_policy(rule(base), 80, None, NOTHING) == TrafficPolicy(load_balancer=RANDOM)
    assert effective_policy(rule(base), 81, None, NOTHING).outlier == OUTLIER


def test_a_subset_replaces_the_blocks_that_it_sets() -> None:
    base = PolicyByPort(policy=TrafficPolicy(outlier=OUTLIER, pool=POOL))
    subset = Subset(name="v1", policy=PolicyByPort(policy=TrafficPolicy(pool=OTHER_POOL)))

    policy = effective_policy(rule(base, (subset,)), 80, subset, NOTHING)

    assert policy == TrafficPolicy(outlier=OUTLIER, pool=OTHER_POOL)


def test_a_port_of_a_subset_wipes_the_four_blocks_that_it_leaves_out() -> None:
    base = PolicyByPort(
        policy=TrafficPolicy(outlier=OUTLIER, pool=POOL, proxy_protocol=ProxyProtocol.V2)
    )
    ports = ((80, TrafficPolicy(load_balancer=RANDOM)),)
    subset = Subset(name="v1", policy=PolicyByPort(ports=ports))

    policy = effective_policy(rule(base, (subset,)), 80, subset, NOTHING)

    assert policy == TrafficPolicy(load_balancer=RANDOM, proxy_protocol=ProxyProtocol.V2)


def test_the_mesh_fills_pool_and_outlier_detection_at_last() -> None:
    mesh = TrafficPolicy(pool=POOL, outlier=OUTLIER)
    base = PolicyByPort(policy=TrafficPolicy(pool=OTHER_POOL))

    policy = effective_policy(rule(base), 80, None, mesh)

    assert policy == TrafficPolicy(pool=OTHER_POOL, outlier=OUTLIER)


def test_a_subset_that_does_not_hash_keeps_the_hash_of_its_rule() -> None:
    base = PolicyByPort(policy=hashed(HeaderHash(name="x-user")))
    subset = Subset(name="v1", policy=PolicyByPort(policy=TrafficPolicy(load_balancer=RANDOM)))

    assert hash_policies_of(rule(base, (subset,)), 80, subset) == (HeaderHash(name="x-user"),)


def test_the_narrowest_policy_that_hashes_counts() -> None:
    base = PolicyByPort(
        policy=hashed(HeaderHash(name="a")), ports=((80, hashed(HeaderHash(name="b"))),)
    )
    subset = Subset(name="v1", policy=PolicyByPort(policy=hashed(QueryHash(name="c"))))
    found = rule(base, (subset,))

    assert hash_policies_of(found, 81, None) == (HeaderHash(name="a"),)
    assert hash_policies_of(found, 80, None) == (HeaderHash(name="b"),)
    assert hash_policies_of(found, 80, subset) == (QueryHash(name="c"),)


def test_merged_rules_keep_the_first_policy_and_every_subset_once() -> None:
    first = rule(None, (Subset(name="v1", labels=(("version", "1"),)),), "a")
    second = rule(
        PolicyByPort(policy=TrafficPolicy(pool=POOL)), (Subset(name="v1"), Subset(name="v2")), "b"
    )
    third = rule(PolicyByPort(policy=TrafficPolicy(pool=OTHER_POOL)), (), "c")

    merged = merged_rules((first, second, third))

    assert merged.key.name == "a"
    assert merged.policy == PolicyByPort(policy=TrafficPolicy(pool=POOL))
    assert merged.subsets == (Subset(name="v1", labels=(("version", "1"),)), Subset(name="v2"))
