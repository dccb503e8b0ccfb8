"""One gRPC stream around one session: reads requests, writes responses, one at a time.

A client that does not read blocks only the writing of its own stream; what piles up behind is one
shared response for each type. It is closed when a write takes longer than ``WRITE_DEADLINE``.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import grpc

from controlplane.envoy.resource import TypeUrl
from controlplane.xds.connections import Connection
from controlplane.xds.events import Output, Send
from controlplane.xds.wire import StreamFault

WRITE_DEADLINE: Final = 10.0  # seconds


class SlowClient(StreamFault):
    """A response could not be written in time."""

    def __init__(self, deadline: float) -> None:
        text = f"the client did not read a response within {deadline:g} s"
        super().__init__(grpc.StatusCode.DEADLINE_EXCEEDED, text)


class Channel(Protocol):
    """The reading and writing half of ``grpc.aio.ServicerContext``, in bytes."""

    async def read(self) -> object: ...

    async def write(self, message: bytes, /) -> None: ...


class Traffic(Protocol):
    """Counts what goes over the streams."""

    def sent(self, type_url: TypeUrl, size: int) -> None:
        """A response of ``size`` bytes was written to one proxy."""

    def rejected(self, type_url: TypeUrl) -> None:
        """A proxy refused a response."""


class Uncounted:
    """Counts nothing."""

    def sent(self, type_url: TypeUrl, size: int) -> None: ...

    def rejected(self, type_url: TypeUrl) -> None: ...


class Stream:
    """A live stream. A write may take ``deadline`` seconds."""

    def __init__(
        self,
        channel: Channel,
        connection: Connection,
        traffic: Traffic,
        deadline: float = WRITE_DEADLINE,
    ) -> None:
        self.connection = connection
        self._traffic = traffic
        self._deadline = deadline
        self._channel = channel
        self._outbox: deque[Send] = deque()
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._writing: float | None = None
        self._expired = False
        self.timer: asyncio.TimerHandle | None = None
        """Rings when something has waited for too long: see ``Deadlines``."""

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
        """Write what is queued, forever; raises ``SlowClient`` once it was ``expire``d."""
        self._writer = asyncio.current_task()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._outbox:
                    send = self._outbox.popleft()
                    self._writing = time.monotonic()
                    message = send.response.message(send.nonce)
                    await self._channel.write(message)
                    self._writing = None
                    self._traffic.sent(send.type_url, len(message))
        except asyncio.CancelledError:
            if not self._expired:
                raise
            raise SlowClient(self._deadline) from None

    def expire(self) -> None:
        """End the stream if its client does not read; a look from time to time is cheap."""
        since = self._writing
        overdue = since is not None and time.monotonic() - since > self._deadline
        if overdue and self._writer is not None and not self._expired:
            self._expired = True
            self._writer.cancel()
