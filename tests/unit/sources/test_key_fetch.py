"""Keys of issuers come over HTTP, within limits, and never from where no issuer can be."""

import asyncio
import gzip
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from controlplane.model.tokens import KeySource
from controlplane.sources.http_fetch import LOOK_UPS, is_refused
from controlplane.sources.kept_key_sets import KEY_SETS, keep_key_sets, kept_key_sets
from controlplane.sources.key_fetch import LARGEST, KeysUnavailable, fetched_key_set, key_set
from controlplane.sources.state import StateDirectory
from tests.support.pki import Authority
from tests.support.upstream import server_tls

A = {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AQAB"}
B = {"kty": "OKP", "crv": "Ed25519", "kid": "b", "x": "AQAC"}
KEYS = json.dumps({"keys": [A, B]})
SOON = timedelta(seconds=5)

Pages = dict[str, tuple[int, str]]
"""By path: a status, and a body or, of a redirect, where to."""


@contextmanager
def issuer(pages: Pages, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server of ``pages``, over HTTPS with ``tls``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, said = pages.get(self.path, (404, ""))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", said)
            self.end_headers()
            self.wfile.write(said.encode("latin-1"))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http{'s' if tls is not None else ''}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def nowhere(_host: str, _port: int) -> None:
    """No host is of the mesh."""


async def fetched(uri: str, *, is_discovery: bool = False) -> str:
    return await fetched_key_set(KeySource(uri=uri, is_discovery=is_discovery), SOON, nowhere)


async def test_a_key_set_is_fetched_from_its_address() -> None:
    with issuer({"/k?of=me": (200, KEYS)}) as at:
        assert json.loads(await fetched(f"{at}/k?of=me")) == {"keys": [A, B]}


async def test_a_discovery_document_names_the_address() -> None:
    pages = {"/k": (200, KEYS)}
    with issuer(pages) as at:
        pages["/d"] = (200, json.dumps({"jwks_uri": f"{at}/k"}))
        assert json.loads(await fetched(f"{at}/d", is_discovery=True)) == {"keys": [A, B]}


async def test_three_redirects_are_followed_and_no_more() -> None:
    pages = {"/k": (200, KEYS), "/1": (302, "/k"), "/2": (301, "/1"), "/3": (307, "/2")}
    with issuer({**pages, "/4": (308, "/3")}) as at:
        assert json.loads(await fetched(f"{at}/3")) == {"keys": [A, B]}
        with pytest.raises(KeysUnavailable, match="more than 3 redirects"):
            await fetched(f"{at}/4")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((302, "http://169.254.169.254/latest"), "169.254.169.254, where nothing is fetched"),
        ((302, "http://[fe80::1]/"), "fe80::1, where nothing is fetched"),
        ((302, "file:///etc/passwd"), "not an address of http or https"),
        ((302, "http://["), "Invalid IPv6|not an address"),
        ((500, KEYS), "answers 500"),
        ((200, "<html>"), "not JSON"),
        ((200, "[]"), "not a JSON object"),
        ((200, '{"keys":1}'), 'no list "keys"'),
        ((200, '{"keys":[1]}'), "the key set has key 0 that is not a JSON object"),
        ((200, '{"keys":[{"kty":"AKP"}]}'), "key 0 whose kty is not one of RSA, EC, OKP, oct"),
        ((200, json.dumps({"keys": [A] * 1001})), r"has 1001 keys \(at most 1000\)"),
        ((200, gzip.compress(KEYS.encode()).decode("latin-1")), "not JSON"),
        ((200, "[" * 100_000), "not JSON"),
        ((200, " " * LARGEST + KEYS), "longer than 1048576 bytes"),
    ],
)
async def test_other_answers_give_no_keys_and_say_why(said: tuple[int, str], why: str) -> None:
    with issuer({"/k": said}) as at:
        with pytest.raises(KeysUnavailable, match=why):
            await fetched(f"{at}/k")
        pages_of_discovery = fetched(f"{at}/k", is_discovery=True)
        with pytest.raises(KeysUnavailable):
            await pages_of_discovery


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/k",
        "http://2852039166/k",
        "http://0xA9FEA9FE/k",
        "http://0251.0376.0251.0376/k",
        "http://169.254.43518/k",
        "http://[::169.254.169.254]/k",
        "http://[64:ff9b:1::a9fe:a9fe]/k",
        "http://[2002:a9fe:a9fe::1]/k",
        "http://[::ffff:169.254.169.254]/k",
        "http://[64:ff9b::a9fe:a9fe]/k",
        "http://100.100.100.200/k",
        "http://0.0.0.0/k",
        "http:///k",
        "ftp://a/k",
        "http://a:0/k",
        "http://a:b/k",
    ],
)
async def test_nothing_is_fetched_where_no_issuer_can_be(uri: str) -> None:
    with pytest.raises(KeysUnavailable, match=r"nothing is fetched|not an address|port 0"):
        await fetched(uri)


