"""Conversations with a delta session, without I/O, written as in ``said``."""

from dataclasses import replace

from controlplane.xds.delta import DeltaSession
from controlplane.xds.response_cache import ResponseCache
from tests.support.conversations import (
    delta,
    form,
    fresh,
    said,
    synced,
    synced_sotw,
    type_url,
    world,
)

SHOP = world(1, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r1")


def test_a_request_without_names_asks_for_all_clusters_and_listeners() -> None:
    session = fresh(SHOP)

    assert said(session.receive(delta("CDS"))) == ["1 CDS +a1 +b1"]
    assert said(session.receive(delta("LDS", "*"))) == ["2 LDS +l1"]


def test_a_request_without_names_asks_for_no_routes_endpoints_or_secrets() -> None:
    session = fresh(world(1, EDS="a1", RDS="r1", SDS="s1"))

    assert said(session.receive(delta("RDS"))) == []
    assert said(session.receive(delta("EDS"))) == []
    assert said(session.receive(delta("SDS", "*"))) == []


def test_subscribing_and_unsubscribing_everything_at_once_asks_for_nothing() -> None:
    session = fresh(SHOP)

    assert said(session.receive(delta("CDS", "*", "*"))) == []


def test_a_first_wildcard_request_is_answered_though_there_is_nothing() -> None:
    session = fresh(world(1))

    assert said(session.receive(delta("CDS"))) == ["1 CDS"]
    assert said(session.receive(delta("CDS", nonce="1"))) == ["ack 1 CDS"]


def test_an_acknowledgement_is_not_answered() -> None:
    session = fresh(SHOP)
    session.receive(delta("CDS"))

    assert said(session.receive(delta("CDS", nonce="1"))) == ["ack 1 CDS"]
    assert session.settled


def test_a_change_waits_for_the_answer_to_the_last_response() -> None:
    session = fresh(world(1, LDS="l1"))
    session.receive(delta("LDS"))

    assert said(session.update(world(2, LDS="l2"))) == []
    assert said(session.update(world(3, LDS="l3"))) == []
    assert said(session.receive(delta("LDS", nonce="1"))) == ["ack 1 LDS", "2 LDS +l3"]


def test_only_what_changed_is_sent() -> None:
    session = synced(world(1, LDS="l1 m1"), LDS="*")

    assert said(session.update(world(2, LDS="l1 m2 n1"))) == ["2 LDS +m2 +n1"]


def test_the_same_content_is_not_sent_again() -> None:
    session = synced(SHOP, CDS="*")

    assert said(session.update(world(2, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r1"))) == []
    assert session.settled


def test_endpoints_follow_a_changed_cluster_unasked() -> None:
    session = synced(SHOP, CDS="*", EDS="a b")

    lines = said(session.update(world(2, CDS="a2 b1", EDS="a1 b1", LDS="l1", RDS="r1")))

    assert lines == ["3 CDS +a2", "4 EDS +a1"]


def test_endpoints_follow_a_new_cluster_before_they_are_asked_for() -> None:
    session = synced(SHOP, CDS="*", EDS="a b")

    lines = said(session.update(world(2, CDS="a1 b1 c1", EDS="a1 b1 c1")))

    assert lines[:2] == ["3 CDS +c1", "4 EDS +c1"]


def test_a_cluster_without_endpoints_of_its_own_is_followed_by_none() -> None:
    session = synced(SHOP, CDS="*", EDS="a b")

    lines = said(session.update(world(2, CDS="a1 b1 dns1", EDS="a1 b1", LDS="l1", RDS="r1")))

    assert lines == ["3 CDS +dns1"]


def test_what_is_referred_to_is_sent_before_what_refers_to_it() -> None:
    session = synced(SHOP, CDS="*", EDS="a b", LDS="*", RDS="r", SDS="s")

    lines = said(session.update(world(2, CDS="a2 b1", EDS="a2 b1", LDS="l2", RDS="r2", SDS="s1")))

    assert [line.split()[1] for line in lines] == ["CDS", "EDS", "LDS", "RDS", "SDS"]


def test_clusters_are_removed_after_the_routes_that_named_them_are_acknowledged() -> None:
    session = synced(SHOP, CDS="*", EDS="a", LDS="*", RDS="r")

    lines = said(session.update(world(2, CDS="b1", EDS="b1", LDS="l1", RDS="r2")))
    removals = said(session.receive(delta("RDS", nonce="5")))

    assert lines == ["5 RDS +r2"]
    assert removals == ["ack 5 RDS", "6 EDS -a", "7 CDS -a"]


def test_clusters_are_kept_while_a_route_is_held_at_its_old_form() -> None:
    session = synced(SHOP, CDS="*", EDS="a b", RDS="r")
    session.update(world(2, CDS="b1", EDS="b1", LDS="l1", RDS="r2"))

    refused = said(session.receive(delta("RDS", nonce="4", error="bad")))
    fixed = said(session.update(world(3, CDS="b1", EDS="b1", LDS="l1", RDS="r3")))
    removed = said(session.receive(delta("RDS", nonce="5")))

    assert refused == ["RDS r2 rejected: bad"]
    assert fixed == ["5 RDS +r3"]
    assert removed == ["ack 5 RDS", "6 EDS -a", "7 CDS -a"]


def test_a_listener_takes_over_the_address_of_another_in_one_message() -> None:
    session = synced(world(1, LDS="old1"), LDS="*")

    assert said(session.update(world(2, LDS="new1"))) == ["2 LDS +new1 -old"]


def test_a_listener_that_goes_is_removed() -> None:
    session = synced(world(1, LDS="l1 m1"), LDS="*")

    assert said(session.update(world(2, LDS="m1"))) == ["2 LDS -l"]


def test_a_cluster_that_comes_back_before_its_removal_is_not_removed() -> None:
    session = synced(SHOP, CDS="*", EDS="a b", RDS="r")
    session.update(world(2, CDS="b1", EDS="b1", LDS="l1", RDS="r2"))
    session.update(world(3, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r2"))

    assert said(session.receive(delta("RDS", nonce="4"))) == ["ack 4 RDS"]
    assert said(session.receive(delta("CDS", nonce="5"))) == ["ack 5 CDS"]
    assert said(session.receive(delta("EDS", nonce="6"))) == ["ack 6 EDS"]


def test_every_subscribed_name_is_answered_even_a_known_one() -> None:
    session = synced(SHOP, EDS="a")

    assert said(session.receive(delta("EDS", "a"))) == ["2 EDS +a1"]


def test_a_stale_nonce_does_not_silence_a_subscription() -> None:
    session = synced(SHOP, EDS="a")

    assert said(session.receive(delta("EDS", "b", nonce="77"))) == ["2 EDS +b1"]


def test_a_subscription_beside_an_acknowledgement_is_answered() -> None:
    session = fresh(SHOP)
    session.receive(delta("EDS", "a"))

    assert said(session.receive(delta("EDS", "b", nonce="1"))) == ["ack 1 EDS", "2 EDS +b1"]


def test_an_unknown_name_is_answered_as_removed() -> None:
    session = fresh(SHOP)

    assert said(session.receive(delta("EDS", "a ghost"))) == ["1 EDS +a1 -ghost"]


def test_an_unknown_route_configuration_is_answered_as_an_empty_one() -> None:
    session = fresh(SHOP)

    assert said(session.receive(delta("RDS", "ghost"))) == ["1 RDS +ghost(empty)"]


def test_an_unknown_name_is_sent_once_it_exists() -> None:
    session = synced(SHOP, RDS="ghost", EDS="ghost")

    lines = said(session.update(world(2, RDS="ghost1", EDS="ghost1")))

    assert lines == ["3 EDS +ghost1", "4 RDS +ghost1"]


def test_an_unsubscribed_name_is_no_longer_sent() -> None:
    session = synced(SHOP, EDS="a b")
    session.receive(delta("EDS", "", "a nobody"))

    assert said(session.update(world(2, EDS="a2 b2"))) == ["2 EDS +b2"]


def test_a_name_dropped_beside_a_wildcard_is_answered_with_what_the_wildcard_says() -> None:
    session = fresh(SHOP)
    session.receive(delta("CDS", "* a ghost"))
    session.receive(delta("CDS", nonce="1"))

    assert said(session.receive(delta("CDS", "", "a ghost"))) == ["2 CDS +a1 -ghost"]


def test_without_its_wildcard_a_client_keeps_the_names_it_gave() -> None:
    session = fresh(SHOP)
    session.receive(delta("CDS", "* a"))
    session.receive(delta("CDS", "", "*", nonce="1"))

    assert said(session.update(world(2, CDS="a2 b2"))) == ["2 CDS +a2"]


def test_a_wildcard_that_comes_later_brings_everything() -> None:
    session = synced(SHOP, CDS="a")

    assert said(session.receive(delta("CDS", "*"))) == ["2 CDS +a1 +b1"]


def test_a_reconnected_client_is_sent_only_what_differs() -> None:
    session = fresh(SHOP)

    assert said(session.receive(delta("CDS", held="a0 b1"))) == ["1 CDS +a1"]
    assert said(session.receive(delta("RDS", "r", held="r1"))) == []


def test_a_reconnected_client_that_is_current_gets_one_empty_response_per_wildcard() -> None:
    session = fresh(SHOP)

    assert said(session.receive(delta("CDS", held="a1 b1"))) == ["1 CDS"]
    assert said(session.receive(delta("EDS", "a b", held="a1 b1"))) == []
    assert said(session.receive(delta("CDS", nonce="1"))) == ["ack 1 CDS"]
    assert session.settled


def test_a_reconnected_client_is_sent_removals_once_it_had_time_to_ask_for_routes() -> None:
    session = DeltaSession(ResponseCache(), SHOP)

    first = said(session.receive(delta("CDS", held="a1 b1 old1")))
    routes = said(session.receive(delta("RDS", "r", held="r0")))
    session.receive(delta("CDS", nonce="1"))
    arrived = said(session.arrived())
    removed = said(session.receive(delta("RDS", nonce="1")))

    assert (first, routes, arrived) == ([], ["1 RDS +r1"], [])
    assert removed == ["ack 1 RDS", "2 CDS -old"]


def test_a_subscribed_name_that_is_gone_is_answered_as_removed_after_a_reconnect() -> None:
    session = fresh(SHOP)
    session.receive(delta("CDS", held="a1 b1"))
    session.receive(delta("CDS", nonce="1"))

    assert said(session.receive(delta("EDS", "a old", held="a1 old1"))) == ["2 EDS -old"]


def test_a_cluster_changed_while_away_gets_its_endpoints_again() -> None:
    session = fresh(SHOP)

    assert said(session.receive(delta("CDS", held="a0 b1"))) == ["1 CDS +a1"]
    assert said(session.receive(delta("EDS", "a b", held="a1 b1"))) == ["2 EDS +a1"]


def test_endpoints_asked_for_before_clusters_are_all_sent_for_a_cluster_warms() -> None:
    session = fresh(SHOP)

    assert said(session.receive(delta("EDS", "a b", held="a1 b1"))) == ["1 EDS +a1 +b1"]


def test_a_withheld_acknowledgement_of_clusters_holds_up_neither_endpoints_nor_routes() -> None:
    session = fresh(SHOP)
    session.receive(delta("CDS"))
    for nonce, (short, names) in enumerate((("EDS", "a b"), ("LDS", ""), ("RDS", "r")), start=2):
        session.receive(delta(short, names))
        session.receive(delta(short, nonce=str(nonce)))

    lines = said(session.update(world(2, CDS="a1 b1", EDS="a2 b1", LDS="l2", RDS="r2")))

    assert lines == ["5 EDS +a2", "6 LDS +l2", "7 RDS +r2"]


def test_an_overdue_type_waits_again_once_it_has_caught_up() -> None:
    session = fresh(world(1, LDS="l1"))
    session.receive(delta("LDS"))
    session.stop_waiting(type_url("LDS"))
    session.update(world(2, LDS="l2"))
    session.receive(delta("LDS", nonce="1"))
    session.receive(delta("LDS", nonce="2"))

    assert said(session.update(world(3, LDS="l3"))) == ["3 LDS +l3"]
    assert said(session.update(world(4, LDS="l4"))) == []


def test_an_own_secret_comes_before_the_one_of_the_mesh() -> None:
    own = {"default": form("default1")}
    session = DeltaSession(ResponseCache(), world(1, SDS="default9 site1"), own)

    assert said(session.receive(delta("SDS", "default site"))) == ["1 SDS +default1 +site1"]


def test_a_replaced_own_secret_is_sent_to_whom_it_was_subscribed_by() -> None:
    session = DeltaSession(ResponseCache(), world(1), {"default": form("default1")})
    session.receive(delta("SDS", "default"))
    session.receive(delta("SDS", nonce="1"))
    renewed = {"default": form("default2"), "ROOTCA": form("ROOTCA2")}

    assert said(session.replace_own(renewed)) == ["2 SDS +default2"]


def test_an_unknown_secret_is_answered_as_removed() -> None:
    session = fresh(world(1))

    assert said(session.receive(delta("SDS", "default"))) == ["1 SDS -default"]


FOR_RUNNING = replace(world(2, LDS="m1"), for_running={type_url("LDS"): (form("l2"), form("n1"))})
"""A world in which no client that starts gets ``l`` and ``n``."""


def test_a_client_that_starts_is_not_sent_what_is_for_running_ones() -> None:
    assert said(fresh(FOR_RUNNING).receive(delta("LDS"))) == ["1 LDS +m1"]


def test_a_client_that_runs_is_sent_what_is_for_it_where_it_has_one_of_the_name() -> None:
    session = synced(world(1, LDS="l1 m1"), LDS="*")

    assert said(session.update(FOR_RUNNING)) == ["2 LDS +l2"]
    assert said(session.receive(delta("LDS", nonce="2"))) == ["ack 2 LDS"]
    assert said(session.update(replace(FOR_RUNNING, revision=3))) == []
    assert said(session.update(world(4, LDS="m1"))) == ["3 LDS -l"]


def test_a_client_that_comes_back_keeps_what_is_for_running_ones() -> None:
    session = fresh(FOR_RUNNING)
    session.receive(delta("CDS"))
    session.receive(delta("CDS", nonce="1"))

    assert said(session.receive(delta("LDS", held="l1 m1"))) == ["2 LDS +l2"]


def test_all_of_a_type_holds_what_is_for_running_clients() -> None:
    session = synced_sotw(world(1, LDS="l1 m1"), LDS="*")

    assert said(session.update(FOR_RUNNING)) == ["2 LDS +l2 +m1"]
