"""The half of a stream that writes, with a channel that can be blocked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from controlplane.base.names import Namespace
from controlplane.model.proxy import Proxy, Role
from controlplane.xds.connections import Connection
from controlplane.xds.delta import DeltaSession
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

    async def read(self) -> object:
        return None

    async def write(self, message: bytes, /) -> None:
        self.tried.set()
        await self.open.wait()
        self.written.append(message)


@asynccontextmanager
async def writing(deadline: float) -> AsyncIterator[tuple[Stream, Pipe, "asyncio.Task[None]"]]:
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
    stream = Stream(pipe, connection, Uncounted(), deadline)
    task = asyncio.ensure_future(stream.write())
    stream.emit(session.receive(delta("CDS")))
    stream.emit(session.receive(delta("LDS")))
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
