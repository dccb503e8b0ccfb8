"""Many simulated proxies in a light process of their own: HTTP/2 by hand, delta xDS, no decoding.

Each has a connection and a stream of its own, asks for one type after the other, and acknowledges
what it gets. Only the type and the nonce of a response are looked at.
"""

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

PATH: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
AT_ONCE: Final = 50  # connections that are made at once
PATIENCE: Final = 120.0  # seconds

Names = Mapping[str, tuple[str, ...]]
"""By type URL, in the order they are asked for, the names; none are all there are."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A proxy: how it presents itself, and what it asks for (a key of what is told to ``clients``,
    so that thousands share their requests).
    """

    node: bytes
    asks: str


@dataclass(frozen=True, slots=True)
class Counted:
    """What all proxies have got so far, and when the last response came (``time.monotonic``)."""

    responses: int
    bytes: int
    began: float
    last: float


class Clients:
    """The proxies, seen from the process that measures."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def connect(self) -> Counted:
        """Connect all; returns when each has got the last of its types."""
        return self._said("connect", 0)

    def until(self, responses: int) -> Counted:
        """Return when there were so many responses."""
        return self._said("until", responses)

    def _said(self, what: str, number: int) -> Counted:
        self._pipe.send((what, number))
        if not self._pipe.poll(PATIENCE):
            raise SystemExit(f"{what} {number}: not within {PATIENCE} s")
        counted: Counted = self._pipe.recv()
        return counted


@contextmanager
def clients(port: int, proxies: list[Simulated], asks: Mapping[str, Names]) -> Iterator[Clients]:
    """``proxies`` of the server on ``port``; they stay as long as the block runs."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(theirs, port, proxies, asks), daemon=True
    )
    process.start()
    try:
        yield Clients(ours)
    finally:
        process.terminate()
        process.join()


def _run(pipe: Connection, port: int, proxies: list[Simulated], asks: Mapping[str, Names]) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_obey(pipe, port, proxies, asks))


async def _obey(
    pipe: Connection, port: int, proxies: list[Simulated], asks: Mapping[str, Names]
) -> None:
    loop = asyncio.get_running_loop()
    fleet = _Fleet({key: _requests(names) for key, names in asks.items()})
    while True:
        what, number = await loop.run_in_executor(None, pipe.recv)
        if what == "connect":
            fleet.began = time.monotonic()
            for start in range(0, len(proxies), AT_ONCE):
                await asyncio.gather(
                    *(
                        loop.create_connection(lambda p=p: _Client(fleet, p), "127.0.0.1", port)
                        for p in proxies[start : start + AT_ONCE]
                    )
                )
            await fleet.until(lambda: fleet.complete >= len(proxies))
        else:
            await fleet.until(lambda number=number: fleet.responses >= number)
        pipe.send(Counted(fleet.responses, fleet.bytes, fleet.began, fleet.last))


def _requests(names: Names) -> dict[str, bytes]:
    """The requests for each type, by the type that it follows; the first follows none."""
    types = ["", *names]
    return {
        before: DeltaDiscoveryRequest(
            type_url=type_url, resource_names_subscribe=names[type_url]
        ).SerializeToString()
        for before, type_url in zip(types, names, strict=False)
    }


@dataclass(slots=True)
class _Fleet:
    asks: Mapping[str, Mapping[str, bytes]]
    complete: int = 0
    responses: int = 0
    bytes: int = 0
    began: float = 0.0
    last: float = 0.0
    happened: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self.happened.clear()
            await self.happened.wait()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def _literal(name: str, value: str) -> bytes:
    """An HPACK field that is not indexed; strings are shorter than 127."""
    n, v = name.encode(), value.encode()
    return b"\x00" + bytes((len(n),)) + n + bytes((len(v),)) + v


