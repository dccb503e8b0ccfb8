"""Keys of issuers come over HTTP, within limits, and never from where no issuer can be."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from controlplane.model.tokens import KeySource
from controlplane.sources.kept_key_sets import KEY_SETS, keep_key_sets, kept_key_sets
from controlplane.sources.key_fetch import (
    LARGEST,
    KeysUnavailable,
    fetched_key_set,
    is_refused,
    key_set,
)
from controlplane.sources.state import StateDirectory

A = {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AQAB"}
B = {"kty": "OKP", "crv": "Ed25519", "kid": "b", "x": "AQAC"}
KEYS = json.dumps({"keys": [A, B]})
SOON = timedelta(seconds=5)

Pages = dict[str, tuple[int, str]]
"""By path: a status, and a body or, of a redirect, where to."""


@contextmanager
def issuer(pages: Pages) -> Iterator[str]:
    """The address of a server of ``pages``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, said = pages.get(self.path, (404, ""))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", said)
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
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
        ((302, "http://169.254.169.254/latest"), "169.254.169.254, where no keys are fetched"),
        ((302, "http://[fe80::1]/"), "fe80::1, where no keys are fetched"),
        ((302, "file:///etc/passwd"), "not an address of http or https"),
        ((302, "http://["), "Invalid IPv6|not an address"),
        ((500, KEYS), "answers 500"),
        ((200, "<html>"), "not JSON"),
        ((200, "[]"), "not a JSON object"),
        ((200, '{"keys":[1]}'), 'no list "keys"'),
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
    with pytest.raises(KeysUnavailable, match=r"no keys are fetched|not an address|port 0"):
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
    with pytest.raises(KeysUnavailable, match="where no keys are fetched"):
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


def test_loopback_and_private_networks_may_have_issuers() -> None:
    assert [
        a for a in ("127.0.0.1", "::1", "10.0.0.1", "192.168.0.1", "fd00::1") if is_refused(a)
    ] == []


def test_kept_key_sets_are_read_as_they_were_written(tmp_path: Path) -> None:
    state = StateDirectory.opened(tmp_path / "state")
    known = {KeySource(uri="http://a/k"): KEYS, KeySource(uri="http://b", is_discovery=True): "{}"}

    keep_key_sets(state, known)

    assert kept_key_sets(state) == known


@pytest.mark.parametrize("damage", [b"", b"[", b'[{"uri":1}]', b"\xff"])
def test_broken_kept_key_sets_are_none(tmp_path: Path, damage: bytes) -> None:
    state = StateDirectory.opened(tmp_path / "state")
    (state.path / KEY_SETS).write_bytes(damage)

    assert kept_key_sets(state) == {}
