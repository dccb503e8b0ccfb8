"""What a client can make the control plane remember: counts and bytes, not the memory itself."""

from itertools import pairwise

from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import DeltaRequest, Nonce, SotwRequest
from controlplane.xds.pending_response import PendingResponse, make_room
from controlplane.xds.rejections import Rejections
from controlplane.xds.response import Response, delta_response
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.sotw import SotwSession
from controlplane.xds.wire import Requests
from controlplane.xds.wire_pb2 import DeltaDiscoveryRequest
from tests.support.conversations import delta, form, sotw, world

EDS = TypeUrl.ENDPOINT


def batch(number: int) -> frozenset[str]:
    return frozenset(f"n{number}.{i}" for i in range(200))


def test_answers_about_names_that_are_not_there_are_not_remembered() -> None:
    cache = ResponseCache()
    session = DeltaSession(cache, world(1, CDS="a1", EDS="a1"))
    for number in range(100):
        session.receive(DeltaRequest(type_url=EDS, subscribe=batch(number)))

    assert cache.size == 0


def test_a_subscription_that_grows_is_not_remembered_at_each_of_its_sizes() -> None:
    names = [f"c{i}" for i in range(100)]
    cache = ResponseCache()
    session = DeltaSession(cache, world(1, EDS=" ".join(f"{name}1" for name in names)))
    session.receive(delta("EDS", names[0]))
    for before, name in pairwise(names):
        session.stop_waiting(EDS)
        session.receive(DeltaRequest(type_url=EDS, subscribe=frozenset({before, name})))

    # 150 bytes for each of the one or two names of each question; not for the hundred in the end.
    assert cache.size == 150 * (1 + 99 * 2)


def test_a_state_of_the_world_that_grows_is_not_either() -> None:
    names = [f"c{i}" for i in range(100)]
    cache = ResponseCache()
    session = SotwSession(cache, world(1, EDS=" ".join(f"{name}1" for name in names)))
    session.receive(sotw("EDS", names[0]))
    for number in range(1, 100):
        nonce = Nonce(str(number))
        asked = frozenset(names[: number + 1])
        session.receive(SotwRequest(type_url=EDS, names=asked, nonce=nonce))

    assert cache.size == 150 * 100


def test_a_large_answer_is_weighed_with_the_names_of_its_question() -> None:
    cache = ResponseCache()
    session = DeltaSession(cache, world(1, CDS="a1"))
    session.receive(delta("CDS"))
    session.update(world(2, CDS="a2"))
    before = cache.size
    session.receive(DeltaRequest(type_url=TypeUrl.CLUSTER, subscribe=batch(0) | {"a"}))
    session.stop_waiting(TypeUrl.CLUSTER)

    assert cache.size - before >= 150 * 200


def unanswered(count: int, size: int, *, is_awaited: bool) -> dict[Nonce, PendingResponse]:
    resource = Resource("a", "1", (b"x" * size,))
    return {
        Nonce(str(i)): PendingResponse(
            response=delta_response(TypeUrl.CLUSTER, (resource,)),
            is_awaited=is_awaited,
            is_bisection=False,
            warms=False,
        )
        for i in range(count)
    }


def test_of_late_responses_a_mebibyte_is_kept_and_the_last_one() -> None:
    small = unanswered(100, 100_000, is_awaited=False)
    large = unanswered(2, 5_000_000, is_awaited=False)
    make_room(small)
    make_room(large)

    assert list(small) == [str(i) for i in range(90, 100)]
    assert list(large) == ["1"]


def test_responses_that_are_awaited_are_kept() -> None:
    responses = unanswered(65, 1_000_000, is_awaited=True)
    make_room(responses)

    assert len(responses) == 65


def test_removed_names_weigh_in_a_response() -> None:
    response: Response = delta_response(EDS, (), batch(0))

    assert response.size == 200 * 150


def test_of_many_rejected_resources_only_the_beginnings_of_the_errors_are_kept() -> None:
    rejections = Rejections(TypeUrl.CLUSTER)
    for i in range(102):
        rejections.reject(form(f"c{i}1"), None, "x" * 1_000)

    kept = [len(r.error) for r in rejections.current]
    assert sorted(kept) == [101] * 2 + [1_000] * 100


def test_of_requests_that_are_alike_two_mebibytes_are_kept() -> None:
    requests = Requests()
    bodies = []
    for i in range(10):
        message = DeltaDiscoveryRequest(type_url=EDS.value)
        message.resource_names_subscribe.extend(f"{i}.{n}.{'x' * 990}" for n in range(900))
        bodies.append(message.SerializeToString())
    first = [requests.delta(body)[1] for body in bodies]
    again = [requests.delta(body)[1] for body in reversed(bodies)]

    same = [a is b for a, b in zip(first, reversed(again), strict=True)]
    assert same == [False] * 8 + [True] * 2
