"""Which policy a port and a subset get, and what requests are hashed by."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.base.names import Host, Kind, Namespace, ObjectKey
from controlplane.model.routing import HashPolicy, HeaderHash, QueryHash
from controlplane.model.tls_upstream import Plaintext
from controlplane.model.traffic_policy import (
    ConnectionPool,
    LoadBalancer,
    OutlierDetection,
    ProxyProtocol,
    Random,
    RingHash,
    TrafficPolicy,
)
from controlplane.translate.destination_rules import (
    DestinationRule,
    PolicyByPort,
    Subset,
    effective_policy,
    hash_policies_of,
    merged_rules,
)
from tests.support.declared import Declared
from tests.support.routes import GATEWAY, SERVICES, routes, virtual_service

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


def test_the_narrowest_policy_that_hashes_is_used() -> None:
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


def hashing(host: str, policy: str, subsets: str = "[]") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {host}, namespace: default}}
spec: {{host: {host}, trafficPolicy: {policy}, subsets: {subsets}}}
---
"""


def by(hash_key: str) -> str:
    return f"{{loadBalancer: {{consistentHash: {{{hash_key}}}}}}}"


def hashes(destinations: str, *rules: str) -> list[dict[str, Any]]:
    """The ``hash_policy`` of a route to ``destinations``."""
    text = GATEWAY + SERVICES + virtual_service(f"[{{route: {destinations}}}]") + "".join(rules)
    [route] = routes(Declared(text))
    found: list[dict[str, Any]] = route["route"].get("hash_policy", [])
    return found


SHOP = "[{destination: {host: shop}}]"


@pytest.mark.parametrize(
    ("hash_key", "expected"),
    [
        ("httpHeaderName: x-user", {"header": {"header_name": "x-user"}}),
        ("httpQueryParameterName: q", {"query_parameter": {"name": "q"}}),
        ("useSourceIp: true", {"connection_properties": {"source_ip": True}}),
        ("httpCookie: {name: a}", {"cookie": {"name": "a"}}),
        ("httpCookie: {name: a, ttl: 0s}", {"cookie": {"name": "a", "ttl": "0s"}}),
        (
            "httpCookie: {name: a, ttl: 9s, path: /p,"
            " attributes: [{name: SameSite, value: Lax}, {name: Secure}]}",
            {
                "cookie": {
                    "name": "a",
                    "ttl": "9s",
                    "path": "/p",
                    "attributes": [{"name": "SameSite", "value": "Lax"}, {"name": "Secure"}],
                }
            },
        ),
    ],
    ids=[
        "a header",
        "a parameter",
        "where the client is",
        "a cookie that is only read",
        "a cookie of the session",
        "a cookie that lasts",
    ],
)
def test_what_requests_are_hashed_by(hash_key: str, expected: dict[str, Any]) -> None:
    assert hashes(SHOP, hashing("shop", by(hash_key))) == [expected]


def test_settings_of_a_port_hash_only_where_the_destination_names_it() -> None:
    ports = "{portLevelSettings: [{port: {number: 80}, loadBalancer: %s}]}"
    rule = hashing("shop", ports % "{consistentHash: {httpHeaderName: x}}")

    assert hashes(SHOP, rule) == []
    assert hashes("[{destination: {host: shop, port: {number: 80}}}]", rule) == [
        {"header": {"header_name": "x"}}
    ]


def test_hashes_of_several_destinations_are_put_together() -> None:
    both = "[{destination: {host: shop}, weight: 1}, {destination: {host: reviews}, weight: 2}]"
    rules = hashing("shop", by("httpHeaderName: x")), hashing("reviews", by("useSourceIp: true"))

    assert hashes(both, *rules) == [
        {"header": {"header_name": "x"}},
        {"connection_properties": {"source_ip": True}},
    ]
