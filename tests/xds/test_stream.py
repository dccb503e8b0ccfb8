"""The half of a stream that writes, with a channel that can be blocked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest

from controlplane.base.names import Namespace
from controlplane.model.proxy import Proxy, Role
from controlplane.xds.connections import Connection
from controlplane.xds.delta import DeltaSession
from controlplane.xds.limits import Limits, RequestRate, Usage
from controlplane.xds.response import Variant
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.stream import SlowClient, Stream, Uncounted
from tests.support.conversations import delta, world


class Pipe:
    """A channel that takes messages while it is ``open``."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.written: list[bytes] = []
        self.tried = asyncio.Event()
        self.requests: asyncio.Queue[object] = asyncio.Queue()

    async def read(self) -> object:
        return await self.requests.get()

    async def write(self, message: bytes, /) -> None:
        self.tried.set()
        await self.open.wait()
        self.written.append(message)


@asynccontextmanager
async def writing(
    deadline: float, usage: Usage | None = None
) -> AsyncIterator[tuple[Stream, Pipe, "asyncio.Task[None]"]]:
    session = DeltaSession(ResponseCache(), world(1, CDS="a1", LDS="l1"))
    proxy = Proxy(
        name="p", role=Role.GATEWAY, namespace=Namespace("shop"), service_account="default"
    )
    connection = Connection(
        proxy=proxy,
        node="p",
        peer="",
        variant=Variant.DELTA,
        connected=datetime.now(UTC),
        session=session,
    )
    pipe = Pipe()
    rate = RequestRate(Limits(), 0.0)
    shared = usage if usage is not None else Usage(Limits())
    use = shared.of(("shop", "default"))
    stream = Stream(pipe, connection, Uncounted(), deadline, use=use, rate=rate)
    task = asyncio.ensure_future(stream.write())
    stream.emit(session.receive(delta("CDS")))
    stream.emit(session.receive(delta("LDS")))
    if usage is None:
        await pipe.tried.wait()
    yield stream, pipe, task
    task.cancel()


async def test_responses_are_written_one_at_a_time() -> None:
    async with writing(10.0) as (_, pipe, _):
        assert pipe.written == []

        pipe.open.set()
        while len(pipe.written) < 2:
            await asyncio.sleep(0)

        assert [b"Cluster" in pipe.written[0], b"Listener" in pipe.written[1]] == [True, True]


async def test_a_client_that_does_not_read_is_given_up() -> None:
    async with writing(0.0) as (stream, _, task):
        stream.expire()

        with pytest.raises(SlowClient):
            await task


async def test_a_client_that_may_still_read_is_not() -> None:
    async with writing(10.0) as (stream, _, task):
        stream.expire()
        await asyncio.sleep(0)

        assert not task.done()


async def test_until_all_is_written_no_event_happens_and_of_each_kind_the_last_one_is_kept() -> (
    None
):
    async with writing(10.0) as (stream, pipe, _):
        happened: list[str] = []
        for revision in range(100):
            stream.happen("update", partial(happened.append, f"update {revision}"))
        stream.happen("rotate", partial(happened.append, "rotate"))
        before = list(happened)

        pipe.open.set()
        while len(happened) < 2:
            await asyncio.sleep(0)
        stream.happen("update", partial(happened.append, "update 100"))

        assert (before, happened) == ([], ["update 99", "rotate", "update 100"])


async def test_until_all_is_written_no_request_is_heard() -> None:
    async with writing(10.0) as (stream, pipe, _):
        heard: list[bytes] = []
        for request in (b"one", b"two", None):
            pipe.requests.put_nowait(request)
        reading = asyncio.ensure_future(stream.read(heard.append))
        await asyncio.sleep(0)
        before = list(heard)

        pipe.open.set()
        await reading

        assert (before, heard, pipe.requests.qsize()) == ([], [b"one", b"two"], 0)


async def test_what_an_event_makes_is_written_before_the_next_one_happens() -> None:
    async with writing(10.0) as (stream, pipe, _):
        session = stream.connection.session
        assert isinstance(session, DeltaSession)
        stream.happen("one", lambda: stream.emit(session.receive(delta("SDS", "x"))))
        queued: list[int] = []
        stream.happen("two", lambda: queued.append(stream.queued))

        pipe.open.set()
        while not queued:
            await asyncio.sleep(0)

        assert (queued, len(pipe.written)) == ([0], 3)


async def test_new_streams_of_an_identity_share_what_is_written_to_them_at_once() -> None:
    usage = Usage(Limits(unread=0))
    async with writing(10.0, usage) as (_, one, _), writing(10.0, usage) as (_, two, _):
        await one.tried.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        before = two.tried.is_set()
        one.open.set()
        await two.tried.wait()

        assert (before, len(one.written)) == (False, 1)


async def test_a_stream_that_has_answered_waits_for_no_other() -> None:
    usage = Usage(Limits(unread=0))
    async with writing(10.0, usage) as (stream, one, _):
        one.open.set()
        while len(one.written) < 2:
            await asyncio.sleep(0)
        session = stream.connection.session
        assert isinstance(session, DeltaSession)
        stream.emit(session.receive(delta("CDS", nonce="1")))
        async with writing(10.0, usage) as (_, two, _):
            await two.tried.wait()
            stream.emit(session.receive(delta("SDS", "x")))
            while len(one.written) < 3:
                await asyncio.sleep(0)

            assert two.written == []
