"""Handshakes of curl (HTTP/1.1 and HTTP/2) and of picky clients: versions, ciphers, kinds of keys,
pins, certificates from files, and secrets that are not fit.
"""

import base64
import hashlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.mesh import Mesh, running_mesh
from tests.support.pki import DAY, Authority, Leaf

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl"),
]

ROOT, CLIENTS, STRANGERS = Authority("root"), Authority("clients"), Authority("strangers")
NOW = datetime.now(UTC)
SHOP, OTHER = ROOT.leaf("*.shop.example"), ROOT.leaf("*.other.example")
RSA = ROOT.leaf("*.shop.example", key=rsa.generate_private_key(65537, 2048))
ALICE, BOB = CLIENTS.leaf("alice.example"), CLIENTS.leaf("bob.example")
MALLORY = STRANGERS.leaf("alice.example")
EARLY = ROOT.leaf("early.shop.example", valid=(NOW + DAY, NOW + 9 * DAY))
LATE = ROOT.leaf("late.shop.example", valid=(NOW - 9 * DAY, NOW - DAY))


def certificate_hash(leaf: Leaf) -> str:
    found = x509.load_pem_x509_certificate(leaf.certificate.encode())
    return found.fingerprint(hashes.SHA256()).hex()


def key_pin(leaf: Leaf) -> str:
    key = x509.load_pem_x509_certificate(leaf.certificate.encode()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def servers(folder: Path) -> dict[str, str]:
    """``tls`` of a server, by the name that it serves."""
    certificate, key = SHOP.files(folder, "served")
    roots = folder / "clients.pem"
    roots.write_text(CLIENTS.pem)
    modern = "minProtocolVersion: TLSV1_3"
    cipher = "maxProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384]"
    files = f"serverCertificate: {certificate}, privateKey: {key}"
    return {
        "simple.shop.example": "mode: SIMPLE, credentialName: shop",
        "mutual.shop.example": "mode: MUTUAL, credentialName: shop",
        "optional.shop.example": "mode: OPTIONAL_MUTUAL, credentialName: shop",
        "hashed.shop.example": (
            "mode: MUTUAL, credentialName: shop, "
            f'verifyCertificateHash: ["{certificate_hash(ALICE)}"]'
        ),
        "pinned.shop.example": (
            f'mode: MUTUAL, credentialName: shop, verifyCertificateSpki: ["{key_pin(ALICE)}"]'
        ),
        "modern.shop.example": f"mode: SIMPLE, credentialName: shop, {modern}",
        "older.shop.example": f"mode: SIMPLE, credentialName: shop, {cipher}",
        "both.shop.example": "mode: SIMPLE, credentialNames: [shop, rsa]",
        "simple.other.example": "mode: SIMPLE, credentialName: other",
        "files.shop.example": f"mode: SIMPLE, {files}",
        "filed.shop.example": f"mode: MUTUAL, {files}, caCertificates: {roots}",
        "early.shop.example": "mode: SIMPLE, credentialName: early",
        "late.shop.example": "mode: SIMPLE, credentialName: late",
        "mismatched.shop.example": "mode: SIMPLE, credentialName: mismatched",
        "halved.shop.example": "mode: SIMPLE, credentialName: halved",
        "gone.shop.example": "mode: SIMPLE, credentialName: gone",
        "leaving.shop.example": "mode: SIMPLE, credentialName: leaving",
    }


def configuration(folder: Path) -> str:
    listed = "".join(
        f"""
  - port: {{number: 443, name: https-{i}, protocol: HTTPS}}
    hosts: [{host}]
    tls: {{{tls}}}"""
        for i, (host, tls) in enumerate(servers(folder).items())
    )
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers:{listed}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: all, namespace: istio-system}}
spec:
  hosts: ["*"]
  gateways: [gw]
  http: [{{directResponse: {{status: 200, body: {{string: here}}}}}}]
