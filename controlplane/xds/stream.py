"""One gRPC stream around one session: reads requests, writes responses, one at a time.

A client that does not read blocks its own stream only, and nothing piles up behind: until what one
event made is written, no request is read and no event happens, and of those that come meanwhile the
last of each kind is kept. The stream is closed when a write takes longer than ``WRITE_DEADLINE``.
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
from controlplane.xds.limits import RequestRate, Use
from controlplane.xds.wire import LimitExceeded, StreamFault

WRITE_DEADLINE: Final = 10.0  # seconds


class SlowClient(LimitExceeded):
    """A response could not be written in time."""

    def __init__(self, deadline: float) -> None:
        text = f"the client did not read a response within {deadline:g} s"
        super().__init__("write_time", text, grpc.StatusCode.DEADLINE_EXCEEDED)


class Channel(Protocol):
    """The reading and writing half of ``grpc.aio.ServicerContext``, in bytes."""

    async def read(self) -> object: ...

    async def write(self, message: bytes, /) -> None: ...


class Traffic(Protocol):
    """Counts what goes over the streams, and what was refused."""

    def sent(self, type_url: TypeUrl, size: int, due: float, wrote: float) -> None:
        """A response of ``size`` bytes was written to one proxy, ``due`` seconds after it was to
        be; writing it took ``wrote`` seconds.
        """

    def rejected(self, type_url: TypeUrl) -> None:
        """A proxy refused a response."""

    def limited(self, limit: str) -> None:
        """A stream was ended or refused because it exceeds ``limit``."""

    def failed(self) -> None:
        """A stream was ended by an internal error."""


class Uncounted:
    """Counts nothing."""

    def sent(self, type_url: TypeUrl, size: int, due: float, wrote: float) -> None: ...

    def rejected(self, type_url: TypeUrl) -> None: ...

    def limited(self, limit: str) -> None: ...

    def failed(self) -> None: ...


class Stream:
    """A live stream. A write may take ``deadline`` seconds; ``use`` and ``rate`` are what its
    client may ask for.
    """

    def __init__(
        self,
        channel: Channel,
        connection: Connection,
        traffic: Traffic,
        deadline: float = WRITE_DEADLINE,
        *,
        use: Use,
        rate: RequestRate,
    ) -> None:
        self.connection = connection
        self.use = use
        self.rate = rate
        self._traffic = traffic
        self._deadline = deadline
        self._channel = channel
        self._outbox: deque[tuple[float, Send]] = deque()
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._postponed: dict[str, Callable[[], None]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._writing: float | None = None
        self._has_answered = False
        self._fault: StreamFault | None = None
        self.timer: asyncio.TimerHandle | None = None
        """Rings when something has waited for too long: see ``Deadlines``."""

    def emit(self, outputs: tuple[Output, ...]) -> None:
        """Queue what is to be written."""
        sends = [output for output in outputs if isinstance(output, Send)]
        if sends:
            now = time.monotonic()
            self._outbox.extend((now, send) for send in sends)
        if len(sends) < len(outputs):
            self._has_answered = True
        if self._outbox:
            self._drained.clear()
            self._wake.set()

    @property
    def queued(self) -> int:
        """How many responses wait to be written, behind the one that is being written."""
        return len(self._outbox)

    def happen(self, kind: str, event: Callable[[], None]) -> None:
        """Let ``event`` happen now, or once all is written, where no newer one of its ``kind``
        replaces it.
        """
        if self._drained.is_set():
            event()
        else:
            self._postponed[kind] = event

    async def read(self, heard: Callable[[bytes], None]) -> None:
        """Hand over requests until the client ends the stream."""
        while isinstance(body := await self._channel.read(), bytes):
            while not self._drained.is_set():
                await self._drained.wait()
            heard(body)

    async def write(self) -> None:
        """Write what is queued, forever; raises the fault that the stream was ``end``ed with."""
        self._writer = asyncio.current_task()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._outbox:
                    await self._send(*self._outbox.popleft())
                self._catch_up()
        except asyncio.CancelledError:
            if self._fault is None:
                raise
            raise self._fault from None

    async def _send(self, since: float, send: Send) -> None:
        if self._has_answered:
            await self._write(since, send)
        else:
            async with self.use.unread.written(send.response.size):
                await self._write(since, send)

    async def _write(self, since: float, send: Send) -> None:
        began = self._writing = time.monotonic()
        message = send.response.message(send.nonce)
        await self._channel.write(message)
        self._writing = None
        now = time.monotonic()
        self._traffic.sent(send.type_url, len(message), now - since, now - began)

    def _catch_up(self) -> None:
        """All is written: let happen what was postponed."""
        self._drained.set()
        postponed, self._postponed = self._postponed, {}
        for kind, event in postponed.items():
            self.happen(kind, event)

    def end(self, fault: StreamFault) -> None:
        """Close the stream with ``fault``, which ``write`` raises."""
        if self._writer is not None and self._fault is None:
            self._fault = fault
            self._writer.cancel()

    def expire(self) -> None:
        """End the stream if its client does not read; a look from time to time is cheap."""
        since = self._writing
        overdue = since is not None and time.monotonic() - since > self._deadline
        if overdue:
            self.end(SlowClient(self._deadline))
