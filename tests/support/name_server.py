"""A DNS server on loopback that knows one address, and answers when the test lets it."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HEADER = 12  # bytes; RFC 1035, 4.1.1
A_RECORD = 1
POINTER_TO_THE_QUESTION = b"\xc0\x0c"


class NameServer(asyncio.DatagramProtocol):
    """``asked`` is set by the first question; answers wait for ``answers``."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self._replies: set[asyncio.Task[None]] = set()

    def listen(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    @property
    def port(self) -> int:
        name = self._transport.get_extra_info("sockname")
        port = name[1]
        assert isinstance(port, int), "an IPv4 socket's name is (address, port)"
        return port

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.asked.set()
        reply = asyncio.ensure_future(self._reply(data, address))
        self._replies.add(reply)
        reply.add_done_callback(self._replies.discard)

    async def _reply(self, query: bytes, address: tuple[str, int]) -> None:
        await self.answers.wait()
        end = query.index(b"\0", HEADER) + 5
        (kind,) = struct.unpack(">H", query[end - 4 : end - 2])
        found = POINTER_TO_THE_QUESTION + struct.pack(">HHIH4B", kind, 1, 60, 4, 127, 0, 0, 1)
        answers = [found] if kind == A_RECORD else []
        head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(answers), 0, 0)
        self._transport.sendto(head + query[HEADER:end] + b"".join(answers), address)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """Every name has the address 127.0.0.1."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    protocol.listen(transport)
    yield protocol
    transport.close()
