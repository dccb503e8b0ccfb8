"""One gRPC stream around one session: reads requests, writes responses, one at a time.

A client that does not read blocks only the writing of its own stream; what piles up behind is one
shared payload for each type. It is closed when a write takes longer than ``WRITE_DEADLINE``.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final
from typing import Protocol

import grpc

from controlplane.xds.connections import Connection
from controlplane.xds.conversation import Output
from controlplane.xds.conversation import Send
from controlplane.xds.wire import StreamFault

WRITE_DEADLINE: Final = 10.0  # seconds


class Channel(Protocol):
    """The reading and writing half of ``grpc.aio.ServicerContext``, in bytes."""

    async def read(self) -> object: ...

    async def write(self, message: bytes, /) -> None: ...


class Stream:
    """A live stream. ``heard`` is called with the bytes of each request after the first."""

    def __init__(self, channel: Channel, connection: Connection) -> None:
        self.connection = connection
        self._channel = channel
        self._outbox: deque[Send] = deque()
        self._wake = asyncio.Event()

    def emit(self, outputs: tuple[Output, ...]) -> None:
        """Queue what is to be written."""
        self._outbox.extend(output for output in outputs if isinstance(output, Send))
        if self._outbox:
            self._wake.set()

    async def read(self, heard: Callable[[bytes], None]) -> None:
        """Hand over requests until the client ends the stream."""
        while isinstance(body := await self._channel.read(), bytes):
            heard(body)

    async def write(self) -> None:
        """Write what is queued, for ever; raises ``StreamFault`` when the client does not read."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                send = self._outbox.popleft()
                await self._write(send.payload.message(send.nonce))

    async def _write(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(WRITE_DEADLINE):
                await self._channel.write(message)
        except TimeoutError as error:
            text = f"a response could not be written within {WRITE_DEADLINE:g} s"
            raise StreamFault(grpc.StatusCode.DEADLINE_EXCEEDED, text) from error
