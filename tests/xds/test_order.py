"""What waits for what, so that no route ever leads to a cluster without its endpoints."""

from controlplane.xds.delta import DeltaSession
from controlplane.xds.response_cache import ResponseCache
from tests.support.conversations import (
    delta,
    fresh,
    fresh_sotw,
    said,
    sotw,
    synced,
    synced_sotw,
    type_url,
    world,
)

ONE = world(1, CDS="a1", EDS="a1", LDS="l1", RDS="r1")
ENDPOINTS_CHANGED = world(2, CDS="a1", EDS="a2", LDS="l1", RDS="r1")
MOVED_TO_B = world(3, CDS="a1 b1", EDS="a2 b1", LDS="l1", RDS="r2")


def test_a_route_to_a_new_cluster_waits_until_its_endpoints_are_sent() -> None:
    session = synced(ONE, CDS="*", EDS="a", LDS="*", RDS="r")
    busy = said(session.update(ENDPOINTS_CHANGED))

    moved = said(session.update(MOVED_TO_B))
    answered = said(session.receive(delta("EDS", nonce="5")))

    assert busy == ["5 EDS +a2"]
    assert moved == ["6 CDS +b1"]
    assert answered == ["ack 5 EDS", "7 EDS +b1", "8 RDS +r2"]


def test_a_route_waits_for_endpoints_in_the_state_of_the_world_too() -> None:
    session = synced_sotw(ONE, CDS="*", EDS="a", LDS="*", RDS="r")
    busy = said(session.update(ENDPOINTS_CHANGED))

    moved = said(session.update(MOVED_TO_B))
    answered = said(session.receive(sotw("EDS", "a", nonce="5")))

    assert busy == ["5 EDS +a2"]
    assert moved == ["6 CDS +a1 +b1"]
    assert answered == ["ack 5 EDS", "7 EDS +b1", "8 RDS +r2"]


def test_a_listener_to_a_new_cluster_waits_as_a_route_does() -> None:
    session = synced(world(1, CDS="a1", EDS="a1", LDS="l1"), CDS="*", EDS="a", LDS="*")
    session.update(world(2, CDS="a1", EDS="a2", LDS="l1"))

    moved = said(session.update(world(3, CDS="a1 b1", EDS="a2 b1", LDS="l2")))
    answered = said(session.receive(delta("EDS", nonce="4")))

    assert moved == ["5 CDS +b1"]
    assert answered == ["ack 4 EDS", "6 EDS +b1", "7 LDS +l2"]


def test_a_route_waits_no_longer_for_endpoints_whose_answer_is_overdue() -> None:
    session = synced(ONE, CDS="*", EDS="a", LDS="*", RDS="r")
    session.update(ENDPOINTS_CHANGED)
    session.update(MOVED_TO_B)

    assert said(session.stop_waiting(type_url("EDS"))) == ["7 EDS +b1", "8 RDS +r2"]


def test_a_route_waits_no_longer_for_clusters_whose_answer_is_overdue() -> None:
    session = synced(ONE, CDS="*", EDS="a", LDS="*", RDS="r")
    session.update(world(2, CDS="a2", EDS="a1", LDS="l1", RDS="r1"))
    session.receive(delta("EDS", nonce="6"))
    waiting = said(session.update(world(3, CDS="a2 b1", EDS="a1 b1", LDS="l1", RDS="r2")))

    overdue = said(session.stop_waiting(type_url("CDS")))

    assert waiting == []
    assert overdue == ["7 CDS +b1", "8 EDS +b1", "9 RDS +r2"]


