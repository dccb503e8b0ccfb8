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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import h11
import msgspec

from controlplane.model.tokens import KeySource

LARGEST: Final = 1 << 20  # bytes of a body
REDIRECTS: Final = 3
LONGEST: Final = timedelta(seconds=30)  # whatever a rule's timeout is
_CHUNK: Final = 1 << 16
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
_PORTS: Final = {"http": 80, "https": 443}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})  # RFC 7518 §6
METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    )
)
"""Metadata services of Alibaba, Azure, Oracle, Amazon and Google that are not of the link."""
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

_RESOLVERS: Final = ThreadPoolExecutor(max_workers=4, thread_name_prefix="issuers")
"""Threads of their own: a name server that hangs occupies none that others need."""

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
                uri = _named_by(await _content(uri, dial), uri)
            return key_set(await _content(uri, dial))
    except TimeoutError:
        raise KeysUnavailable(f"no answer within {within.total_seconds():g} s") from None
    except (OSError, h11.ProtocolError, ValueError) as error:
        raise KeysUnavailable(_reason(error)) from None


def key_set(body: bytes) -> str:
    """The one form of a key set, so that another order of its keys is no change."""
    keys = _object(body).get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise KeysUnavailable('the answer is not a key set: it has no list "keys"')
    public = [{name: key[name] for name in sorted(key) if name not in _PRIVATE} for key in keys]
    public.sort(key=lambda key: (str(key.get("kid", "")), msgspec.json.encode(key)))
    return msgspec.json.encode({"keys": public}).decode()


def is_refused(address: str) -> bool:
    """Whether nothing is fetched there: addresses of the link, of metadata, of nobody."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
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
            if split.scheme == "https" and not target.startswith("https:"):
                raise KeysUnavailable(f"{uri} redirects to {target}, which is not HTTPS")
            uri = target
            continue
        if answer.status != 200:
            raise KeysUnavailable(f"{uri} answers {answer.status}")
        return answer.body
    raise KeysUnavailable(f"there are more than {REDIRECTS} redirects")


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
    while True:
        event = connection.next_event()
        match event:
            case h11.NEED_DATA:
                connection.receive_data(await reader.read(_CHUNK))
            case h11.Response(status_code=status, headers=headers):
                location = next((v.decode() for n, v in headers if n == b"location"), None)
            case h11.Data(data=data):
                body += data
                if len(body) > LARGEST:
                    raise KeysUnavailable(f"the answer is longer than {LARGEST} bytes")
            case h11.EndOfMessage() | h11.ConnectionClosed():
                return _Answer(status=status, location=location, body=bytes(body))


async def _connected(
    scheme: str, host: str, port: int, dial: Dial
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first address that takes one."""
    tls = ssl.create_default_context() if scheme == "https" else None
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
    loop = asyncio.get_running_loop()
    found: list[Address] = []
    for name, number in known or ((host, port),):
        look_up = partial(socket.getaddrinfo, name, number, type=socket.SOCK_STREAM)
        for *_, at in await loop.run_in_executor(_RESOLVERS, look_up):
            if is_refused(str(at[0])):
                raise KeysUnavailable(f"{host} is at {at[0]}, where no keys are fetched")
            found.append((str(at[0]), int(at[1])))
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
