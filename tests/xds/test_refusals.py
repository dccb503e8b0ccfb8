"""What becomes of a resource that a client refuses (NACK), in both variants."""

from controlplane.xds.delta import DeltaSession
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.sotw import SotwSession
from tests.support.conversations import delta, said, sotw, type_url, world

LDS = type_url("LDS")


def talking(text: str, cache: ResponseCache | None = None) -> DeltaSession:
    """A session whose client has acknowledged these listeners."""
    session = DeltaSession(cache or ResponseCache(), world(1, LDS=text))
    session.arrived()
    session.receive(delta("LDS"))
    session.receive(delta("LDS", nonce="1"))
    return session


def test_a_refused_resource_is_reported_and_not_sent_again() -> None:
    session = talking("a1 b1")
    session.update(world(2, LDS="a2 b1"))

    assert said(session.receive(delta("LDS", nonce="2", error="bad"))) == ["LDS a2 rejected: bad"]
    assert said(session.update(world(3, LDS="a2 b1"))) == []
    assert [r.name for r in session.rejections(LDS)] == ["a"]
    assert session.settled


def test_a_refused_response_is_taken_apart_to_find_its_culprit() -> None:
    session = talking("a1 b1 c1")
    session.update(world(2, LDS="a2 b2 c2"))

    apart = said(session.receive(delta("LDS", nonce="2", error="no")))
    found = [
        said(session.receive(delta("LDS", nonce="3"))),
        said(session.receive(delta("LDS", nonce="4", error="duplicate address"))),
        said(session.receive(delta("LDS", nonce="5"))),
    ]

    assert apart == ["2 LDS refused: no", "3 LDS +a2", "4 LDS +b2", "5 LDS +c2"]
    assert found == [["ack 3 LDS"], ["LDS b2 rejected: duplicate address"], ["ack 5 LDS"]]
    assert session.settled


def test_whom_the_error_names_is_tried_first() -> None:
    session = talking("a1 b1 c1")
    session.update(world(2, LDS="a2 b2 c2"))

    apart = said(session.receive(delta("LDS", nonce="2", error="c: bad")))

    assert apart == ["2 LDS refused: c: bad", "3 LDS +c2", "4 LDS +a2", "5 LDS +b2"]


def test_a_refusal_of_hundreds_is_divided_twice() -> None:
    names = [f"l{i:03}" for i in range(256)]
    session = talking(" ".join(f"{n}1" for n in names))
    session.update(world(2, LDS=" ".join(f"{n}2" for n in names)))

    apart = said(session.receive(delta("LDS", nonce="2", error="")))
    again = said(session.receive(delta("LDS", nonce="3", error="")))

    assert len(apart) == 1 + 64
    assert apart[1] == "3 LDS +l0002 +l0012 +l0022 +l0032"
    assert again == ["3 LDS refused: ", "67 LDS +l0002"]
    assert said(session.receive(delta("LDS", nonce="4"))) == ["ack 4 LDS", "68 LDS +l0012"]


def test_a_new_version_of_a_refused_resource_is_tried() -> None:
    session = talking("a1")
    session.update(world(2, LDS="a2"))
    session.receive(delta("LDS", nonce="2", error="bad"))

    assert said(session.update(world(3, LDS="a3"))) == ["3 LDS +a3"]
    assert [r.version for r in session.rejections(LDS)] == ["2"]
    session.receive(delta("LDS", nonce="3"))
    assert session.rejections(LDS) == ()


def test_going_back_to_the_good_version_sends_it_and_ends_the_refusal() -> None:
    session = talking("a1")
    session.update(world(2, LDS="a2"))
    session.receive(delta("LDS", nonce="2", error="bad"))

    assert said(session.update(world(3, LDS="a1"))) == ["3 LDS +a1"]
    session.receive(delta("LDS", nonce="3"))
    assert session.rejections(LDS) == ()


