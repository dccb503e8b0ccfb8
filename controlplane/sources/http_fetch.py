"""What is fetched over HTTP for the mesh. Neither addresses nor answers are trusted.

Limits: the caller's for the time and the size of a body; 3 redirects, each checked like the first
address. Link-local addresses and those of cloud metadata are refused, wherever a name leads; the
connection goes to the address that was checked. Loopback is allowed: a server may run beside the
control plane. Source: Istio ``pilot/pkg/model/jwks_resolver.go``, ``pkg/wasm/ssrf.go``
"""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import h11

REDIRECTS: Final = 3
LOOK_UPS: Final = 64  # of names at once
_PARTS: Final = 5_000  # of an answer: chunks, reads, interim responses; each costs time
_PART: Final = 1 << 10  # bytes that a part of a large body has on average, at least
_CHUNK: Final = 1 << 16
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
_PORTS: Final = {"http": 80, "https": 443}
METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    )
)
"""Metadata services of Alibaba, Azure, Oracle, Amazon and Google that are not of the link."""
_WITH_IPV4: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96"))
)
"""IPv6 networks whose addresses end in the IPv4 address that they lead to: NAT64 (RFC 6052, RFC
8215), IPv4-compatible, SIIT.
"""
_LOOK_UPS: Final = threading.BoundedSemaphore(LOOK_UPS)

Address = tuple[str, int]
Dial = Callable[[str, int], Sequence[Address] | None]
"""The endpoints of a host and port of the mesh's registry; ``None`` for hosts that it lacks."""
Headers = tuple[tuple[str, str], ...]


class FetchFailed(Exception):
    """Nothing was fetched; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``headers`` by name in lower case; of several of one name the first."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. ``largest`` is in bytes of the body. ``secret`` headers are shown to no
    other host than the first.
    """

    accept: str
    largest: int
    secret: Headers = field(default=(), repr=False)


async def content(uri: str, wanted: Wanted, dial: Dial) -> bytes:
    """The body of an answer of 200."""
    found = await answer(uri, wanted, dial)
    if found.status != 200:
        raise FetchFailed(f"{uri} answers {found.status}")
    return found.body


async def answer(uri: str, wanted: Wanted, dial: Dial) -> Answer:
    """The answer that is no redirect; ``FetchFailed``, ``OSError``, ``h11.ProtocolError`` or
    ``ValueError``.
    """
    first, secret = checked(uri), wanted.secret
    for _ in range(REDIRECTS + 1):
        split = checked(uri)
        if (split.scheme, split.netloc) != (first.scheme, first.netloc):
            secret = ()
        found = await _answer(split, wanted, secret, dial)
        location = found.headers.get("location")
        if found.status in _REDIRECTING and location is not None:
            target = urljoin(uri, location)
            check_downgrade(uri, "redirects to", target)
            uri = target
            continue
        return found
    raise FetchFailed(f"there are more than {REDIRECTS} redirects")


def check_downgrade(uri: str, verb: str, target: str) -> None:
    """From HTTPS there is no way to plaintext, where anyone in between could give other answers."""
    if uri.lower().startswith("https:") and not target.lower().startswith("https:"):
        raise FetchFailed(f"{uri} {verb} {target}, which is not HTTPS")


def checked(uri: str) -> SplitResult:
    """The parts of an address of ``http`` or ``https``."""
    try:
        split = urlsplit(uri)
        host, port = split.hostname, split.port
    except ValueError:
        raise FetchFailed(f"{uri} is not an address") from None
    if split.scheme not in _PORTS or not host:
        raise FetchFailed(f"{uri} is not an address of http or https with a host")
    if port == 0:
        raise FetchFailed(f"{uri} has port 0")
    return split


def is_refused(address: str) -> bool:
    """Whether nothing is fetched there: addresses of the link, of metadata, of nobody."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and int(found) > 1 and any(found in network for network in _WITH_IPV4):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_refused(str(inner))
    return found.is_link_local or found.is_multicast or found.is_unspecified or found in METADATA


def reason_of(error: Exception) -> str:
    """Why the world refused, in its words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


