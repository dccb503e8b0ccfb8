"""The authority: kept over restarts, or plugged in as Istio does it."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controlplane.base.errors import KeyUnusable
from controlplane.identity.authority import kept_authority
from controlplane.identity.pem import Key, key_pem, new_key
from controlplane.identity.plugged_ca import plugged_in
from controlplane.sources.state import StateDirectory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certificate(
    subject: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *,
    ca: bool = True,
    until: datetime = NOW + timedelta(days=30),
) -> bytes:
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


ROOT_KEY = new_key()
ROOT = certificate("root", ROOT_KEY, "root", ROOT_KEY)
MIDDLE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
MIDDLE = certificate("middle", MIDDLE_KEY, "root", ROOT_KEY)
LOW_KEY = new_key()
LOW = certificate("low", LOW_KEY, "middle", MIDDLE_KEY)
STRANGER_KEY = new_key()
STRANGER = certificate("root", STRANGER_KEY, "root", STRANGER_KEY)

PLUGGED = {
    "ca-cert.pem": LOW,
    "ca-key.pem": key_pem(LOW_KEY),
    "cert-chain.pem": LOW + MIDDLE + ROOT,
    "root-cert.pem": ROOT,
}


def subjects(certificates: tuple[x509.Certificate, ...]) -> list[str]:
    return [c.subject.rfc4514_string() for c in certificates]


def test_the_authority_is_made_once_and_kept(tmp_path: Path) -> None:
    first = kept_authority(StateDirectory.opened(tmp_path / "state").authority, NOW)
    later = kept_authority(
        StateDirectory.opened(tmp_path / "state").authority, NOW + timedelta(days=100)
    )

    assert later.certificate == first.certificate
    assert later.trust_bundle == first.trust_bundle
    assert first.certificate.not_valid_after_utc == datetime(2036, 2, 27, 12, 0, tzinfo=UTC)


def test_an_expired_authority_is_reported(tmp_path: Path) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    kept_authority(area, NOW)

    with pytest.raises(KeyUnusable, match="expired on 2036-02-27"):
        kept_authority(area, NOW + timedelta(days=4000))


def test_a_broken_file_is_reported_and_not_replaced(tmp_path: Path) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    area.made_once("ca.pem", lambda: b"not PEM")

    with pytest.raises(KeyUnusable, match="holds no PEM certificate"):
        kept_authority(area, NOW)

    assert (area.path / "ca.pem").read_bytes() == b"not PEM"


def test_a_plugged_in_authority_sends_what_leads_to_its_root() -> None:
    authority = plugged_in(PLUGGED, NOW)

    assert subjects((authority.certificate,)) == ["CN=low"]
    assert subjects(authority.chain) == ["CN=low", "CN=middle"]
    assert subjects(authority.roots) == ["CN=root"]


def test_the_signing_certificate_may_be_left_out_of_the_chain() -> None:
    authority = plugged_in(PLUGGED | {"cert-chain.pem": MIDDLE}, NOW)

    assert subjects(authority.chain) == ["CN=low", "CN=middle"]


def test_a_root_that_signs_itself_sends_no_chain() -> None:
    files = {"ca-cert.pem": ROOT, "ca-key.pem": key_pem(ROOT_KEY), "root-cert.pem": ROOT}

    assert plugged_in(files, NOW).chain == ()
    assert plugged_in(files | {"cert-chain.pem": ROOT}, NOW).chain == ()


def test_cert_managers_names_are_known() -> None:
    files = {"tls.crt": LOW + MIDDLE, "tls.key": key_pem(LOW_KEY), "ca.crt": ROOT}

    assert subjects(plugged_in(files, NOW).chain) == ["CN=low", "CN=middle"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ca-key.pem": b""}, 'the Secret "cacerts" has no "ca-key.pem"'),
        ({"root-cert.pem": b""}, 'the Secret "cacerts" has no "root-cert.pem"'),
        ({"ca-cert.pem": b"x"}, "ca-cert.pem holds no PEM certificate that can be read"),
        ({"ca-key.pem": b"x"}, "ca-key.pem holds no PEM private key that can be read"),
        (
            {"ca-key.pem": key_pem(ROOT_KEY)},
            "the key beside ca-cert.pem is not the certificate's",
        ),
        (
            {
                "ca-key.pem": LOW_KEY.private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")
                )
            },
            "the key of ca-key.pem is encrypted",
        ),
        (
            {"ca-cert.pem": certificate("low", LOW_KEY, "middle", MIDDLE_KEY, ca=False)},
            "ca-cert.pem may not sign certificates (basicConstraints CA is not true)",
        ),
        (
            {"ca-cert.pem": certificate("low", LOW_KEY, "middle", MIDDLE_KEY, until=NOW)},
            "ca-cert.pem expired on 2026-03-01",
        ),
        ({"cert-chain.pem": b""}, "ca-cert.pem does not lead to root-cert.pem"),
        ({"root-cert.pem": STRANGER}, "ca-cert.pem does not lead to root-cert.pem"),
    ],
)
def test_a_plugged_in_authority_that_cannot_work_is_reported(
    changes: dict[str, bytes], message: str
) -> None:
    with pytest.raises(KeyUnusable) as caught:
        plugged_in(PLUGGED | changes, NOW)

    assert caught.value.message == message


def signing(**extensions: x509.ExtensionType) -> bytes:
    """The middle authority of ``PLUGGED`` with other extensions."""
    usual = {"constraints": x509.BasicConstraints(ca=True, path_length=None)}
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("middle"))
        .issuer_name(name("root"))
        .public_key(MIDDLE_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=30))
    )
    for extension in (usual | extensions).values():
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(ROOT_KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


def usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    others = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**others, key_cert_sign=key_cert_sign)


SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


@pytest.mark.parametrize(
    ("extensions", "message"),
    [
        ({"constraints": x509.BasicConstraints(ca=True, path_length=1)}, None),
        (
            {"constraints": x509.BasicConstraints(ca=True, path_length=0)},
            'the certificate "CN=middle" allows 0 authorities below it (pathlen), it has 1',
        ),
        (
            {"constraints": x509.BasicConstraints(ca=False, path_length=None)},
            'the certificate "CN=middle" may not sign certificates (basicConstraints CA is not '
            "true)",
        ),
        ({"usage": usage(key_cert_sign=True)}, None),
        (
            {"usage": usage(key_cert_sign=False)},
            'the certificate "CN=middle" may not sign certificates (keyUsage has no keyCertSign)',
        ),
        ({"purposes": x509.ExtendedKeyUsage([SERVER, CLIENT])}, None),
        ({"purposes": x509.ExtendedKeyUsage([ANY])}, None),
        (
            {"purposes": x509.ExtendedKeyUsage([SERVER])},
            'the certificate "CN=middle" signs for other purposes (extendedKeyUsage) than servers '
            "and clients",
        ),
    ],
)
def test_what_peers_would_refuse_between_a_workload_and_its_root_is_reported(
    extensions: dict[str, x509.ExtensionType], message: str | None
) -> None:
    chain = {"cert-chain.pem": LOW + signing(**extensions)}

    with nullcontext() if message is None else pytest.raises(KeyUnusable) as caught:
        plugged_in(PLUGGED | chain, NOW)

    if message is not None:
        assert caught.value.message == message


def test_a_key_that_is_too_short_is_reported() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    own = certificate("short", key, "short", key)

    with pytest.raises(KeyUnusable) as caught:
        plugged_in({"ca-cert.pem": own, "ca-key.pem": key_pem(key), "root-cert.pem": own}, NOW)

    assert caught.value.message == "the RSA key of ca-cert.pem has 1024 bits, below 2048"


def revocations(issuer: str, key: Key, until: datetime = NOW + timedelta(days=1)) -> bytes:
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name(issuer))
        .last_update(NOW - timedelta(days=1))
        .next_update(until)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


OF_ROOT, OF_MIDDLE = revocations("root", ROOT_KEY), revocations("middle", MIDDLE_KEY)
OF_LOW = revocations("low", LOW_KEY)


def test_revocation_lists_of_all_authorities_are_taken() -> None:
    lists = OF_ROOT + OF_MIDDLE + OF_LOW

    assert plugged_in(PLUGGED | {"ca-crl.pem": lists}, NOW).revoked == lists
    assert plugged_in(PLUGGED, NOW).revoked == b""


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (b"x", "ca-crl.pem holds no revocation list that can be read"),
        (
            OF_LOW + OF_ROOT,
            'ca-crl.pem has no revocation list of the certificate "CN=middle"',
        ),
        (
            OF_LOW + OF_MIDDLE + revocations("root", STRANGER_KEY),
            'ca-crl.pem has no revocation list of the certificate "CN=root"',
        ),
        (
            OF_LOW + OF_MIDDLE + revocations("root", ROOT_KEY, NOW),
            'the revocation list of the certificate "CN=root" in ca-crl.pem is over',
        ),
    ],
)
def test_revocation_lists_by_which_envoy_would_refuse_all_are_reported(
    lists: bytes, message: str
) -> None:
    with pytest.raises(KeyUnusable) as caught:
        plugged_in(PLUGGED | {"ca-crl.pem": lists}, NOW)

    assert caught.value.message == message


def test_a_key_in_any_pem_form_is_taken() -> None:
    old_form = LOW_KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    assert plugged_in(PLUGGED | {"ca-key.pem": old_form}, NOW).certificate is not None
