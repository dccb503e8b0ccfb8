"""``controlplane cert``: certificates as a Secret or as files."""

import base64
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from controlplane.cli.main import main
from controlplane.identity.authority import kept_authority
from controlplane.identity.mesh_authority import kept_mesh_authority
from controlplane.sources.state import StateDirectory


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["cert", *arguments])
    assert result.exit_code == 0, result.stderr
    return result


def certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(pem)[0]


def test_a_secret_that_a_gateway_can_name(state: str) -> None:
    printed = run("shop.example.com", "10.0.0.1", "--secret", "edge/shop", "--state", state).stdout

    secret = yaml.safe_load(printed)
    data = {name: base64.b64decode(value) for name, value in secret.pop("data").items()}
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop", "namespace": "edge"},
        "type": "kubernetes.io/tls",
    }
    assert sorted(data) == ["ca.crt", "tls.crt", "tls.key"]
    issued, authority = certificate(data["tls.crt"]), certificate(data["ca.crt"])
    issued.verify_directly_issued_by(authority)
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["shop.example.com", "10.0.0.1"]


@pytest.mark.parametrize(
    ("name", "secret"),
    [("shop.example.com", "shop-example-com"), ("*.shop.test", "wildcard-shop-test")],
)
def test_a_secret_is_called_after_its_first_name(name: str, secret: str, state: str) -> None:
    printed = run(name, "--state", state).stdout

    assert yaml.safe_load(printed)["metadata"] == {"name": secret, "namespace": "istio-system"}


def test_files_with_a_key_that_only_we_can_read(tmp_path: Path, state: str) -> None:
    out = tmp_path / "certs"
    run("*.shop.test", "--out", str(out), "--key", "rsa", "--client", "--state", state)

    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in out.iterdir()}
    assert modes["_.shop.test.key"] == 0o600
    assert sorted(modes) == ["_.shop.test.crt", "_.shop.test.key", "ca.crt"]
    issued = certificate((out / "_.shop.test.crt").read_bytes())
    assert isinstance(issued.public_key(), RSAPublicKey)
    usages = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_secret_as_the_files_that_serve_reads(tmp_path: Path, state: str) -> None:
    run("a.example", "--secret", "edge/shop", "--secrets", str(tmp_path / "s"), "--state", state)

    files = {str(p.relative_to(tmp_path / "s")) for p in (tmp_path / "s").rglob("*.*")}
    assert files == {"edge/shop/tls.crt", "edge/shop/tls.key", "edge/shop/ca.crt"}


def test_the_trusted_certificate_alone_is_on_standard_output(tmp_path: Path, state: str) -> None:
    run("a.example", "--out", str(tmp_path), "--state", state)

    result = run("--trust", "--state", state)

    assert result.stdout == (tmp_path / "ca.crt").read_text()
    assert "curl --cacert ca.crt" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give the names of the certificate, or use --trust"),
        (("a", "--trust"), "give the names of the certificate, or use --trust"),
        (("a", "--secret", "b"), '"b" is not NAMESPACE/NAME'),
        (("a", "--secret", "b/c", "--out", "d"), "--out excludes --secret and --secrets"),
        (("a_b c",), '"a_b c" is no host name, IP address or URI'),
    ],
)
def test_what_cannot_be_is_reported(arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(main, ["cert", *arguments])

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_workloads_identity_is_signed_by_the_meshs_authority(tmp_path: Path, state: str) -> None:
    out = tmp_path / "out"
    who = "spiffe://cluster.local/ns/shop/sa/cart"
    run(who, "--client", "--out", str(out), "--state", state)
    run("cart.example", "--client", "--out", str(out), "--state", state)

    (file,) = out.glob("spiffe*.crt")
    issued, intermediate = x509.load_pem_x509_certificates(file.read_bytes())
    issued.verify_directly_issued_by(intermediate)
    area = StateDirectory(tmp_path / "state").authority
    intermediate.verify_directly_issued_by(kept_mesh_authority(area, datetime.now(UTC)).roots[0])
    other = certificate((out / "cart.example.crt").read_bytes())
    other.verify_directly_issued_by(kept_authority(area, datetime.now(UTC)).certificate)
