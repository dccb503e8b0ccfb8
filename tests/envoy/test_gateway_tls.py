"""Real handshakes with a gateway in every mode of ``servers[].tls``."""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.mesh import Mesh, running_mesh
from tests.support.pki import DAY, Authority, Leaf
from tests.support.upstream import server_tls

pytestmark = pytest.mark.envoy

ROOT, CLIENTS, STRANGERS = Authority("root"), Authority("clients"), Authority("strangers")
ALICE, BOB, REVOKED = (CLIENTS.leaf(f"{name}.shop.example") for name in ("alice", "bob", "revoked"))
MALLORY = STRANGERS.leaf("alice.shop.example")
OLD = CLIENTS.leaf(
    "alice.shop.example", valid=(datetime.now(UTC) - 9 * DAY, datetime.now(UTC) - DAY)
)
SHOP = ROOT.leaf("*.shop.example")
EXPIRED = ROOT.leaf(
    "expired.shop.example", valid=(datetime.now(UTC) - 9 * DAY, datetime.now(UTC) - DAY)
)


def digest(leaf: Leaf) -> str:
    """The SHA-256 of a certificate, in hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf.certificate)).hexdigest()


SERVERS = {
    "simple": "mode: SIMPLE, credentialName: shop",
    "mutual": "mode: MUTUAL, credentialName: shop",
    "optional": "mode: OPTIONAL_MUTUAL, credentialName: shop",
    "named": "mode: MUTUAL, credentialName: shop, subjectAltNames: [alice.shop.example]",
    "revoking": "mode: MUTUAL, credentialName: shop, caCertCredentialName: revoking-cacert",
    "lax": "mode: MUTUAL, credentialName: shop, insecureSkipVerify: true",
    "istio": "mode: ISTIO_MUTUAL",
    "old": "mode: SIMPLE, credentialName: shop, maxProtocolVersion: TLSV1_2",
    "missing": "mode: SIMPLE, credentialName: missing",
    "expired": "mode: SIMPLE, credentialName: expired",
    "turned": "mode: SIMPLE, credentialName: turned",
    "first": "mode: SIMPLE, credentialNames: [shop, never]",
    "second": "mode: SIMPLE, credentialNames: [never, shop]",
    "pinned": f"mode: MUTUAL, credentialName: shop, verifyCertificateHash: ['{digest(ALICE)}']",
    "misnamed": "mode: MUTUAL, credentialName: shop, caCertCredentialName: shop",
    "nobody": "mode: MUTUAL, credentialName: shop, verifyCertificateHash: [nonsense]",
}
MESH = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: apps}
spec:
  hosts: ["*"]
  gateways: [gw]
  http: [{route: [{destination: {host: shop.example}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: streams, namespace: apps}
spec:
  hosts: ["*.shop.example"]
  gateways: [gw]
  tcp: [{route: [{destination: {host: shop.example}}]}]
  tls:
  - match: [{sniHosts: [through.shop.example]}]
    route: [{destination: {host: through.example}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop, namespace: apps}
spec:
  hosts: [shop.example]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: through, namespace: apps}
spec:
  hosts: [through.example]
  ports: [{number: 443, name: tls, protocol: TLS, targetPort: 9443}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
---
"""


def gateway() -> str:
    servers = "".join(
        f"""  - port: {{number: 443, name: {name}, protocol: HTTPS}}
    hosts: [{name}.shop.example]
    tls: {{{tls}}}
"""
        for name, tls in SERVERS.items()
    )
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: apps}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
{servers}
  - port: {{number: 444, name: stream, protocol: TLS}}
    hosts: ["*.shop.example"]
    tls: {{mode: SIMPLE, credentialName: shop}}
  - port: {{number: 446, name: mesh-stream, protocol: TLS}}
    hosts: ["*.shop.example"]
    tls: {{mode: ISTIO_MUTUAL}}
  - port: {{number: 445, name: through, protocol: TLS}}
    hosts: ["*.shop.example"]
    tls: {{mode: PASSTHROUGH}}
  - port: {{number: 80, name: http, protocol: HTTP}}
    hosts: ["*"]