async def test_a_host_of_the_mesh_is_asked_at_its_endpoints() -> None:
    with issuer({"/k": (200, KEYS)}) as at:
        port = int(at.rpartition(":")[2])
        known = {("keys.default", 80): (("127.0.0.1", port),), ("keys.default", 81): ()}
        source = KeySource(uri="http://keys.default/k")
        found = await fetched_key_set(source, SOON, lambda host, at: known.get((host, at)))
        assert json.loads(found) == {"keys": [A, B]}
        with pytest.raises(KeysUnavailable, match="no endpoint for port 81"):
            await fetched_key_set(
                KeySource(uri="http://keys.default:81/k"),
                SOON,
                lambda host, at: known.get((host, at)),
            )


async def test_an_endpoint_of_the_mesh_cannot_be_a_metadata_service() -> None:
    with pytest.raises(KeysUnavailable, match="where nothing is fetched"):
        await fetched_key_set(
            KeySource(uri="http://keys/k"), SOON, lambda _host, _port: (("169.254.169.254", 80),)
        )


async def test_who_answers_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = KeySource(uri=f"http://127.0.0.1:{silent.getsockname()[1]}/k")
        with pytest.raises(KeysUnavailable, match=r"no answer within 0\.05 s"):
            await fetched_key_set(source, timedelta(seconds=0.05), nowhere)


def test_a_key_set_has_one_form_without_private_parts() -> None:
    other = json.dumps({"more": 1, "keys": [B | {"d": "secret"}, dict(reversed(A.items()))]})

    assert key_set(other.encode()) == key_set(KEYS.encode())