---
"""


SECRETS = "".join(
    (
        SHOP.secret("shop", authority=CLIENTS.pem),
        OTHER.secret("other"),
        RSA.secret("rsa"),
        EARLY.secret("early"),
        LATE.secret("late"),
        Leaf(SHOP.certificate, OTHER.key).secret("mismatched"),
        Leaf(SHOP.certificate[:200], SHOP.key).secret("halved"),
    )
)


@dataclass(frozen=True)
class Doors:
    mesh: Mesh
    folder: Path

    def curl(self, host: str, *options: str, client: Leaf | None = None) -> str:
        """``200 2`` (status, version of HTTP), or ``refused`` where there was no answer."""
        root = self.folder / "root.pem"
        root.write_text(ROOT.pem)
        shown: tuple[str, ...] = ()
        if client is not None:
            certificate, key = client.files(self.folder, "client")
            shown = ("--cert", certificate, "--key", key)
        address = self.mesh.workload.address
        command = [
            "curl",
            "--silent",
            "--max-time",
            "10",
            "--output",
            "/dev/null",
            *options,
            *shown,
        ]
        command += ["--cacert", str(root), "--resolve", f"{host}:443:{address}"]
        command += ["--write-out", "%{http_code} %{http_version}", f"https://{host}/"]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else "refused"

    def handshake(self, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
        raw = socket.create_connection((self.mesh.workload.address, 443), timeout=5)
        return context.wrap_socket(raw, server_hostname=host)


@pytest.fixture(scope="module")
def doors(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("doors")
    files = {
        "mesh.yaml": configuration(folder),
        "secrets.yaml": SECRETS,
        "leaving.yaml": SHOP.secret("leaving"),
    }
    with running_mesh(tmp_path_factory.mktemp("mesh"), files=files) as mesh:
        mesh.until(lambda answer: answer.status == 200, "https://simple.shop.example/")
        yield Doors(mesh, folder)


@pytest.mark.parametrize(("option", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
@pytest.mark.parametrize(
    ("host", "client", "is_admitted"),
    [
        ("simple.shop.example", None, True),
        ("simple.other.example", None, True),
        ("mutual.shop.example", ALICE, True),
        ("mutual.shop.example", MALLORY, False),
        ("mutual.shop.example", None, False),
        ("optional.shop.example", None, True),
        ("optional.shop.example", ALICE, True),
        ("optional.shop.example", MALLORY, False),
        ("hashed.shop.example", ALICE, True),
        ("hashed.shop.example", BOB, False),
        ("pinned.shop.example", ALICE, True),
        ("pinned.shop.example", BOB, False),
        ("files.shop.example", None, True),
        ("filed.shop.example", ALICE, True),
        ("filed.shop.example", MALLORY, False),
        ("filed.shop.example", None, False),
        ("modern.shop.example", None, True),
        ("older.shop.example", None, True),
        ("both.shop.example", None, True),
        ("early.shop.example", None, False),
        ("late.shop.example", None, False),
        ("mismatched.shop.example", None, False),
        ("halved.shop.example", None, False),
        ("gone.shop.example", None, False),
        ("nobody.shop.example", None, False),
    ],
)
def test_curl_is_admitted_or_refused(
    doors: Doors, option: str, version: str, host: str, client: Leaf | None, is_admitted: bool
) -> None:
    expected = f"200 {version}" if is_admitted else "refused"

    assert doors.curl(host, option, client=client) == expected


@pytest.mark.parametrize(
    ("host", "options", "expected"),
    [
        ("modern.shop.example", ("--tls-max", "1.2"), "refused"),
        ("modern.shop.example", ("--tlsv1.3",), "200 2"),
        ("older.shop.example", ("--tlsv1.3",), "refused"),
        ("older.shop.example", ("--tls-max", "1.2"), "200 2"),
        ("older.shop.example", ("--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"), "refused"),
        ("simple.shop.example", ("--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"), "refused"),
    ],
    ids=[
        "1.2 where 1.3 is the least",
        "1.3 where it is the least",
        "1.3 where 1.2 is the most",
        "1.2 where it is the most",
        "a cipher that is not listed",
        "1.1, which nobody asked for",
    ],
)
def test_versions_and_ciphers_that_are_refused(
    doors: Doors, host: str, options: tuple[str, ...], expected: str
) -> None:
    assert doors.curl(host, *options) == expected


@pytest.mark.parametrize(
    ("ciphers", "leaf"),
    [("ECDHE-RSA-AES128-GCM-SHA256", RSA), ("ECDHE-ECDSA-AES128-GCM-SHA256", SHOP)],
    ids=["RSA for a client that knows RSA only", "ECDSA for one that knows it only"],
)
def test_of_two_certificates_the_one_that_the_client_knows_is_shown(
    doors: Doors, ciphers: str, leaf: Leaf
) -> None:
    context = ssl.create_default_context(cadata=ROOT.pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)

    with doors.handshake("both.shop.example", context) as connection:
        assert connection.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(
            leaf.certificate
        )


def test_a_client_that_trusts_others_turns_away(doors: Doors) -> None:
    context = ssl.create_default_context(cadata=STRANGERS.pem)

    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        doors.handshake("simple.shop.example", context)


def test_each_name_is_shown_its_own_certificate(doors: Doors) -> None:
    context = ssl.create_default_context(cadata=ROOT.pem)

    for host, leaf in (("simple.shop.example", SHOP), ("simple.other.example", OTHER)):
        with doors.handshake(host, context) as connection:
            shown = connection.getpeercert(binary_form=True)
            assert shown == ssl.PEM_cert_to_DER_cert(leaf.certificate)


def test_on_a_kept_connection_the_host_of_another_server_is_not_found(doors: Doors) -> None:
    context = ssl.create_default_context(cadata=ROOT.pem)
    answers = []

    with doors.handshake("simple.shop.example", context) as connection:
        for host in ("simple.shop.example", "mutual.shop.example", "simple.shop.example"):
            connection.sendall(f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
            answers.append(connection.recv(4096)[:12])

    assert answers == [b"HTTP/1.1 200", b"HTTP/1.1 404", b"HTTP/1.1 200"]


def test_what_is_wrong_with_secrets_is_reported_with_who_uses_them_and_what_is_shown(
    doors: Doors,
) -> None:
    said = doors.mesh.control_plane.admin("/api/v1/tls").seen

    secrets = said["secrets"]
    assert isinstance(secrets, list)
    reported = {s["declared"]["object"]: [p[:6] for p in s["problems"]] for s in secrets}
    assert reported == {
        "Secret/istio-system/early": ["CP0406"],
        "Secret/istio-system/halved": ["CP0403"],
        "Secret/istio-system/late": ["CP0405"],
        "Secret/istio-system/leaving": [],
        "Secret/istio-system/mismatched": ["CP0404"],
        "Secret/istio-system/other": [],
        "Secret/istio-system/rsa": [],
        "Secret/istio-system/shop": [],
    }
    assert {u["object"] for s in secrets for u in s["users"]} == {"Gateway/istio-system/gw"}
    shown = {s["declared"]["object"]: [x["message"] for x in s["seen"]] for s in secrets}
    assert set(shown["Secret/istio-system/shop"]) == {"presents this certificate"}
    assert shown["Secret/istio-system/late"][0].startswith("closes the connection")
    problems = said["problems"]
    assert isinstance(problems, list)
    assert [t["problem"].partition(" in ")[0] for t in problems] == [
        'CP0401: secret "gone" does not exist'
    ]


def test_a_secret_that_is_deleted_is_still_shown_and_is_reported(doors: Doors) -> None:
    mesh = doors.mesh
    mesh.edited(lambda: mesh.delete("leaving.yaml"))

    assert doors.curl("leaving.shop.example") == "200 2"
    assert 'secret \\"leaving\\" does not exist' in mesh.control_plane.admin("/api/v1/tls").text


def test_a_server_that_is_given_a_missing_secret_closes_alone_and_at_once(doors: Doors) -> None:
    mesh = doors.mesh
    text = configuration(doors.folder)
    before = "hosts: [both.shop.example]\n    tls: {mode: SIMPLE, credentialNames: [shop, rsa]}"
    assert before in text
    after = before.replace("[shop, rsa]", "[nowhere]").replace("]\n", ", more.shop.example]\n")

    mesh.edited(lambda: mesh.write("mesh.yaml", text.replace(before, after)))

    answered = {host: doors.curl(host) for host in ("simple.shop.example", "both.shop.example")}
    assert answered == {"simple.shop.example": "200 2", "both.shop.example": "refused"}
