"""Key sets of issuers, over HTTP. Neither addresses nor answers are trusted.

Limits: the caller's time for everything, 1 MiB, 3 redirects, each checked like the first address.
Link-local addresses and those of cloud metadata are refused, wherever a name leads; the connection
goes to the address that was checked. Loopback is allowed: an issuer may run beside the control
plane. Source: RFC 7517; OpenID Connect Discovery 1.0 §4; Istio ``pilot/pkg/model/jwks_resolver.go``
"""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import h11
import msgspec

from controlplane.kinds.validation.key_set import (
    KEYS_LIMIT,
    KeySetMalformed,
    checked_key,
    public_part,
)
from controlplane.model.tokens import KeySource

LARGEST: Final = 1 << 20  # bytes of a body
REDIRECTS: Final = 3
LONGEST: Final = timedelta(seconds=30)  # whatever a rule's timeout is
LOOK_UPS: Final = 64  # of names at once
_RECEIVED: Final = 2 * LARGEST  # bytes of an answer with its headers, as they are on the wire
_PARTS: Final = 5_000  # of an answer: chunks, reads, interim responses; each costs time
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


class KeysUnavailable(Exception):
    """No key set was fetched; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    location: str | None
    body: bytes


async def fetched_key_set(source: KeySource, timeout: timedelta, dial: Dial) -> str:
    """The key set at ``source`` in its one form: sorted by key ids, without private parts.

    Raises ``KeysUnavailable``. ``timeout`` is for all of it.
    """
    within = min(timeout, LONGEST)
    try:
        async with asyncio.timeout(within.total_seconds()):
            uri = source.uri
            if source.is_discovery:
                named = _named_by(await _content(uri, dial), uri)
                _check_downgrade(uri, "names", named)
                uri = named
            return key_set(await _content(uri, dial))
    except TimeoutError:
        raise KeysUnavailable(f"no answer within {within.total_seconds():g} s") from None
    except (OSError, h11.ProtocolError, ValueError) as error:
        raise KeysUnavailable(_reason(error)) from None


def key_set(body: bytes) -> str:
    """The one form of a key set, so that another order of its keys is no change.

    Keys that verify no token are left out, unless there are no others. Source: RFC 7517 §5
    """
    keys = _object(body).get("keys")
    if not isinstance(keys, list):
        raise KeysUnavailable('the answer is not a key set: it has no list "keys"')
    if len(keys) > KEYS_LIMIT:
        raise KeysUnavailable(f"the key set has {len(keys)} keys (at most {KEYS_LIMIT})")
    usable: list[dict[str, object]] = []
    fault: KeySetMalformed | None = None
    for i, key in enumerate(keys):
        try:
            checked_key(key, f"key {i}")
        except KeySetMalformed as unusable:
            fault = fault or unusable
        else:
            usable.append(dict(sorted(public_part(key).items())))
    if fault is not None and not usable:
        raise KeysUnavailable(f"the key set {fault}")
    usable.sort(key=lambda key: (str(key.get("kid", "")), msgspec.json.encode(key)))
    return msgspec.json.encode({"keys": usable}).decode()


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


def _object(body: bytes) -> dict[str, object]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise KeysUnavailable("the answer is not JSON") from None
    if not isinstance(found, dict):
        raise KeysUnavailable("the answer is not a JSON object")
    return found


def _named_by(body: bytes, uri: str) -> str:
    named = _object(body).get("jwks_uri")
    if not isinstance(named, str) or not named:
        raise KeysUnavailable(f'the discovery document at {uri} has no "jwks_uri"')
    return named


async def _content(uri: str, dial: Dial) -> bytes:
    for _ in range(REDIRECTS + 1):
        split = _checked(uri)
        answer = await _answer(split, dial)
        if answer.status in _REDIRECTING and answer.location is not None:
            target = urljoin(uri, answer.location)
            _check_downgrade(uri, "redirects to", target)
            uri = target
            continue
        if answer.status != 200:
            raise KeysUnavailable(f"{uri} answers {answer.status}")
        return answer.body
    raise KeysUnavailable(f"there are more than {REDIRECTS} redirects")


def _check_downgrade(uri: str, verb: str, target: str) -> None:
    """From HTTPS there is no way to plaintext, where anyone in between could give other keys."""
    if uri.lower().startswith("https:") and not target.lower().startswith("https:"):
        raise KeysUnavailable(f"{uri} {verb} {target}, which is not HTTPS")


def _checked(uri: str) -> SplitResult:
    try:
        split = urlsplit(uri)
        host, port = split.hostname, split.port
    except ValueError:
        raise KeysUnavailable(f"{uri} is not an address") from None
    if split.scheme not in _PORTS or not host:
        raise KeysUnavailable(f"{uri} is not an address of http or https with a host")
    if port == 0:
        raise KeysUnavailable(f"{uri} has port 0")
    return split


async def _answer(split: SplitResult, dial: Dial) -> _Answer:
    host, port = split.hostname or "", split.port or _PORTS[split.scheme]
    reader, writer = await _connected(split.scheme, host, port, dial)
    try:
        connection = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=_CHUNK)
        request = h11.Request(
            method="GET",
            target=(split.path or "/") + (f"?{split.query}" if split.query else ""),
            headers=[
                ("Host", split.netloc.rpartition("@")[2]),
                ("Accept", "application/json"),
                ("Accept-Encoding", "identity"),
                ("User-Agent", "controlplane"),
                ("Connection", "close"),
            ],
        )
        writer.write(
            (connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b"")
        )
        await writer.drain()
        return await _read(connection, reader)
    finally:
        writer.close()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> _Answer:
    status, location, body = 0, None, bytearray()
    received = parts = 0
    while True:
        event = connection.next_event()
        parts += 1
        match event:
            case h11.NEED_DATA:
                data = await reader.read(_CHUNK)
                received += len(data)
                connection.receive_data(data)
            case h11.Response(status_code=status, headers=headers):
                location = next((v.decode() for n, v in headers if n == b"location"), None)
            case h11.Data(data=part):
                body += part
            case h11.EndOfMessage() | h11.ConnectionClosed():
                return _Answer(status=status, location=location, body=bytes(body))
        if len(body) > LARGEST or received > _RECEIVED:
            raise KeysUnavailable(f"the answer is longer than {LARGEST} bytes")
        if parts > _PARTS:
            raise KeysUnavailable(f"the answer comes in more than {_PARTS} parts")


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
    raise fault or KeysUnavailable(f"{host} has no address")


async def _addresses(host: str, port: int, dial: Dial) -> list[Address]:
    """Where ``host`` is, numeric; ``KeysUnavailable`` where it leads to what is refused."""
    known = dial(host, port)
    if known is not None and not known:
        raise KeysUnavailable(f"service {host} has no endpoint for port {port}")
    found = [
        at for name, number in known or ((host, port),) for at in await _looked_up(name, number)
    ]
    for address, _ in found:
        if is_refused(address):
            raise KeysUnavailable(f"{host} is at {address}, where no keys are fetched")
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
        raise KeysUnavailable(f"{LOOK_UPS} look-ups of names have no answer yet")
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


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