_HEADERS: Final = b"".join(
    _literal(name, value)
    for name, value in (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", PATH),
        (":authority", "xds"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    )
)
_SETTINGS: Final = _frame(4, 0, 0, b"\x00\x04\x7f\xff\xff\xff\x00\x05\x00\xff\xff\xff")
_WINDOW: Final = _frame(8, 0, 0, (0x7FFFFFFF - 0xFFFF).to_bytes(4, "big"))
"""Room for 2 GB, which no proxy here is sent: windows are never opened again."""
_PREFACE: Final = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS + _WINDOW + _frame(1, 4, 1, _HEADERS)
)


def _message(body: bytes) -> bytes:
    """A gRPC message in DATA frames of the size every peer takes."""
    data = b"\x00" + len(body).to_bytes(4, "big") + body
    return b"".join(_frame(0, 0, 1, data[i : i + 16384]) for i in range(0, len(data), 16384))


class _Client(asyncio.BufferedProtocol):
    """One proxy: asks for the next type when it got the last."""

    def __init__(self, fleet: _Fleet, proxy: Simulated) -> None:
        self._fleet = fleet
        self._asks = dict(fleet.asks[proxy.asks])
        self._node = DeltaDiscoveryRequest(node=Node.FromString(proxy.node)).SerializeToString()
        self._data = bytearray()
        self._buffer = memoryview(bytearray(1 << 18))
        self._is_complete = False
        self._left = 0  # bytes of the current message that have not come yet
        self._head = bytearray()
        self._tail = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_PREFACE + _message(self._node + self._asks.pop("")))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._fleet.bytes += nbytes
        data = self._data
        data += self._buffer[:nbytes]
        position = 0
        while len(data) - position >= 9:
            length = int.from_bytes(data[position : position + 3], "big")
            if len(data) - position < 9 + length:
                break
            kind, flags = data[position + 3], data[position + 4]
            if kind == 0:
                self._part(memoryview(data)[position + 9 : position + 9 + length])
            elif kind == 4 and not flags & 1:
                self._transport.write(_frame(4, 1, 0, b""))
            elif kind == 6 and not flags & 1:
                self._transport.write(_frame(6, 1, 0, bytes(data[position + 9 : position + 17])))
            elif kind in (3, 7) or (kind == 1 and flags & 1):
                seen = bytes(data[position : position + 200])
                raise AssertionError(f"the server sent frame {kind}: {seen!r}")
            position += 9 + length
        del data[:position]

    def _part(self, payload: memoryview) -> None:
        """A DATA frame: of each message only the beginning and the end are kept."""
        while payload:
            if self._left == 0:
                need = 5 - len(self._head)
                self._head += payload[:need]
                payload = payload[need:]
                if len(self._head) < 5:
                    return
                self._left = int.from_bytes(self._head[1:5], "big")
            here = payload[: self._left]
            if len(self._head) < 200:
                self._head += here[:200]
            self._tail = bytearray(self._tail[-32:] + here[-32:])
            self._left -= len(here)
            payload = payload[len(here) :]
            if self._left == 0:
                self._whole(bytes(self._head[5:]), bytes(self._tail))
                self._head, self._tail = bytearray(), bytearray()

    def _whole(self, head: bytes, tail: bytes) -> None:
        """A response has come: acknowledge it, go on to the next type at the first of each."""
        at = head.index(b"type.googleapis.com/")
        type_url = head[at : at + head[at - 1]].decode()
        nonce = tail[tail.rindex(b"\x2a", 0, len(tail) - 1) + 2 :].decode()
        fleet = self._fleet
        fleet.responses += 1
        fleet.last = time.monotonic()
        ack = DeltaDiscoveryRequest(type_url=type_url, response_nonce=nonce)
        self._transport.write(_message(ack.SerializeToString()))
        if type_url in self._asks:
            self._transport.write(_message(self._asks.pop(type_url)))
        elif not self._asks and not self._is_complete:
            self._is_complete = True
            fleet.complete += 1
        fleet.happened.set()