def test_a_refused_version_that_comes_back_is_reported_without_being_sent() -> None:
    session = talking("a1")
    session.update(world(2, LDS="a2"))
    session.receive(delta("LDS", nonce="2", error="bad"))
    session.update(world(3, LDS="a1"))
    session.receive(delta("LDS", nonce="3"))

    assert said(session.update(world(4, LDS="a2"))) == []
    assert [r.error for r in session.rejections(LDS)] == ["bad"]


def test_a_held_resource_is_answered_in_its_good_form() -> None:
    session = DeltaSession(ResponseCache(), world(1, EDS="a1"))
    session.receive(delta("EDS", "a"))
    session.receive(delta("EDS", nonce="1"))
    session.update(world(2, EDS="a2"))
    session.receive(delta("EDS", nonce="2", error="malformed IP address"))

    assert said(session.receive(delta("EDS", "a"))) == ["3 EDS +a1"]
    session.receive(delta("EDS", nonce="3"))
    assert [r.version for r in session.rejections(type_url("EDS"))] == ["2"]


def test_a_resource_that_never_had_a_good_form_is_absent() -> None:
    session = DeltaSession(ResponseCache(), world(1, EDS="a1"))
    session.receive(delta("EDS", "a"))
    session.receive(delta("EDS", nonce="1", error="malformed IP address"))

    assert said(session.receive(delta("EDS", "a"))) == ["2 EDS -a"]


def test_a_refused_resource_that_is_deleted_is_removed_and_no_longer_reported() -> None:
    session = talking("a1 b1")
    session.update(world(2, LDS="a2 b1"))
    session.receive(delta("LDS", nonce="2", error="bad"))

    assert said(session.update(world(3, LDS="b1"))) == ["3 LDS -a"]
    assert session.rejections(LDS) == ()


def test_a_removal_in_a_refused_response_is_said_again_alone() -> None:
    session = talking("old1")
    session.update(world(2, LDS="new1"))

    lines = said(session.receive(delta("LDS", nonce="2", error="bad")))

    assert lines == ["LDS new1 rejected: bad", "3 LDS -old"]


def test_what_one_proxy_refused_is_sent_to_the_next_in_a_message_of_its_own() -> None:
    cache = ResponseCache()
    snapshot = world(2, LDS="a2 b1")
    first = talking("a1 b1", cache)
    first.update(snapshot)
    first.receive(delta("LDS", nonce="2", error="bad"))

    next_one = DeltaSession(cache, snapshot)

    assert said(next_one.receive(delta("LDS"))) == ["1 LDS +b1", "2 LDS +a2"]


def test_a_new_change_waits_until_the_culprit_is_found() -> None:
    session = talking("a1 b1")
    session.update(world(2, LDS="a2 b2"))
    session.receive(delta("LDS", nonce="2", error="no"))

    assert said(session.update(world(3, LDS="a2 b3"))) == []
    session.receive(delta("LDS", nonce="3"))
    assert said(session.receive(delta("LDS", nonce="4", error="bad"))) == [
        "LDS b2 rejected: bad",
        "5 LDS +b3",
    ]


def test_clusters_offered_again_are_followed_by_their_endpoints() -> None:
    session = DeltaSession(ResponseCache(), world(1, CDS="a1 b1", EDS="a1 b1"))
    session.arrived()
    session.receive(delta("CDS"))
    session.receive(delta("EDS", "a b"))
    session.receive(delta("EDS", nonce="2"))

    lines = said(session.receive(delta("CDS", nonce="1", error="no")))

    assert lines == ["1 CDS refused: no", "3 CDS +a1", "4 CDS +b1", "5 EDS +a1 +b1"]


