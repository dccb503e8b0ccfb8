"""Answers that answer nothing that waits: they change nothing and nothing is sent for them."""

import pytest

from controlplane.xds.delta import DeltaSession
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.sotw import SotwSession
from tests.support.conversations import delta, said, sotw, world

WORLD = world(1, CDS="a1", EDS="a1", LDS="l1")


@pytest.mark.parametrize(
    ("short", "nonce"),
    [("CDS", "1"), ("EDS", "2"), ("CDS", "99"), ("CDS", "2"), ("EDS", "1"), ("CDS", "x" * 1_000)],
    ids=["twice", "twice, other type", "unknown", "of EDS", "of CDS", "long"],
)
@pytest.mark.parametrize("error", [None, "no"], ids=["ack", "nack"])
def test_an_answer_to_nothing_is_ignored_by_delta(
    short: str, nonce: str, error: str | None
) -> None:
    session = DeltaSession(ResponseCache(), WORLD)
    asked = [session.receive(delta("CDS")), session.receive(delta("EDS", "a"))]
    acked = [session.receive(delta("CDS", nonce="1")), session.receive(delta("EDS", nonce="2"))]
    again = [said(session.receive(delta(short, nonce=nonce, error=error))) for _ in range(100)]

    assert [said(outputs)[0] for outputs in (*asked, *acked)] == [
        "1 CDS +a1",
        "2 EDS +a1",
        "ack 1 CDS",
        "ack 2 EDS",
    ]
    assert again == [[]] * 100
    assert session.settled


@pytest.mark.parametrize(
    ("short", "nonce"),
    [("CDS", "1"), ("EDS", "2"), ("CDS", "99"), ("CDS", "2"), ("EDS", "1")],
    ids=["twice", "twice, other type", "unknown", "of EDS", "of CDS"],
)
def test_an_answer_to_nothing_is_ignored_by_the_state_of_the_world(short: str, nonce: str) -> None:
    session = SotwSession(ResponseCache(), WORLD)
    names = {"CDS": "", "EDS": "a"}
    for first, answer in (("CDS", "1"), ("EDS", "2")):
        session.receive(sotw(first, names[first]))
        session.receive(sotw(first, names[first], nonce=answer))
    again = [said(session.receive(sotw(short, names[short], nonce=nonce))) for _ in range(100)]

    assert again == [[]] * 100
    assert session.settled


def test_types_answer_in_any_order() -> None:
    session = DeltaSession(ResponseCache(), WORLD)
    for request in (delta("LDS"), delta("CDS"), delta("EDS", "a")):
        session.receive(request)
    order = [("EDS", "3"), ("LDS", "1"), ("CDS", "2")]
    answers = [said(session.receive(delta(short, nonce=nonce))) for short, nonce in order]

    assert answers == [["ack 3 EDS"], ["ack 1 LDS"], ["ack 2 CDS"]]
    assert session.settled
