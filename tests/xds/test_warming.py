"""Routes wait for new clusters that warm on more than their endpoints: the acknowledgement of the
clusters says when they are warm.
"""

from controlplane.xds.delta import DeltaSession
from tests.support.conversations import (
    delta,
    form,
    said,
    sotw,
    synced,
    synced_sotw,
    type_url,
    world,
)

ONE = world(1, CDS="a1", EDS="a1", LDS="l1", RDS="r1", SDS="s1")


def all_synced(**more: str) -> DeltaSession:
    return synced(ONE, CDS="*", EDS="a", LDS="*", RDS="r", **more)


def test_a_route_to_a_new_cluster_of_dns_waits_until_it_is_resolved() -> None:
    session = all_synced(SDS="s")

    sent = said(session.update(world(2, CDS="a1 dns1", EDS="a1", LDS="l1", RDS="r2", SDS="s1")))
    resolved = said(session.receive(delta("CDS", nonce="6")))

    assert sent == ["6 CDS +dns1"]
    assert session.held_back == ()
    assert resolved == ["ack 6 CDS", "7 RDS +r2"]


def test_the_state_of_the_world_waits_for_dns_too() -> None:
    session = synced_sotw(ONE, CDS="*", EDS="a", LDS="*", RDS="r", SDS="s")

    sent = said(session.update(world(2, CDS="a1 dns1", EDS="a1", LDS="l1", RDS="r2", SDS="s1")))
    resolved = said(session.receive(sotw("CDS", nonce="6")))

    assert sent == ["6 CDS +a1 +dns1"]
    assert resolved == ["ack 6 CDS", "7 RDS +r2"]


def test_a_route_waits_no_longer_than_the_answer_to_clusters_is_waited_for() -> None:
    session = all_synced(SDS="s")
    session.update(world(2, CDS="a1 dns1", EDS="a1", LDS="l1", RDS="r2", SDS="s1"))

    assert said(session.stop_waiting(type_url("CDS"))) == ["7 RDS +r2"]


def test_a_client_whose_clusters_never_get_warm_waits_once_for_each_new_one() -> None:
    session = all_synced(SDS="s")
    session.update(world(2, CDS="a1 dns1", EDS="a1", LDS="l1", RDS="r2", SDS="s1"))
    session.stop_waiting(type_url("CDS"))
    session.receive(delta("RDS", nonce="7"))

    sent = said(session.update(world(3, CDS="a1 dns1 x1", EDS="a1", LDS="l1", RDS="r3", SDS="s1")))
    late = said(session.send_anyway(type_url("RDS")))
    session.receive(delta("RDS", nonce="9"))
    edited = said(
        session.update(world(4, CDS="a1 dns1 x1", EDS="a1", LDS="l1", RDS="r4", SDS="s1"))
    )

    assert sent == ["8 CDS +x1"]
    assert late == ["9 RDS +r3"]
    assert edited == ["10 RDS +r4"]


def test_a_route_to_a_new_cluster_waits_for_a_secret_that_the_client_has_not_got() -> None:
    session = all_synced()

    sent = said(session.update(world(2, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r2", SDS="s1")))
    secret = said(session.receive(delta("SDS", "s")))
    warm = said(session.receive(delta("CDS", nonce="5")))

    assert sent == ["5 CDS +b1", "6 EDS +b1"]
    assert secret == ["7 SDS +s1"]
    assert warm == ["ack 5 CDS", "8 RDS +r2"]


def test_a_route_to_a_new_cluster_waits_for_a_secret_that_is_on_its_way() -> None:
    session = all_synced(SDS="s")
    session.update(world(2, CDS="a1", EDS="a1", LDS="l1", RDS="r1", SDS="s2"))

    sent = said(session.update(world(3, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r2", SDS="s2")))

    assert sent == ["7 CDS +b1", "8 EDS +b1"]
    assert said(session.receive(delta("CDS", nonce="7"))) == ["ack 7 CDS", "9 RDS +r2"]


def test_a_route_to_a_new_cluster_waits_for_a_secret_of_the_proxys_own() -> None:
    session = all_synced(SDS="s")
    session.replace_own({"default": form("default1")})

    sent = said(session.update(world(2, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r2", SDS="s1")))

    assert sent == ["6 CDS +b1", "7 EDS +b1"]


def test_a_cluster_with_secrets_that_the_client_has_is_not_waited_for() -> None:
    session = all_synced(SDS="s")

    sent = said(session.update(world(2, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r2", SDS="s1")))

    assert sent == ["6 CDS +b1", "7 EDS +b1", "8 RDS +r2"]


def test_a_changed_cluster_is_not_waited_for_since_the_one_before_it_works_on() -> None:
    session = synced(world(1, CDS="dns1", LDS="l1", RDS="r1"), CDS="*", LDS="*", RDS="r")

    sent = said(session.update(world(2, CDS="dns2", LDS="l1", RDS="r2")))

    assert sent == ["4 CDS +dns2", "5 RDS +r2"]