def test_keys_that_verify_nothing_are_left_out_beside_others() -> None:
    unknown = {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB"}
    of_no_curve = {"kty": "EC", "crv": "P-1", "x": "AQAB", "y": "AQAB"}
    keys = [unknown, of_no_curve, A, {"kty": "RSA"}, 1]

    assert json.loads(key_set(json.dumps({"keys": keys}).encode())) == {"keys": [A]}
    assert key_set(b'{"keys":[]}') == '{"keys":[]}'


@asynccontextmanager
async def endless(part: bytes) -> AsyncIterator[str]:
    """The address of a server that sends ``part`` again and again, as long as it is read."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(part)
                await writer.drain()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/k"
        server.close()


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100,
        b"a" * 65536,
        b"HTTP/1.1 200 OK\r\n" + b"X-More: 1\r\n" * 5000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 300_000,
    ],
)
async def test_an_answer_without_end_is_given_up(part: bytes) -> None:
    async with endless(part) as at:
        with pytest.raises(KeysUnavailable, match=r"longer than|parts|illegal|too long"):
            await fetched(at)


def test_loopback_and_private_networks_may_have_issuers() -> None:
    assert [
        a for a in ("127.0.0.1", "::1", "10.0.0.1", "192.168.0.1", "fd00::1") if is_refused(a)
    ] == []


def test_kept_key_sets_are_read_as_they_were_written(tmp_path: Path) -> None:
    state = StateDirectory.opened(tmp_path / "state")
    one, none = key_set(KEYS.encode()), '{"keys":[]}'
    known = {KeySource(uri="http://a/k"): one, KeySource(uri="http://b", is_discovery=True): none}

    keep_key_sets(state, known)

    assert kept_key_sets(state) == known


def test_kept_key_sets_are_checked_like_fetched_ones(tmp_path: Path) -> None:
    state = StateDirectory.opened(tmp_path / "state")
    secret = json.dumps({"keys": [A | {"d": "secret"}]})
    keep_key_sets(state, {KeySource(uri="http://a"): secret, KeySource(uri="http://b"): "{}"})

    (found,) = kept_key_sets(state).values()

    assert json.loads(found) == {"keys": [A]}


@pytest.mark.parametrize("damage", [b"", b"[", b'[{"uri":1}]', b"\xff"])
def test_broken_kept_key_sets_are_none(tmp_path: Path, damage: bytes) -> None:
    state = StateDirectory.opened(tmp_path / "state")
    (state.path / KEY_SETS).write_bytes(damage)

    assert kept_key_sets(state) == {}


class OverTls:
    """An issuer of a name of its own, at a server on loopback."""

    def __init__(self, folder: Path, name: str = "id.example.com") -> None:
        self.authority = Authority()
        self.pages: Pages = {"/k": (200, KEYS)}
        self.tls = server_tls(*self.authority.leaf(name).files(folder, "server"))
        self.roots = folder / "roots.pem"
        self.roots.write_text(self.authority.pem)

    async def fetched(self, *, is_discovery: bool = False) -> str:
        with issuer(self.pages, self.tls) as at:
            port = int(at.rpartition(":")[2])
            source = KeySource(uri="https://id.example.com/k", is_discovery=is_discovery)
            return await fetched_key_set(source, SOON, lambda *_: (("127.0.0.1", port),))


async def test_an_issuer_of_https_is_trusted_by_the_authorities_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = OverTls(tmp_path)
    with pytest.raises(KeysUnavailable, match="its certificate is not trusted"):
        await rig.fetched()

    monkeypatch.setenv("SSL_CERT_FILE", str(rig.roots))

    assert json.loads(await rig.fetched()) == {"keys": [A, B]}


async def test_a_certificate_is_for_the_name_in_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = OverTls(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(rig.roots))

    with pytest.raises(KeysUnavailable, match=r"Hostname mismatch.*id\.example\.com"):
        await rig.fetched()


@pytest.mark.parametrize(
    ("page", "is_discovery"),
    [
        ((302, "http://id.example.com/other"), False),
        ((200, '{"jwks_uri": "http://id.example.com/other"}'), True),
    ],
)
async def test_https_leads_to_no_plaintext(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: tuple[int, str], *, is_discovery: bool
) -> None:
    rig = OverTls(tmp_path)
    rig.pages["/k"] = page
    monkeypatch.setenv("SSL_CERT_FILE", str(rig.roots))

    with pytest.raises(KeysUnavailable, match=r"http://id\.example\.com/other, which is not HTTPS"):
        await rig.fetched(is_discovery=is_discovery)


class Names:
    """Stands for DNS: each look-up of a name gives the next of its addresses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.left = list(addresses)
        self._system = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: str, port: int, **options: int) -> object:
        if host == "id.example.com" and not options.get("flags"):
            host = self.left.pop(0)
        return self._system(host, port, **options)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"])
async def test_a_name_cannot_lead_to_metadata(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    Names(monkeypatch, address)

    with pytest.raises(
        KeysUnavailable, match=r"id\.example\.com is at .*, where nothing is fetched"
    ):
        await fetched("http://id.example.com/k")


async def test_a_name_is_looked_up_once_so_that_it_cannot_lead_elsewhere_after_the_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names(monkeypatch, "127.0.0.1", "169.254.169.254")
    with issuer({"/k": (200, KEYS)}) as at:
        port = at.rpartition(":")[2]

        assert json.loads(await fetched(f"http://id.example.com:{port}/k")) == {"keys": [A, B]}

    assert names.left == ["169.254.169.254"]


async def test_a_name_server_that_hangs_delays_no_other_issuer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, system = threading.Event(), socket.getaddrinfo

    def look_up(host: str, port: int, **options: int) -> object:
        if host == "hangs.example.com" and not options.get("flags"):
            answers.wait()
        return system(host, port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        with issuer({"/k": (200, KEYS)}) as at:
            hanging = [
                asyncio.create_task(fetched("http://hangs.example.com/k")) for _ in range(LOOK_UPS)
            ]
            await asyncio.sleep(0)  # each has begun
            assert json.loads(await fetched(f"{at}/k")) == {"keys": [A, B]}
            with pytest.raises(KeysUnavailable, match="64 look-ups of names have no answer yet"):
                await fetched("http://another.example.com/k")
        assert all(t.daemon for t in threading.enumerate() if "_look_up" in t.name)
    finally:
        for task in hanging:
            task.cancel()
        answers.set()
