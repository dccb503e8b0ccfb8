"""Which endpoints a client turns to first, and how much each locality gets."""

import pytest

from controlplane.model.endpoint import Endpoint
from controlplane.model.locality import (
    NEAR_NODE,
    NEAR_ZONE,
    Distribute,
    Distribution,
    Failover,
    LocalityPolicy,
    NoPreference,
    ZoneAware,
    matches,
    placed,
)
from controlplane.model.outbound_view import ClientLocality
from controlplane.model.proxy import Labels, Locality

HERE = ClientLocality(locality=Locality("r1", "z1", "s1"), labels=(("cell", "a"), ("rack", "1")))


def endpoint(
    address: str, region: str = "", zone: str = "", sub_zone: str = "", labels: Labels = ()
) -> Endpoint:
    return Endpoint(
        address=address, port=80, locality=Locality(region, zone, sub_zone), labels=labels
    )


NEAR = endpoint("10.0.0.1", "r1", "z1", "s1")
SAME_ZONE = endpoint("10.0.0.2", "r1", "z1", "s2")
SAME_REGION = endpoint("10.0.0.3", "r1", "z2")
REGION_2 = endpoint("10.0.0.4", "r2", "z1")
REGION_3 = endpoint("10.0.0.5", "r3", "z1")
EVERYWHERE = (NEAR, SAME_ZONE, SAME_REGION, REGION_2, REGION_3)


def priorities(policy: LocalityPolicy | None, *endpoints: Endpoint) -> dict[str, int]:
    """The last digit of each endpoint's address, and its priority."""
    return {
        member.address[-1]: group.priority
        for group in placed(endpoints, policy, HERE)
        for member in group.endpoints
    }


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, {"1": 0, "2": 0, "3": 0, "4": 0, "5": 0}),
        (NoPreference(), {"1": 0, "2": 0, "3": 0, "4": 0, "5": 0}),
        (Failover(), {"1": 0, "2": 1, "3": 2, "4": 3, "5": 3}),
        (Failover(regions=(("r1", "r3"),)), {"1": 0, "2": 1, "3": 2, "4": 4, "5": 3}),
        (Failover(regions=(("r9", "r3"),)), {"1": 0, "2": 1, "3": 2, "4": 3, "5": 3}),
        (NEAR_ZONE, {"1": 0, "2": 0, "3": 1, "4": 2, "5": 2}),
        (NEAR_NODE, {"1": 0, "2": 1, "3": 2, "4": 3, "5": 3}),
        (ZoneAware(), {"1": 0, "2": 0, "3": 0, "4": 1, "5": 1}),
        (
            ZoneAware(failover=Failover(regions=(("r1", "r3"),))),
            {"1": 0, "2": 0, "3": 0, "4": 2, "5": 1},
        ),
    ],
    ids=[
        "without a policy all are equal",
        "switched off all are equal",
        "by distance",
        "the region that comes next is before the others",
        "another client's next region means nothing",
        "near the zone: region and zone count",
        "near the node: the sub-zone counts too",
        "zone aware leaves zones to Envoy",
        "zone aware with a next region",
    ],
)
def test_the_rank_of_endpoints_by_locality(
    policy: LocalityPolicy | None, expected: dict[str, int]
) -> None:
    assert priorities(policy, *EVERYWHERE) == expected


BOTH = endpoint("10.0.0.1", "r2", labels=(("cell", "a"), ("rack", "1")))
CELL = endpoint("10.0.0.2", "r1", labels=(("cell", "a"), ("rack", "2")))
RACK = endpoint("10.0.0.3", "r1", labels=(("cell", "b"), ("rack", "1")))
OTHER = endpoint("10.0.0.4", "r1", labels=(("cell", "b"), ("rack", "2")))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("cell", "rack"), {"1": 0, "2": 1, "3": 2, "4": 2}),
        (("rack", "cell"), {"1": 0, "2": 2, "3": 1, "4": 2}),
        (("cell=b", "rack"), {"1": 2, "2": 2, "3": 0, "4": 1}),
        (("unknown", "rack"), {"1": 0, "2": 1, "3": 0, "4": 1}),
        (("topology.kubernetes.io/region", "rack=2"), {"1": 2, "2": 0, "3": 1, "4": 0}),
    ],
    ids=[
        "the first label counts most",
        "in their order",
        "a value stands in for the client's own",
        "a label that neither has is shared",
        "topology labels come from the locality",
    ],
)
def test_the_rank_of_endpoints_by_labels(labels: tuple[str, ...], expected: dict[str, int]) -> None:
    assert priorities(Failover(labels=labels), BOTH, CELL, RACK, OTHER) == expected


