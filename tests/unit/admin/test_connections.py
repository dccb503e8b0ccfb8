"""Idle and slow connections to the admin interface, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from controlplane.admin.connections import ConnectionLimits
from controlplane.admin.server import listener, serving

GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
WAIT = 10.0  # seconds until a missing answer fails the test

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[bytes], Awaitable[Streams]]


@asynccontextmanager
async def admin(limits: ConnectionLimits) -> AsyncIterator[Connect]:
    """An interface that answers ``ok`` once it has read the body; gives how to connect to it."""

    async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def] # ASGI
        await Request(scope, receive).body()
        await PlainTextResponse("ok")(scope, receive, send)

    listening = listener("127.0.0.1", 0)
    port = listening.getsockname()[1]
    async with AsyncExitStack() as opened, serving(app, listening, limits):

        async def connect(said: bytes) -> Streams:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened.callback(writer.close)
            writer.write(said)
            return reader, writer

        yield connect


async def end_of(streams: Streams) -> bytes:
    """What the server said until it closed the connection."""
    try:
        return await asyncio.wait_for(streams[0].read(), WAIT)
    except ConnectionResetError:
        return b""


async def answer(streams: Streams) -> bytes:
    return await asyncio.wait_for(streams[0].readuntil(b"\r\n\r\nok"), WAIT)


@pytest.mark.parametrize(
    "said",
    [b"", b"GET /heal", GET[:-2], b"POST / HTTP/1.1\r\nhost: a\r\ncontent-le"],
    ids=["nothing", "half a line", "no end of the headers", "half a header"],
)
async def test_a_request_that_does_not_come_is_not_waited_for(said: bytes) -> None:
    async with admin(ConnectionLimits(request=0.05)) as connect:
        assert await end_of(await connect(said)) == b""


async def test_further_bytes_give_no_further_time() -> None:
    async with admin(ConnectionLimits(request=0.2)) as connect:
        reader, writer = await connect(b"GET / HTTP/1.1\r\n")

        async def trickle() -> None:
            for i in range(1_000):
                writer.write(b"x-%d: y\r\n" % i)
                await asyncio.sleep(0.02)

        trickling = asyncio.ensure_future(trickle())
        assert await end_of((reader, writer)) == b""
        trickling.cancel()


async def test_the_second_request_of_a_connection_is_not_waited_for_either() -> None:
    async with admin(ConnectionLimits(request=0.05)) as connect:
        first = await connect(GET)
        await answer(first)
        first[1].write(b"GET")

        assert await end_of(first) == b""


async def test_a_connection_is_kept_for_further_requests() -> None:
    async with admin(ConnectionLimits(request=0.05)) as connect:
        streams = await connect(GET)
        for _ in range(3):
            await answer(streams)
            await asyncio.sleep(0.1)
            streams[1].write(GET)

        assert (await answer(streams)).startswith(b"HTTP/1.1 200")


async def test_300_half_open_connections_keep_nobody_out_and_64_of_them_are_kept() -> None:
    async with admin(ConnectionLimits(request=60.0, spared=0.0)) as connect:
        half = [await connect(b"GET /heal") for _ in range(300)]
        for _ in range(3):
            assert (await answer(await connect(GET))).startswith(b"HTTP/1.1 200")

        oldest = [await end_of(streams) for streams in half[:236]]
        assert oldest == [b""] * 236
        assert not half[-1][0].at_eof()


async def test_a_connection_that_has_just_come_is_spared_for_a_moment() -> None:
    async with admin(ConnectionLimits(request=60.0, idle=1, spared=0.2)) as connect:
        one, two = await connect(b""), await connect(b"")
        one[1].write(GET)
        first = await answer(one)

        assert first.startswith(b"HTTP/1.1 200")
        assert await end_of(two) == b""


async def test_connections_that_are_being_answered_make_room_too() -> None:
    body = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n"
    async with admin(ConnectionLimits(connections=10)) as connect:
        slow = [await connect(body) for _ in range(10)]
        while not slow[0][0].at_eof():
            await answer(await connect(GET))

        assert await end_of(slow[0]) == b""


async def test_headers_have_a_limit() -> None:
    async with admin(ConnectionLimits()) as connect:
        streams = await connect(b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 20_000)

        assert (await end_of(streams)).startswith(b"HTTP/1.1 400")


def test_a_port_is_listened_on_once() -> None:
    with listener("127.0.0.1", 0) as listening:
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
