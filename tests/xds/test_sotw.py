"""Conversations with a state-of-the-world session, without I/O."""

from tests.support.conversations import (
    fresh_sotw as fresh,
    said,
    sotw,
    synced_sotw as synced,
    world,
)

SHOP = world(1, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r1")


def test_a_request_without_names_asks_for_all_clusters_and_listeners_only() -> None:
    session = fresh(SHOP)

    assert said(session.receive(sotw("CDS"))) == ["1 CDS +a1 +b1"]
    assert said(session.receive(sotw("LDS", "*"))) == ["2 LDS +l1"]
    assert said(session.receive(sotw("RDS"))) == []
    assert said(session.receive(sotw("EDS"))) == []


def test_an_empty_world_is_said() -> None:
    assert said(fresh(world(1)).receive(sotw("LDS"))) == ["1 LDS"]


def test_after_names_an_empty_list_asks_for_nothing() -> None:
    session = synced(SHOP, CDS="a")
    session.receive(sotw("CDS", "", nonce="1"))

    assert said(session.update(world(2, CDS="a2 b2"))) == []


def test_an_acknowledgement_is_not_answered() -> None:
    session = fresh(SHOP)
    session.receive(sotw("CDS"))

    assert said(session.receive(sotw("CDS", nonce="1"))) == ["ack 1 CDS"]
    assert said(session.receive(sotw("CDS", nonce="1"))) == []


def test_a_stale_nonce_is_not_answered() -> None:
    session = synced(SHOP, EDS="a")
    session.update(world(2, EDS="a2 b1"))

    assert said(session.receive(sotw("EDS", "a b", nonce="1"))) == []
    assert said(session.receive(sotw("EDS", "a b", nonce="2"))) == ["ack 2 EDS", "3 EDS +b1"]


def test_a_change_of_one_cluster_says_all_clusters() -> None:
    session = synced(SHOP, CDS="*", EDS="a b")

    lines = said(session.update(world(2, CDS="a2 b1", EDS="a1 b1", LDS="l1", RDS="r1")))

    assert lines == ["3 CDS +a2 +b1", "4 EDS +a1"]


def test_a_change_of_one_endpoint_set_says_that_alone() -> None:
    session = synced(SHOP, EDS="a b")

    assert said(session.update(world(2, EDS="a2 b1"))) == ["2 EDS +a2"]


def test_added_names_are_answered_and_dropped_ones_are_not() -> None:
    session = synced(SHOP, EDS="a")

    assert said(session.receive(sotw("EDS", "b", nonce="1"))) == ["2 EDS +b1"]
    assert said(session.update(world(2, EDS="a2 b1"))) == []


def test_a_name_that_is_added_again_is_answered_again() -> None:
    session = synced(SHOP, EDS="a b")
    session.receive(sotw("EDS", "b", nonce="1"))

    assert said(session.receive(sotw("EDS", "a b", nonce="1"))) == ["2 EDS +a1"]


def test_unknown_endpoints_and_routes_are_answered_with_empty_ones() -> None:
    session = fresh(SHOP)

    assert said(session.receive(sotw("EDS", "a ghost"))) == ["1 EDS +a1 +ghost(empty)"]
    assert said(session.receive(sotw("RDS", "ghost"))) == ["2 RDS +ghost(empty)"]


def test_an_unknown_secret_is_sent_once_it_exists() -> None:
    session = fresh(SHOP)

    assert said(session.receive(sotw("SDS", "site"))) == []
    assert said(session.update(world(2, SDS="site1"))) == ["1 SDS +site1"]


def test_a_cluster_goes_after_the_routes_that_named_it() -> None:
    session = synced(SHOP, CDS="*", EDS="a b", RDS="r", LDS="*")

    lines = said(session.update(world(2, CDS="b1 c1", EDS="b1 c1", LDS="l1", RDS="r2")))
    session.receive(sotw("CDS", nonce="5"))
    session.receive(sotw("EDS", "a b", nonce="6"))
    removal = said(session.receive(sotw("RDS", "r", nonce="7")))

    assert lines == ["5 CDS +a1 +b1 +c1", "6 EDS +c1", "7 RDS +r2"]
    assert removal == ["ack 7 RDS", "8 CDS +b1 +c1"]


def test_a_listener_goes_at_once() -> None:
    session = synced(world(1, LDS="old1"), LDS="*")

    assert said(session.update(world(2, LDS="new1"))) == ["2 LDS +new1"]


def test_a_repeated_first_request_is_answered_again() -> None:
    session = fresh(world(1, SDS="s1"))
    session.receive(sotw("SDS", "ghost"))

    assert said(session.receive(sotw("SDS", "ghost s"))) == ["1 SDS +s1"]
