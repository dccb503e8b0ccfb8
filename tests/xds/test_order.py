"""What waits for what, so that no route ever leads to a cluster without its endpoints."""

from tests.support.conversations import delta
from tests.support.conversations import said
from tests.support.conversations import sotw
from tests.support.conversations import synced
from tests.support.conversations import synced_sotw
from tests.support.conversations import type_url
from tests.support.conversations import world

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