def test_state_of_the_world_goes_back_to_what_was_good_and_offers_one_by_one() -> None:
    session = SotwSession(ResponseCache(), world(1, LDS="a1 b1"))
    session.receive(sotw("LDS"))
    session.receive(sotw("LDS", nonce="1"))
    session.update(world(2, LDS="a2 b2"))

    first = said(session.receive(sotw("LDS", nonce="2", error="no")))
    second = said(session.receive(sotw("LDS", nonce="3", error="bad")))
    last = said(session.receive(sotw("LDS", nonce="4")))

    assert first == ["2 LDS refused: no", "3 LDS +a2 +b1"]
    assert second == ["LDS a2 rejected: bad", "4 LDS +a1 +b2"]
    assert last == ["ack 4 LDS"]
    assert said(session.update(world(3, LDS="a3 b2"))) == ["5 LDS +a3 +b2"]


def test_state_of_the_world_is_said_again_with_the_culprit_held() -> None:
    session = SotwSession(ResponseCache(), world(1, LDS="a1 b1"))
    session.receive(sotw("LDS"))
    session.receive(sotw("LDS", nonce="1"))
    session.update(world(2, LDS="a2"))

    lines = said(session.receive(sotw("LDS", nonce="2", error="bad")))

    assert lines == ["LDS a2 rejected: bad", "3 LDS +a1"]
    assert said(session.receive(sotw("LDS", nonce="3", error="still bad"))) == [
        "3 LDS refused: still bad"
    ]


def test_state_of_the_world_offers_routes_alone() -> None:
    session = SotwSession(ResponseCache(), world(1, RDS="r1 s1"))
    session.receive(sotw("RDS", "r s"))

    lines = said(session.receive(sotw("RDS", "r s", nonce="1", error="no")))

    assert lines == ["1 RDS refused: no", "2 RDS +r1"]
    assert said(session.receive(sotw("RDS", "r s", nonce="2"))) == ["ack 2 RDS", "3 RDS +s1"]


def test_a_secret_that_names_files_goes_alone_for_envoy_takes_it_unread_the_second_time() -> None:
    files = "file-cert:/c~/k"
    session = DeltaSession(ResponseCache(), world(1, SDS=f"a1 b1 {files}1"))
    session.arrived()

    answers = said(session.receive(delta("SDS", f"a b {files}")))

    assert answers == ["1 SDS +a1 +b1", f"2 SDS +{files}1"]


TAKEN = "a: cannot bind '0.0.0.0:80': Address already in use"


def test_a_listener_whose_port_is_taken_is_offered_again_until_it_is_free() -> None:
    session = talking("b1")
    session.update(world(2, LDS="a1 b1"))
    session.receive(delta("LDS", nonce="2", error=TAKEN))

    assert said(session.retry()) == ["3 LDS +a1"]
    assert said(session.retry()) == []
    assert [r.name for r in session.rejections(LDS)] == ["a"]
    assert said(session.receive(delta("LDS", nonce="3", error=TAKEN))) == [
        f"LDS a1 rejected: {TAKEN}"
    ]
    assert said(session.retry()) == ["4 LDS +a1"]
    session.receive(delta("LDS", nonce="4"))
    assert session.rejections(LDS) == ()
    assert said(session.retry()) == []


def test_the_state_of_the_world_says_the_taken_port_again_with_all_the_others() -> None:
    session = SotwSession(ResponseCache(), world(1, LDS="a1 b1"))
    session.arrived()
    session.receive(sotw("LDS"))
    for nonce, error in (("1", TAKEN), ("2", TAKEN), ("3", None)):
        session.receive(sotw("LDS", nonce=nonce, error=error))
    assert [r.name for r in session.rejections(LDS)] == ["a"]

    assert said(session.retry()) == ["4 LDS +a1 +b1"]
    session.receive(sotw("LDS", nonce="4"))
    assert session.rejections(LDS) == ()


def test_what_is_wrong_in_itself_is_not_offered_again() -> None:
    session = talking("a1")
    session.update(world(2, LDS="a2"))
    session.receive(delta("LDS", nonce="2", error="a: bad"))

    assert said(session.retry()) == []
