"""What a probe says of real servers: handshakes on loopback, verdicts as literal sentences."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from controlplane.base.addresses import Address
from controlplane.tls.expectation import Expectation, InFile, Mode, Shown, Trusted
from controlplane.tls.handshake import Failed, Fault, handshake
from controlplane.tls.verdict import unsent, verdict
from tests.support.pki import Authority, Leaf
from tests.support.upstream import Upstreams, running_upstreams, server_tls

ROOT, STRANGERS, CLIENTS = Authority("root"), Authority("strangers"), Authority("clients")
API = ROOT.leaf("api.example.com")
REVOKED = ROOT.leaf("api.example.com")
SERVED = {
    "good": API,
    "other": ROOT.leaf("other.example.com", "third.example.com"),
    "wildcard": ROOT.leaf("*.example.com"),
    "strange": STRANGERS.leaf("api.example.com"),
    "expired": ROOT.leaf("api.example.com", valid=(datetime(2020, 1, 1), datetime(2020, 2, 1))),
    "early": ROOT.leaf("api.example.com", valid=(datetime(2090, 1, 1), datetime(2090, 2, 1))),
    "revoked": REVOKED,
}
TRUSTED = Trusted(name="kubernetes://api-cacert", authorities=ROOT.pem.encode())
EXPECTED = Expectation(
    cluster="outbound|443||api.example.com",
    host="api.example.com",
    mode=Mode.SIMPLE,
    sni="api.example.com",
    names=("api.example.com",),
    trusted=TRUSTED,
    shown=None,
    protocols=("h2", "http/1.1"),
    endpoints=(),
    missing=(),
)


def shown(leaf: Leaf) -> Shown:
    return Shown(name="kubernetes://me", chain=leaf.certificate.encode(), key=leaf.key.encode())


@dataclass(frozen=True)
class Servers:
    upstreams: Upstreams
    ports: dict[str, int]

    def said(self, name: str, expected: Expectation = EXPECTED) -> str:
        """``good: …`` or ``bad: …``; the port of the server is shown as PORT."""
        at = Address("127.0.0.1", self.ports[name])
        judged = verdict(expected, at, handshake(at, expected))
        message = judged.message.replace(str(at.port), "PORT")
        return f"{'good' if judged.good else 'bad'}: {message}"


@contextmanager
def blocking_server(tls: ssl.SSLContext) -> Iterator[int]:
    """A server that sends alerts, which asyncio's does not; gives its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), tls.wrap_socket(self.request, server_side=True) as connection:
                connection.recv(1)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("served")
    clients = folder / "clients.pem"
    clients.write_text(CLIENTS.pem)
    with ExitStack() as stack:
        upstreams = stack.enter_context(running_upstreams())
        closed, silent = (stack.enter_context(socket.socket()) for _ in range(2))
        ports = {
            name: upstreams.add(name, "127.0.0.1", tls=server_tls(*leaf.files(folder, name)))
            for name, leaf in SERVED.items()
        }
        asking = server_tls(*API.files(folder, "asking"), client_roots=str(clients))
        older = server_tls(*API.files(folder, "older"), client_roots=str(clients))
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        picky = server_tls(*API.files(folder, "picky"))
        picky.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        ports["plain"] = upstreams.add("plain", "127.0.0.1")
        for name, tls in (("asking", asking), ("older", older), ("picky", picky)):
            ports[name] = stack.enter_context(blocking_server(tls))
        closed.bind(("127.0.0.1", 0))
        ports["closed"] = closed.getsockname()[1]
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ports["silent"] = silent.getsockname()[1]
        yield Servers(upstreams, ports)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("good", "good: TLSv1.3, h2, the authority and the name are verified"),
        ("wildcard", "good: TLSv1.3, h2, the authority and the name are verified"),
        (
            "other",
            "bad: certificate of api.example.com is for other.example.com, third.example.com, "
            "expected api.example.com",
        ),
        (
            "strange",
            "bad: certificate CN=api.example.com comes from CN=strangers, expected CN=root "
            "(kubernetes://api-cacert)",
        ),
        ("expired", "bad: certificate CN=api.example.com expired on 2020-02-01 00:00 UTC"),
        (
            "early",
            "bad: certificate CN=api.example.com is not valid before 2090-01-01 00:00 UTC",
        ),
        (
            "asking",
            "bad: api.example.com refuses a client without a certificate: "
            "alert certificate required",
        ),
        (
            "older",
            'bad: 127.0.0.1:PORT refuses the handshake, with SNI "api.example.com" and no client '
            "certificate: alert handshake failure",
        ),
        (
            "picky",
            'bad: 127.0.0.1:PORT refuses the handshake, with SNI "api.example.com" and no client '
            "certificate: unrecognized name",
        ),
        ("plain", "bad: 127.0.0.1:PORT answers, but not with TLS: is it a plaintext port?"),
        ("closed", "bad: 127.0.0.1:PORT cannot be reached: Connection refused"),
    ],
)
def test_what_is_said_of_a_server(servers: Servers, server: str, said: str) -> None:
    assert servers.said(server) == said


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (
            CLIENTS.leaf("me.example.com"),
            "good: TLSv1.3, h2, the authority and the name are verified",
        ),
        (
            STRANGERS.leaf("me.example.com"),
            "bad: api.example.com refuses the client certificate of kubernetes://me: "
            "alert unknown ca",
        ),
    ],
)
def test_the_certificate_of_the_client_is_shown(servers: Servers, client: Leaf, said: str) -> None:
    expected = replace(EXPECTED, mode=Mode.MUTUAL, shown=shown(client))

    assert servers.said("asking", expected) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            replace(EXPECTED, names=()),
            "good: TLSv1.3, h2, the authority is verified, but no name",
        ),
        (replace(EXPECTED, trusted=None), "good: TLSv1.3, h2, nothing is verified"),
        (
            replace(EXPECTED, names=("spiffe://a/b", "third.example.com")),
            "good: TLSv1.3, h2, the authority and the name are verified",
        ),
    ],
)
def test_what_is_not_asked_for_is_not_verified(
    servers: Servers, changed: Expectation, said: str
) -> None:
    assert servers.said("other", changed) == said


