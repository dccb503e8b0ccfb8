"""An upstream that answers who it is and what it saw, by HTTP/1.1, HTTP/2, TLS or raw TCP.

``/status/503`` answers with that status, ``/delay/0.5`` waits so many seconds. The first two
requests for ``/reset/2`` have their connection reset, the first two for ``/slow/2`` wait a second.
Raw TCP gets back ``name:`` and its own bytes, and so does an HTTP/1.1 connection that is upgraded.
"""

import asyncio
import json
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise

import h2.config
import h2.connection
import h2.events

CHUNK = 65536
REQUEST_LINE = re.compile(rb"[A-Z]{3,8} \S+ HTTP/1\.[01]\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    protocol: str
    headers: Mapping[str, str]
    body: bytes = b""


class Upstream:
    """One name; may listen on several ports. ``hits`` counts its requests by path; ``last`` is the
    newest of each path.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.hits: Counter[str] = Counter()
        self.last: dict[str, Request] = {}

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled: the test is over. asyncio logs a connection that is left by that way.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            first = await reader.read(CHUNK)
            if first.startswith(b"PRI * HTTP/2"):
                await self._http2(first, reader, writer)
            elif REQUEST_LINE.match(first):
                await self._http1(first, reader, writer)
            else:
                await self._raw(first, reader, writer)
        writer.close()

    async def _raw(
        self, data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data:
            writer.write(self.name.encode() + b":" + data)
            await writer.drain()
            data = await reader.read(CHUNK)

    async def _http1(
        self, data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            while b"\r\n\r\n" not in data:
                more = await reader.read(CHUNK)
                if not more:
                    return
                data += more
            head, data = data.split(b"\r\n\r\n", 1)
            request, length = _head(head.decode("latin-1"))
            while len(data) < length:
                data += await reader.readexactly(length - len(data))
            body, data = data[:length], data[length:]
            if "upgrade" in request.headers:
                upgrade = request.headers["upgrade"]
                writer.write(
                    b"HTTP/1.1 101 -\r\nconnection: upgrade\r\nupgrade: %b\r\n\r\n"
                    % upgrade.encode()
                )
                await self._raw(data or await reader.read(CHUNK), reader, writer)
                return
            status, payload = await self._reply(request, body, writer)
            writer.write(
                f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\n"
                f"content-length: {len(payload)}\r\n\r\n".encode()
            )
            writer.write(b"" if request.method == "HEAD" else payload)
            await writer.drain()

    async def _http2(
        self, data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        configuration = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        connection = h2.connection.H2Connection(configuration)
        connection.initiate_connection()
        streams: dict[int, Request] = {}
        bodies: dict[int, bytes] = {}
        while data:
            for event in connection.receive_data(data):
                match event:
                    case h2.events.RequestReceived(stream_id=stream, headers=headers):
                        streams[stream], bodies[stream] = _request_of_http2(headers or []), b""
                    case h2.events.DataReceived(stream_id=stream, data=part):
                        bodies[stream] += part
                        connection.acknowledge_received_data(
                            event.flow_controlled_length, event.stream_id
                        )
                    case h2.events.StreamEnded(stream_id=stream):
                        request, body = streams.pop(stream), bodies.pop(stream)
                        status, payload = await self._reply(request, body, writer)
                        kind = ("content-type", "application/json")
                        connection.send_headers(stream, [(":status", str(status)), kind])
                        connection.send_data(stream, payload, end_stream=True)
            writer.write(connection.data_to_send())
            await writer.drain()
            data = await reader.read(CHUNK)

    async def _reply(
        self, request: Request, body: bytes, writer: asyncio.StreamWriter
    ) -> tuple[int, bytes]:
        """The status and the JSON for one request."""
        self.hits[request.path] += 1
        self.last[request.path] = request
        status = 200
        words = request.path.split("?")[0].strip("/").split("/")
        for order, argument in pairwise(words):
            if order == "status":
                status = int(argument)
            elif order == "delay":
                await asyncio.sleep(float(argument))
            elif order == "slow" and self.hits[request.path] <= int(argument):
                await asyncio.sleep(1)
            elif order == "reset" and self.hits[request.path] <= int(argument):
                _reset(writer)
        seen = {
            "name": self.name,
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "headers": dict(request.headers),
            "body": body.decode("latin-1"),
            "tls": _tls(writer),
        }
        return status, json.dumps(seen).encode()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection at once, so that the client sees a reset."""
    at_once = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()
    raise ConnectionResetError


def _head(text: str) -> tuple[Request, int]:
    """The request of an HTTP/1.1 head and the length of its body."""
    first, *lines = text.split("\r\n")
    method, path, protocol = first.split(" ", 2)
    headers = _joined(tuple(part.strip() for part in line.split(":", 1)) for line in lines)
    request = Request(method=method, path=path, protocol=protocol, headers=headers)
    return request, int(headers.get("content-length", 0))


def _joined(pairs: Iterator[tuple[str, ...]]) -> dict[str, str]:
    """Header names in lower case; the values of a repeated one joined by a comma."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers


def _request_of_http2(pairs: Sequence[tuple[str | bytes, str | bytes]]) -> Request:
    headers = _joined((str(name), str(value)) for name, value in pairs)
    return Request(
        method=headers[":method"],
        path=headers[":path"],
        protocol="HTTP/2",
        headers={
            "host": headers.get(":authority", ""),
            **{name: value for name, value in headers.items() if not name.startswith(":")},
        },
    )


def _tls(writer: asyncio.StreamWriter) -> dict[str, object] | None:
    """What the client's handshake said: SNI, ALPN and the first SAN of its certificate."""
    connection = writer.get_extra_info("ssl_object")
    if connection is None:
        return None
    names = (connection.getpeercert() or {}).get("subjectAltName", ())
    return {
        "sni": getattr(connection, "name_asked_for", None),
        "alpn": connection.selected_alpn_protocol(),
        "client": names[0][1] if names else None,
    }


def server_tls(
    certificate: str, key: str, *, client_roots: str | None = None, alpn: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """A server's TLS from PEM files; ``client_roots`` makes a client certificate required."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(list(alpn or ("h2", "http/1.1")))
    if client_roots is not None:
        context.load_verify_locations(client_roots)
        context.verify_mode = ssl.CERT_REQUIRED

    def remember(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        setattr(connection, "name_asked_for", name)  # noqa: B010 - SSLObject declares no such field

    context.sni_callback = remember
    return context


class Upstreams:
    """Upstreams on a thread of their own, so that tests may block."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.by_name: dict[str, Upstream] = {}

    def add(
        self, name: str, address: str, port: int = 0, *, tls: ssl.SSLContext | None = None
    ) -> int:
        """Start ``name`` (or one more port of it) and return its port, chosen where it is 0."""
        upstream = self.by_name.setdefault(name, Upstream(name))
        starting = asyncio.start_server(upstream.connection, address, port, ssl=tls, backlog=256)
        server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        taken = server.sockets[0].getsockname()[1]
        assert isinstance(taken, int), "an IP socket's name is (address, port, …)"
        return taken

    def hits(self, name: str) -> int:
        return self.by_name[name].hits.total()


@contextmanager
def running_upstreams() -> Iterator[Upstreams]:
    """Give a set of upstreams, none yet; all of them end with the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="upstreams", daemon=True)
    thread.start()
    try:
        yield Upstreams(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(_end_of_connections())
        loop.close()


async def _end_of_connections() -> None:
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)