---
"""


def revoking() -> str:
    trust = Leaf(CLIENTS.pem, CLIENTS.revocation(REVOKED)).secret("revoking-cacert")
    return trust.replace("tls.crt", "ca.crt").replace("tls.key", "ca.crl")


@dataclass(kw_only=True)
class Doors:
    """A mesh, and the clients' certificates as files."""

    mesh: Mesh
    folder: Path
    clients: dict[str, tuple[str, str]] = field(default_factory=dict)

    def ask(self, name: str, client: str | None, *, sni: str | None = None) -> int | str:
        """The status of a request for ``name`` to the HTTPS port, or ``refused``: whether TLS's
        alert or the end of the connection comes first is chance under TLS 1.3.
        """
        answer = self.mesh.send(
            f"https://{name}.shop.example:443/", client=self.clients.get(client or ""), sni=sni
        )
        return answer.status or (
            "refused" if answer.error in ("tls", "closed") else str(answer.error)
        )

    def shown(self, name: str) -> Leaf | None:
        """The certificate that the server of ``name`` shows."""
        found = self.mesh.send(f"https://{name}.shop.example:443/").certificate
        return None if found is None else Leaf(ssl.DER_cert_to_PEM_cert(found), "")


@pytest.fixture(scope="module")
def doors(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("doors")
    secrets = SHOP.secret("shop", authority=CLIENTS.pem) + EXPIRED.secret("expired")
    files = {
        "mesh.yaml": MESH + gateway(),
        "secrets.yaml": secrets + revoking(),
        "turned.yaml": SHOP.secret("turned"),
    }
    with running_mesh(tmp_path_factory.mktemp("mesh"), files=files) as mesh:
        leaves = {"alice": ALICE, "bob": BOB, "revoked": REVOKED, "mallory": MALLORY, "old": OLD}
        clients = {name: leaf.files(folder, name) for name, leaf in leaves.items()}
        state = ("--state", str(mesh.control_plane.state))
        out = folder / "istio"
        for name, domain in (("istio", "cluster.local"), ("foreign", "other.example")):
            who = f"spiffe://{domain}/ns/apps/sa/client"
            mesh.control_plane.command("cert", who, "--client", "--out", str(out / name), *state)
            (own,) = (out / name).glob("spiffe*.crt")
            clients[name] = (str(own), str(own.with_suffix(".key")))
        mesh.upstreams.add("shop", "127.0.0.1", 9080)
        tls = server_tls(*ROOT.leaf("through.shop.example").files(folder, "through"))
        mesh.upstreams.add("through", "127.0.0.1", 9443, tls=tls)
        mesh.until_upstream("shop", "http://shop.example/")
        yield Doors(mesh=mesh, folder=folder, clients=clients)


@pytest.mark.parametrize(
    ("name", "client", "expected"),
    [
        ("simple", None, 200),
        ("simple", "mallory", 200),
        ("mutual", "alice", 200),
        ("mutual", None, "refused"),
        ("mutual", "mallory", "refused"),
        ("mutual", "old", "refused"),
        ("optional", None, 200),
        ("optional", "alice", 200),
        ("optional", "mallory", "refused"),
        ("named", "alice", 200),
        ("named", "bob", "refused"),
        ("named", "mallory", "refused"),
        ("revoking", "alice", 200),
        ("revoking", "revoked", "refused"),
        ("lax", "mallory", 200),
        ("lax", None, "refused"),
        ("istio", "istio", 200),
        ("istio", "foreign", 200),  # the root is the same: as with istiod
        ("istio", "alice", "refused"),
        ("istio", None, "refused"),
        ("first", None, 200),
        ("second", None, 200),
        ("pinned", "alice", 200),
        ("pinned", "bob", "refused"),
        ("nobody", "alice", "refused"),
        ("misnamed", "alice", "refused"),
        ("misnamed", "mallory", "refused"),
        ("missing", None, "refused"),
        ("expired", None, "refused"),
    ],
)
def test_a_mode_admits_whom_it_should(
    doors: Doors, name: str, client: str | None, expected: int | str
) -> None:
    assert doors.ask(name, client) == expected


@pytest.mark.parametrize(
    ("sni", "expected"),
    [("simple.shop.example", 200), ("SIMPLE.shop.example", 200), ("else.shop.example", "refused")],
)
def test_a_name_that_no_server_has_is_closed(doors: Doors, sni: str, expected: int | str) -> None:
    assert doors.ask("simple", None, sni=sni) == expected


def test_the_host_of_another_server_is_not_found_behind_a_name(doors: Doors) -> None:
    assert doors.ask("optional", None, sni="simple.shop.example") == 404


def test_a_client_without_a_name_is_closed(doors: Doors) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((doors.mesh.workload.address, 443), timeout=5) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(raw)


@pytest.mark.parametrize(
    ("name", "offered", "version", "protocol"),
    [
        ("simple", ["h2", "http/1.1"], "TLSv1.3", "h2"),
        ("simple", ["http/1.1"], "TLSv1.3", "http/1.1"),
        ("simple", ["odd"], "TLSv1.3", None),
        ("old", ["h2"], "TLSv1.2", "h2"),
    ],
)
def test_protocols_and_versions_are_agreed_on(
    doors: Doors, name: str, offered: list[str], version: str, protocol: str | None
) -> None:
    context = ssl.create_default_context(cadata=ROOT.pem)
    context.set_alpn_protocols(offered)
    with (
        socket.create_connection((doors.mesh.workload.address, 443), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname=f"{name}.shop.example") as agreed,
    ):
        assert agreed.version() == version
        assert agreed.selected_alpn_protocol() == protocol


def test_the_upstream_sees_who_the_client_is_and_not_what_it_claims(doors: Doors) -> None:
    claim = {"x-forwarded-client-cert": "Subject=root"}
    proven = doors.mesh.send(
        "https://mutual.shop.example:443/", client=doors.clients["alice"], headers=claim
    )
    unproven = doors.mesh.send("https://simple.shop.example:443/", headers=claim)

    heads = proven.seen["headers"], unproven.seen["headers"]
    assert isinstance(heads[0], dict)
    assert isinstance(heads[1], dict)
    assert "DNS=alice.shop.example" in heads[0]["x-forwarded-client-cert"]
    assert "Subject=root" not in heads[0]["x-forwarded-client-cert"]
    assert "x-forwarded-client-cert" not in heads[1]


def test_streams_are_forwarded_with_tls_ended_or_untouched(doors: Doors) -> None:
    ended = doors.mesh.send("https://any.shop.example:444/", trust=ROOT.pem)
    through = doors.mesh.send("https://through.shop.example:445/", trust=ROOT.pem)
    unknown = doors.mesh.send("https://other.shop.example:445/")

    assert (ended.upstream, through.upstream, unknown.error) == ("shop", "through", "closed")


def test_a_stream_in_the_meshs_own_tls_is_ended_for_its_members_alone(doors: Doors) -> None:
    url = "https://any.shop.example:446/"

    member = doors.mesh.send(url, client=doors.clients["istio"])
    stranger = doors.mesh.send(url, client=doors.clients["alice"])

    assert (member.upstream, stranger.upstream) == ("shop", None)


def test_a_secret_that_appears_opens_its_server(doors: Doors) -> None:
    doors.mesh.write("missing.yaml", SHOP.secret("missing"))
    doors.mesh.until_upstream("shop", "https://missing.shop.example:443/")

    doors.mesh.delete("missing.yaml")


def test_a_renewed_certificate_is_shown_and_a_broken_one_is_not(doors: Doors) -> None:
    renewed = ROOT.leaf("turned.shop.example", key=rsa.generate_private_key(65537, 2048))
    doors.mesh.write("turned.yaml", renewed.secret("turned"))
    doors.mesh.until(
        lambda answer: (
            answer.certificate is not None
            and ssl.DER_cert_to_PEM_cert(answer.certificate).split() == renewed.certificate.split()
        ),
        "https://turned.shop.example:443/",
    )

    doors.mesh.write("turned.yaml", Leaf(SHOP.certificate, renewed.key).secret("turned"))
    doors.mesh.write("seen.yaml", SHOP.secret("missing"))
    doors.mesh.until_upstream("shop", "https://missing.shop.example:443/")

    shown = doors.shown("turned")
    assert shown is not None
    assert shown.certificate.split() == renewed.certificate.split()
    assert doors.ask("turned", None) == 200
    reported = doors.mesh.control_plane.admin("/api/v1/diagnostics").text
    assert "CP0404" in reported
    assert renewed.key not in reported
