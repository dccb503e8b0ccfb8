"""The endpoints of clusters: weights, localities, readiness."""

from tests.support.declared import Declared
from tests.unit.clusters.given import NAME, PARTNER, SERVICE, entry, rule


def test_endpoints_have_weights_and_localities_their_sum() -> None:
    text = entry(
        endpoints="[{address: 10.0.0.1, weight: 3, locality: r1},"
        " {address: 10.0.0.2, weight: 0, locality: r1}, {address: 'unix:///a', locality: r2/z/s}]"
    )

    groups = Declared(text).endpoints()[PARTNER]

    assert [
        (
            group["locality"],
            group["load_balancing_weight"],
            [member["load_balancing_weight"] for member in group["lb_endpoints"]],
        )
        for group in groups
    ] == [
        ({"region": "r1"}, 4, [3, 1]),
        ({"region": "r2", "zone": "z", "sub_zone": "s"}, 1, [1]),
    ]


def test_endpoints_that_are_not_ready_are_left_out_where_envoy_may_panic() -> None:
    text = (
        SERVICE
        + """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, namespace: default, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2], conditions: {ready: false}}]
---
"""
    )

    def count(policy: str) -> int:
        [group] = Declared(text + rule(policy)).endpoints()[NAME]
        return len(group["lb_endpoints"])

    assert count("{outlierDetection: {}}") == 2
    assert count("{outlierDetection: {minHealthPercent: 1}}") == 1


def test_a_path_that_no_socket_can_have_is_no_endpoint() -> None:
    text = entry(endpoints=f"[{{address: 'unix:///{'x' * 120}'}}, {{address: 'unix:///a'}}]")

    groups = Declared(text).endpoints()[PARTNER]

    assert [e["endpoint"]["address"] for e in groups[0]["lb_endpoints"]] == [
        {"pipe": {"path": "/a"}}
    ]