def test_labels_rank_before_regions_where_both_are_asked_for() -> None:
    far_but_alike = endpoint("10.0.0.1", "r3", labels=(("cell", "a"),))
    next_but_alike = endpoint("10.0.0.2", "r2", labels=(("cell", "a"),))
    near_but_other = endpoint("10.0.0.3", "r1", "z1", "s1", labels=(("cell", "b"),))

    ranks = priorities(
        Failover(labels=("cell",), regions=(("r1", "r2"),)),
        far_but_alike,
        next_but_alike,
        near_but_other,
    )

    assert ranks == {"2": 0, "1": 1, "3": 2}


def test_another_network_moves_all_its_endpoints_behind_the_own_one() -> None:
    own_far = endpoint("10.0.0.1", "r2")
    foreign_near = Endpoint(
        address="10.0.0.2", port=80, locality=Locality("r1", "z1", "s1"), network="other"
    )

    assert priorities(NEAR_ZONE, own_far, foreign_near) == {"1": 0, "2": 1}


def weights(policy: LocalityPolicy, *endpoints: Endpoint) -> dict[str, int]:
    return {str(group.locality): group.weight for group in placed(endpoints, policy, HERE)}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("r1/z1/*", {"r1/z1/*": 70, "r2/*": 30})], {"r1/z1/s1": 35, "r1/z1/s2": 35, "r2/z1": 30}),
        ([("r1/*", {"r2/*": 100}), ("r1/z1/*", {"r1/*": 100})], {"r2/z1": 100}),
        ([("*", {"r1/*": 100})], {"r1/z1/s1": 34, "r1/z1/s2": 34, "r1/z2": 34}),
        ([("r1/*", {"r9/*": 100})], {}),
        (
            [("r2/*", {"r2/*": 100})],
            {"r1/z1/s1": 1, "r1/z1/s2": 1, "r1/z2": 1, "r2/z1": 1, "r3/z1": 1},
        ),
    ],
    ids=[
        "a share is split over what it names",
        "the first entry that fits counts",
        "splits are rounded up",
        "nothing is left where there is nothing",
        "no entry for the client changes nothing",
    ],
)
def test_the_shares_of_localities(
    entries: list[tuple[str, dict[str, int]]], expected: dict[str, int]
) -> None:
    policy = Distribute(
        tuple(Distribution(source, tuple(shares.items())) for source, shares in entries)
    )

    assert weights(policy, *EVERYWHERE) == expected


def test_an_endpoint_that_is_listed_twice_counts_once() -> None:
    assert [len(g.endpoints) for g in placed((NEAR, NEAR), None, HERE)] == [1]


def test_weights_that_add_up_to_more_than_envoy_takes_are_scaled_down() -> None:
    heavy = [Endpoint(address=f"10.0.0.{i}", port=80, weight=4_294_967_295) for i in range(1, 4)]

    group = placed(heavy, None, HERE)[0]

    assert group.weight <= 4_294_967_295
    assert len({endpoint.weight for endpoint in group.endpoints}) == 1


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("*", True),
        ("r1", True),
        ("r1/*", True),
        ("r1/z1/*", True),
        ("r1/z1/s1", True),
        ("r1/z1/s2", False),
        ("r1/z2", False),
        ("r2/*", False),
    ],
)
def test_patterns_of_localities(pattern: str, fits: bool) -> None:
    assert matches(Locality("r1", "z1", "s1"), pattern) is fits