def test_a_revoked_certificate_is_reported(servers: Servers) -> None:
    trusted = replace(TRUSTED, revoked=ROOT.revocation(REVOKED).encode())
    expected = replace(EXPECTED, trusted=trusted)

    assert servers.said("revoked", expected) == (
        "bad: certificate CN=api.example.com is revoked by the CRL of kubernetes://api-cacert"
    )
    assert servers.said("good", expected).startswith("good")


def test_files_of_the_proxys_machine_are_read_where_they_are(
    servers: Servers, tmp_path: Path
) -> None:
    root = tmp_path / "root.pem"
    trusted = Trusted(name="file-root", authorities=InFile(str(root)))
    expected = replace(EXPECTED, trusted=trusted)

    assert servers.said("good", expected) == (
        f"bad: not probed: {root} is a file of the proxy's machine and cannot be read here: "
        "No such file or directory"
    )
    root.write_text(ROOT.pem)
    assert servers.said("good", expected).startswith("good")


def test_who_says_nothing_is_not_waited_for_long(servers: Servers) -> None:
    at = Address("127.0.0.1", servers.ports["silent"])

    found = handshake(at, EXPECTED, patience=0.1)

    assert isinstance(found, Failed)
    assert found.fault is Fault.SILENT


def test_a_probe_sends_nothing(servers: Servers) -> None:
    servers.said("good")

    assert servers.upstreams.hits("good") == 0


def test_without_its_secret_a_proxy_does_not_connect() -> None:
    judged = unsent(replace(EXPECTED, missing=("kubernetes://api-cacert",)))

    assert judged.message == (
        'the proxy has no secret "kubernetes://api-cacert", so it does not connect'
    )


def test_keys_are_not_printed() -> None:
    assert "PRIVATE" not in repr(shown(API))
    assert "PRIVATE" not in repr(replace(EXPECTED, shown=shown(API)))
