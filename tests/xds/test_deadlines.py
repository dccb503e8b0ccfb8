"""When a stream stops waiting, for an answer or for the turn of what it has to send."""

from controlplane.xds.deadlines import Deadlines
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import Output
from tests.support.conversations import delta, said, synced, type_url, world

CDS, EDS, RDS = type_url("CDS"), type_url("EDS"), type_url("RDS")
ONE = world(1, CDS="a1", EDS="a1", RDS="r1")


class Timed:
    """A session and its deadlines, at times that the test says."""

    def __init__(self) -> None:
        self.session: DeltaSession = synced(ONE, CDS="*", EDS="a", RDS="r")
        self.deadlines = Deadlines(1.0)

    def at(self, now: float, outputs: tuple[Output, ...]) -> list[str]:
        self.deadlines.note(self.session, outputs, now)
        return said(outputs)

    def next(self) -> float | None:
        return self.deadlines.next(self.session)


def test_an_answer_is_waited_for_one_limit_from_the_response_on() -> None:
    timed = Timed()
    timed.at(5.0, timed.session.update(world(2, CDS="a1", EDS="a2", RDS="r1")))

    assert timed.next() == 6.0
    assert timed.deadlines.answered_late(timed.session, 5.9) == ()
    assert timed.deadlines.answered_late(timed.session, 6.0) == (EDS,)

    timed.at(6.0, timed.session.stop_waiting(EDS))

    assert timed.next() is None
    assert timed.session.is_overdue(EDS)
    assert timed.deadlines.unanswered_since(EDS) == 5.0


def test_a_prompt_client_is_never_late_however_often_it_is_sent_something() -> None:
    timed = Timed()
    for i in range(1, 31):
        timed.at(i / 10, timed.session.update(world(i, CDS="a1", EDS=f"a{i % 9 + 1}", RDS="r1")))
        timed.at(
            i / 10 + 0.05,
            timed.session.receive(delta("EDS", nonce=timed.session.awaits(EDS) or "")),
        )

    assert timed.deadlines.answered_late(timed.session, 3.06) == ()
    assert timed.next() is None


def test_what_is_held_back_waits_one_limit_though_each_answer_comes_in_time() -> None:
    timed = Timed()
    timed.at(0.0, timed.session.update(world(2, CDS="a1", EDS="a2", RDS="r1")))
    timed.at(0.1, timed.session.update(world(3, CDS="a1 b1", EDS="a2 b1", RDS="r2")))
    timed.at(0.9, timed.session.update(world(4, CDS="a2 b1", EDS="a3 b1", RDS="r3")))

    assert timed.session.held_back == (CDS, EDS, RDS)
    assert timed.deadlines.held_back_too_long(1.0) == ()
    assert timed.deadlines.held_back_too_long(1.1) == (EDS, RDS)
    assert timed.at(1.1, timed.session.send_anyway(RDS)) == [
        "6 CDS +a2",
        "7 EDS +a3 +b1",
        "8 RDS +r3",
    ]


def test_an_answer_that_comes_late_ends_the_delay() -> None:
    timed = Timed()
    timed.at(0.0, timed.session.update(world(2, CDS="a1", EDS="a2", RDS="r1")))
    timed.at(1.0, timed.session.stop_waiting(EDS))

    timed.at(9.0, timed.session.receive(delta("EDS", nonce="4")))

    assert not timed.session.is_overdue(EDS)
    assert timed.deadlines.unanswered_since(EDS) is None
