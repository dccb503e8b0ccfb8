"""A thousand proxies of one scope share the bytes of what they are sent, and the work."""

import xxhash

from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import Send
from controlplane.xds.response import Variant, delta_response, sotw_response
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.sotw import SotwSession
from controlplane.xds.wire_pb2 import DeltaDiscoveryResponse, DiscoveryResponse
from tests.support.conversations import delta, form, sotw, type_url, world

CDS = type_url("CDS")


def test_alike_sessions_send_the_same_bytes_object() -> None:
    cache, snapshot = ResponseCache(), world(1, CDS="a1", EDS="a1")
    sessions = [DeltaSession(cache, snapshot) for _ in range(3)]

    for request in (delta("CDS"), delta("EDS", "a b")):
        sent = [session.receive(request)[0] for session in sessions]
        bodies = [s.response.message(s.nonce) for s in sent if isinstance(s, Send)]
        assert len(bodies) == 3
        assert all(body is bodies[0] for body in bodies)


def test_alike_sessions_share_the_answer_to_a_change() -> None:
    cache, first, second = ResponseCache(), world(1, CDS="a1"), world(2, CDS="a2")
    sessions = [SotwSession(cache, first) for _ in range(3)]
    for session in sessions:
        session.receive(sotw("CDS"))
        session.receive(sotw("CDS", nonce="1"))

    sent = [session.update(second)[0] for session in sessions]

    assert len({id(s.response) for s in sent if isinstance(s, Send)}) == 1


def test_equal_subscriptions_are_one_object_for_as_long_as_they_last() -> None:
    cache = ResponseCache()
    one = cache.same(frozenset({"a", "b"}))

    assert cache.same(frozenset({"b", "a"})) is one
    assert cache.same(frozenset({"a"})) is not one


def test_other_subscriptions_get_other_answers() -> None:
    cache, snapshot = ResponseCache(), world(1, EDS="a1 b1")

    one = DeltaSession(cache, snapshot).receive(delta("EDS", "a"))[0]
    other = DeltaSession(cache, snapshot).receive(delta("EDS", "b"))[0]

    assert isinstance(one, Send)
    assert isinstance(other, Send)
    assert one.response.fresh == {"a"}
    assert other.response.fresh == {"b"}


def test_a_delta_response_has_its_parts_in_the_order_of_names() -> None:
    response = delta_response(CDS, [form("b1"), form("a1")], ["d", "c"])

    read = DeltaDiscoveryResponse.FromString(response.message("7"))

    assert [r.name for r in response.resources] == ["a", "b"]
    assert (read.type_url, read.nonce, list(read.removed_resources)) == (CDS.value, "7", ["c", "d"])


def test_the_version_of_a_state_is_that_of_its_content() -> None:
    one, same = (sotw_response(CDS, [form("a1"), form("b2")], frozenset()) for _ in range(2))
    other = sotw_response(CDS, [form("a1"), form("b3")], frozenset())

    versions = [
        DiscoveryResponse.FromString(p.message("1")).version_info for p in (one, same, other)
    ]

    assert one.variant is Variant.SOTW
    assert versions[:2] == [xxhash.xxh3_64_hexdigest(b"12")] * 2
    assert versions[2] != versions[0]