def test_endpoints_of_a_cluster_that_routes_lead_to_are_answered_in_their_last_form() -> None:
    session = synced(ONE, CDS="*", EDS="a", LDS="*", RDS="r")
    added = said(session.update(world(2, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r2")))
    taken_away = said(session.update(world(3, CDS="a1", EDS="a1", LDS="l1", RDS="r3")))

    session.receive(delta("EDS", "b"))
    answered = said(session.receive(delta("EDS", nonce="6")))
    session.receive(delta("CDS", nonce="5"))
    session.receive(delta("EDS", nonce="8"))
    routes = said(session.receive(delta("RDS", nonce="7")))
    removed = said(session.receive(delta("RDS", nonce="9")))

    assert added == ["5 CDS +b1", "6 EDS +b1", "7 RDS +r2"]
    assert taken_away == []
    assert answered == ["ack 6 EDS", "8 EDS +b1"]
    assert routes == ["ack 7 RDS", "9 RDS +r3"]
    assert removed == ["ack 9 RDS", "10 EDS -b", "11 CDS -b"]


def test_endpoints_keep_their_last_form_in_the_state_of_the_world_too() -> None:
    session = synced_sotw(ONE, CDS="*", EDS="a", LDS="*", RDS="r")
    session.update(world(2, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r2"))
    session.update(world(3, CDS="a1", EDS="a1", LDS="l1", RDS="r3"))

    answered = said(session.receive(sotw("EDS", "a b", nonce="6")))

    assert answered == ["ack 6 EDS", "8 EDS +b1"]


def test_a_route_that_was_held_back_for_long_enough_follows_what_it_waited_for() -> None:
    session = synced(ONE, CDS="*", EDS="a", LDS="*", RDS="r")
    session.update(world(2, CDS="a2", EDS="a2", LDS="l1", RDS="r1"))
    waiting = said(session.update(MOVED_TO_B))

    held_back = session.held_back
    sent = said(session.send_anyway(type_url("RDS")))

    assert waiting == []
    assert held_back == (type_url("CDS"), type_url("RDS"))
    assert sent == ["7 CDS +a1 +b1", "8 EDS +a2 +b1", "9 RDS +r2"]
    assert session.held_back == ()


def test_a_route_waits_until_the_first_endpoints_of_all_are_asked_for() -> None:
    session = synced(world(1, CDS="dns1", LDS="l1", RDS="r1"), CDS="*", LDS="*", RDS="r")

    moved = said(session.update(world(2, CDS="a1 dns1", EDS="a1", LDS="l1", RDS="r2")))
    asked = said(session.receive(delta("EDS", "a")))

    assert moved == ["4 CDS +a1"]
    assert asked == ["5 EDS +a1", "6 RDS +r2"]


def test_a_client_that_asks_for_no_endpoints_waits_for_them_once() -> None:
    session = synced(world(1, CDS="dns1", LDS="l1", RDS="r1"), CDS="*", LDS="*", RDS="r")
    session.update(world(2, CDS="a1 dns1", EDS="a1", LDS="l1", RDS="r2"))
    session.receive(delta("CDS", nonce="4"))

    late = said(session.send_anyway(type_url("RDS")))
    session.receive(delta("RDS", nonce="5"))
    next_time = said(session.update(world(3, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r3")))

    assert late == ["5 RDS +r2"]
    assert next_time == ["6 CDS +b1", "7 RDS +r3"]


def test_a_reconnected_client_gets_the_endpoints_of_a_cluster_that_it_did_not_know() -> None:
    session = fresh(world(2, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r2"))
    clusters = said(session.receive(delta("CDS", held="a1")))
    endpoints = said(session.receive(delta("EDS", "a", held="a1")))

    routes = said(session.receive(delta("RDS", "r", held="r1")))

    assert clusters == ["1 CDS +b1"]
    assert endpoints == ["2 EDS +b1"]
    assert routes == ["3 RDS +r2"]


def test_routes_of_a_client_that_reconnects_while_it_warms_come_after_its_clusters() -> None:
    session = DeltaSession(ResponseCache(), MOVED_TO_B)

    endpoints = said(session.receive(delta("EDS", "a", held="a1")))
    routes = said(session.receive(delta("RDS", "r", held="r1")))
    clusters = said(session.receive(delta("CDS", held="a1")))

    assert endpoints == ["1 EDS +a2"]
    assert routes == []
    assert clusters == ["2 CDS +b1"]
    assert said(session.receive(delta("EDS", nonce="1"))) == ["ack 1 EDS", "3 EDS +b1", "4 RDS +r2"]


def test_routes_of_a_client_that_never_asks_for_clusters_come_in_the_end() -> None:
    session = fresh(MOVED_TO_B)
    session.receive(delta("EDS", "a", held="a1"))
    session.receive(delta("RDS", "r", held="r1"))

    assert session.held_back == (type_url("RDS"),)
    assert said(session.send_anyway(type_url("RDS"))) == ["2 RDS +r2"]


def test_a_new_client_gets_routes_though_it_asks_for_clusters_later() -> None:
    session = fresh(MOVED_TO_B)

    assert said(session.receive(delta("LDS"))) == ["1 LDS +l1"]
    assert said(session.receive(delta("RDS", "r"))) == ["2 RDS +r2"]
    assert said(session.receive(delta("CDS"))) == ["3 CDS +a1 +b1"]


def test_what_a_reconnected_client_may_still_use_is_removed_after_its_routes() -> None:
    session = DeltaSession(ResponseCache(), ONE)
    session.receive(delta("CDS", held="a1 old1"))

    endpoints = said(session.receive(delta("EDS", "a old", held="a1 old1")))
    routes = said(session.receive(delta("RDS", "r", held="r0")))
    session.arrived()
    again = said(session.receive(delta("EDS", "old")))
    removed = said(session.receive(delta("RDS", nonce="1")))

    assert (endpoints, routes, again) == ([], ["1 RDS +r1"], [])
    assert removed == ["ack 1 RDS", "2 EDS -old", "3 CDS -old"]


def test_an_unknown_name_is_answered_after_a_reconnect_too() -> None:
    session = fresh(world(1, SDS="t1"))

    assert said(session.receive(delta("SDS", "s t", held="t1"))) == ["1 SDS -s"]


def test_the_state_of_the_world_says_that_there_are_no_endpoints_after_the_routes() -> None:
    session = fresh_sotw(ONE)
    session.receive(sotw("CDS", is_reconnect=True))
    session.receive(sotw("CDS", nonce="1"))

    endpoints = said(session.receive(sotw("EDS", "a old", is_reconnect=True)))
    routes = said(session.receive(sotw("RDS", "r", is_reconnect=True)))
    removed = said(session.receive(sotw("RDS", "r", nonce="3")))
    later = said(session.receive(sotw("EDS", "a old", nonce="2")))

    assert (endpoints, routes) == (["2 EDS +a1"], ["3 RDS +r1"])
    assert removed == ["ack 3 RDS"]
    assert later == ["ack 2 EDS", "4 EDS +old(empty)"]


def test_a_dropped_subscription_of_an_earlier_cluster_leaves_what_the_new_one_is_owed() -> None:
    session = synced(world(1, CDS="a1", EDS="a1 b1"), CDS="*", EDS="a b")
    session.update(world(2, CDS="a1", EDS="a2 b1"))
    session.update(world(3, CDS="a1 b1", EDS="a2 b1"))

    stale = said(session.receive(delta("EDS", "", "b")))
    answered = said(session.receive(delta("EDS", nonce="3")))

    assert stale == []
    assert answered == ["ack 3 EDS", "5 EDS +b1"]


def test_routes_are_kept_until_the_listeners_that_name_them_are_gone() -> None:
    session = synced(world(1, LDS="l1", RDS="r1 s1"), LDS="*", RDS="r s")
    changed = said(session.update(world(2, LDS="l2", RDS="s1")))

    asked = said(session.receive(delta("RDS", "r")))
    acknowledged = said(session.receive(delta("LDS", nonce="3")))
    session.receive(delta("RDS", nonce="4"))

    assert changed == ["3 LDS +l2"]
    assert asked == ["4 RDS +r1"]
    assert acknowledged == ["ack 3 LDS"]
    assert said(session.arrived()) == ["5 RDS -r"]


def test_clusters_of_a_listener_stay_until_the_one_that_replaces_it_has_its_routes() -> None:
    session = synced(world(1, CDS="a1 b1", LDS="l1", RDS="r1"), CDS="*", LDS="*")
    session.update(world(2, CDS="a1", LDS="l2", RDS="r1"))

    acknowledged = said(session.receive(delta("LDS", nonce="3")))
    asked = said(session.receive(delta("RDS", "r")))
    arrived = said(session.arrived())
    warm = said(session.receive(delta("RDS", nonce="4")))

    assert acknowledged == ["ack 3 LDS"]
    assert (asked, arrived) == (["4 RDS +r1"], [])
    assert warm == ["ack 4 RDS", "5 CDS -b"]


def test_a_secret_is_removed_after_the_clusters_that_named_it_are_warm() -> None:
    session = synced(world(1, CDS="a1", SDS="s1 t1"), CDS="*", SDS="s t")
    changed = said(session.update(world(2, CDS="a2", SDS="t1")))

    removed = said(session.receive(delta("CDS", nonce="3")))

    assert changed == ["3 CDS +a2"]
    assert removed == ["ack 3 CDS", "4 SDS -s"]


def test_extensions_are_left_to_connections_that_drain() -> None:
    """Envoy asks for them until the last of those is closed."""
    session = synced(world(1, LDS="l1", ECDS="a1"), LDS="*", ECDS="a")
    session.update(world(2, LDS="l2"))

    replaced = said(session.receive(delta("LDS", nonce="3"))), said(session.arrived())
    asked = said(session.receive(delta("ECDS", "a")))
    drained = said(session.receive(delta("ECDS", unsubscribe="a", nonce="4")))

    assert replaced == (["ack 3 LDS"], [])
    assert asked == ["4 ECDS +a1"]
    assert drained == ["ack 4 ECDS"]
    assert said(session.receive(delta("ECDS", "a"))) == ["5 ECDS -a"]


def test_routes_wait_while_the_culprit_among_clusters_is_looked_for() -> None:
    session = synced(ONE, CDS="*", EDS="a", LDS="*", RDS="r")
    session.update(world(2, CDS="a1 b1 c1", EDS="a1", LDS="l1", RDS="r1"))
    refused = said(session.receive(delta("CDS", nonce="5", error="no")))

    waiting = said(session.update(world(3, CDS="a1 b1 c1", EDS="a1", LDS="l1", RDS="r2")))
    one = said(session.receive(delta("CDS", nonce="6")))
    other = said(session.receive(delta("CDS", nonce="7")))

    assert refused == ["5 CDS refused: no", "6 CDS +b1", "7 CDS +c1"]
    assert (waiting, one) == ([], ["ack 6 CDS"])
    assert other == ["ack 7 CDS", "8 RDS +r2"]


def test_a_cluster_that_comes_back_and_goes_before_it_was_removed_is_removed() -> None:
    session = synced(world(1, CDS="a1 b1", EDS="a1 b1"), CDS="*", EDS="a b")
    gone, back = world(2, CDS="a2", EDS="a1"), world(3, CDS="a2 b1", EDS="a1 b1")
    first = said(session.update(gone))
    for snapshot in (back, world(4, CDS="a2", EDS="a1")):
        session.update(snapshot)

    endpoints = said(session.receive(delta("EDS", nonce="4")))
    clusters = said(session.receive(delta("CDS", nonce="3")))

    assert first == ["3 CDS +a2", "4 EDS +a1"]
    assert endpoints == ["ack 4 EDS"]
    assert clusters == ["ack 3 CDS", "5 EDS -b", "6 CDS -b"]


def test_a_reconnected_client_warms_on_endpoints_that_went_while_it_said_so() -> None:
    session = DeltaSession(ResponseCache(), ONE)
    session.update(world(2, CDS="b1", EDS="b1", LDS="l1", RDS="r2"))

    assert said(session.receive(delta("EDS", "a", held="a1"))) == ["1 EDS +a1"]


def test_a_listener_goes_though_others_would_wait_for_clusters() -> None:
    session = synced_sotw(world(1, CDS="dns1", LDS="l1 m1"), CDS="*", LDS="*")

    lines = said(session.update(world(2, CDS="a1 dns1", EDS="a1", LDS="l1")))

    assert lines == ["3 CDS +a1 +dns1", "4 LDS +l1"]


def test_endpoints_are_taken_from_a_cluster_after_the_routes_have_left_it() -> None:
    before = world(1, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r1")
    session = synced(before, CDS="*", EDS="a b", LDS="*", RDS="r")

    left = said(session.update(world(2, CDS="a1 b1", EDS="a0 b2", LDS="l1", RDS="r2")))
    answered = said(session.receive(delta("EDS", nonce="5")))
    emptied = said(session.receive(delta("RDS", nonce="6")))

    assert left == ["5 EDS +b2", "6 RDS +r2"]
    assert answered == ["ack 5 EDS"]
    assert emptied == ["ack 6 RDS", "7 EDS +a0"]


def test_endpoints_are_taken_at_once_from_a_cluster_that_no_routes_leave() -> None:
    before = world(1, CDS="a1", EDS="a1", LDS="l1", RDS="r1")
    session = synced(before, CDS="*", EDS="a", LDS="*", RDS="r")

    assert said(session.update(world(2, CDS="a1", EDS="a0", LDS="l1", RDS="r1"))) == ["5 EDS +a0"]


def test_endpoints_are_taken_though_routes_are_never_answered() -> None:
    before = world(1, CDS="a1 b1", EDS="a1 b1", LDS="l1", RDS="r1")
    session = synced(before, CDS="*", EDS="a b", LDS="*", RDS="r")
    session.update(world(2, CDS="a1 b1", EDS="a0 b1", LDS="l1", RDS="r2"))

    assert said(session.stop_waiting(type_url("RDS"))) == ["6 EDS +a0"]