async def _answer(split: SplitResult, wanted: Wanted, secret: Headers, dial: Dial) -> Answer:
    host, port = split.hostname or "", split.port or _PORTS[split.scheme]
    reader, writer = await _connected(split.scheme, host, port, dial)
    try:
        connection = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=_CHUNK)
        request = h11.Request(
            method="GET",
            target=(split.path or "/") + (f"?{split.query}" if split.query else ""),
            headers=[
                ("Host", split.netloc.rpartition("@")[2]),
                ("Accept", wanted.accept),
                ("Accept-Encoding", "identity"),
                ("User-Agent", "controlplane"),
                ("Connection", "close"),
                *secret,
            ],
        )
        writer.write(
            (connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b"")
        )
        await writer.drain()
        return await _read(connection, reader, wanted.largest)
    finally:
        writer.close()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader, largest: int) -> Answer:
    status, headers, body = 0, dict[str, str](), bytearray()
    received = parts = 0
    while True:
        event = connection.next_event()
        parts += 1
        match event:
            case h11.NEED_DATA:
                data = await reader.read(_CHUNK)
                received += len(data)
                connection.receive_data(data)
            case h11.Response(status_code=status, headers=found):
                for name, value in found:
                    headers.setdefault(name.decode(), value.decode("latin-1"))
            case h11.Data(data=part):
                body += part
            case h11.EndOfMessage() | h11.ConnectionClosed():
                return Answer(status=status, headers=headers, body=bytes(body))
        if len(body) > largest or received > 2 * largest:
            raise FetchFailed(f"the answer is longer than {largest} bytes")
        if parts > _PARTS + largest // _PART:
            raise FetchFailed(f"the answer comes in more than {_PARTS + largest // _PART} parts")


async def _connected(
    scheme: str, host: str, port: int, dial: Dial
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first address that takes one."""
    tls = None
    if scheme == "https":
        tls = await asyncio.to_thread(ssl.create_default_context)  # it reads every authority
    fault: OSError | None = None
    for address, number in await _addresses(host, port, dial):
        try:
            return await asyncio.open_connection(
                address, number, ssl=tls, server_hostname=host if tls is not None else None
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            fault = error
    raise fault or FetchFailed(f"{host} has no address")


async def _addresses(host: str, port: int, dial: Dial) -> list[Address]:
    """Where ``host`` is, numeric; ``FetchFailed`` where it leads to what is refused."""
    known = dial(host, port)
    if known is not None and not known:
        raise FetchFailed(f"service {host} has no endpoint for port {port}")
    found = [
        at for name, number in known or ((host, port),) for at in await _looked_up(name, number)
    ]
    for address, _ in found:
        if is_refused(address):
            raise FetchFailed(f"{host} is at {address}, where nothing is fetched")
    return found


async def _looked_up(name: str, port: int) -> list[Address]:
    """Each name is looked up in a thread of its own, which no exit waits for: a name server that
    hangs delays nothing else.
    """
    try:
        return _resolved(name, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name
    if not _LOOK_UPS.acquire(blocking=False):
        raise FetchFailed(f"{LOOK_UPS} look-ups of names have no answer yet")
    found: Future[list[Address]] = Future()
    found.add_done_callback(lambda _: _LOOK_UPS.release())
    threading.Thread(target=_look_up, args=(found, name, port), daemon=True).start()
    return await asyncio.wrap_future(found)


def _look_up(found: Future[list[Address]], name: str, port: int) -> None:
    if not found.set_running_or_notify_cancel():
        return
    try:
        addresses = _resolved(name, port)
    except (OSError, ValueError) as error:
        found.set_exception(error)
    else:
        found.set_result(addresses)


def _resolved(name: str, port: int, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)
    return [(str(at[0]), int(at[1])) for *_, at in found]
