"""The authority: the key and certificates that sign the mesh's identities.

One is made on first use and kept in the state directory: it signs the xDS server's certificate and
those of ``controlplane cert``, so that a bootstrap can be printed before or after the server runs.
Workloads get theirs from it too, unless a CA is plugged in the way Istio does it, with the Secret
``cacerts``.
Source: https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from controlplane.base.errors import KeyUnusable
from controlplane.sources.state import Area

Key = EllipticCurvePrivateKey | RSAPrivateKey

LIFE: Final = timedelta(days=3650)  # of the authority we make; Istio's self-signed CA lives as long
BACKDATED: Final = timedelta(minutes=2)  # what clocks may differ by; Istio's ClockSkewGracePeriod
_KEPT: Final = "ca.pem"
_KEPT_TOKEN_KEY: Final = "token-key.pem"
_PLUGGED: Final = (
    ("ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"),
    ("tls.crt", "tls.key", "ca.crt", "tls.crt"),
)
"""Certificate, key, root and chain in the Secret ``cacerts``: Istio's names, then cert-manager's.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate that may sign others, with its key."""

    certificate: x509.Certificate
    key: Key = field(repr=False, compare=False)  # equal where the certificate is
    chain: tuple[x509.Certificate, ...] = ()
    """What is sent after a leaf so that it leads to a root; self-signed certificates are not sent.
    """
    roots: tuple[x509.Certificate, ...] = ()
    """What the mesh trusts."""

    @property
    def trust_bundle(self) -> bytes:
        """The roots as PEM."""
        return b"".join(root.public_bytes(Encoding.PEM) for root in self.roots)


def kept_authority(area: Area, now: datetime) -> Authority:
    """The authority of the state directory, made first when there is none."""
    blob = area.made_once(_KEPT, lambda: _new_authority(now))
    certificate = _certificates(blob, "the kept authority")[0]
    if now >= certificate.not_valid_after_utc:
        raise KeyUnusable(
            f"the authority in {area.path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}",
            hint=f"delete {area.path} and give every proxy a new bootstrap",
        )
    key = _key(blob, "the kept authority")
    _check_pair(certificate, key, "the kept authority")
    return Authority(certificate=certificate, key=key, roots=(certificate,))


def kept_token_key(area: Area) -> EllipticCurvePrivateKey:
    """The key that signs proxies' tokens, made first when there is none."""
    key = _key(area.made_once(_KEPT_TOKEN_KEY, lambda: key_pem(new_key())), "the kept token key")
    if not isinstance(key, EllipticCurvePrivateKey):
        raise KeyUnusable(f"the token key in {area.path} is not an elliptic-curve key")
    return key


def plugged_in(files: Mapping[str, bytes], now: datetime) -> Authority:
    """The authority of a ``cacerts`` Secret, whose decoded ``data`` is ``files``.

    ``KeyUnusable`` when a file is missing, the key is not the certificate's, the certificate may
    not sign, is expired or does not lead to the root.
    """
    names = next((names for names in _PLUGGED if names[0] in files), _PLUGGED[0])
    if missing := [name for name in names[:3] if not files.get(name)]:
        raise KeyUnusable(f'the Secret "cacerts" has no "{missing[0]}"')
    certificate_name, key_name, root_name, chain_name = names
    certificate = _certificates(files[certificate_name], certificate_name)[0]
    key = _key(files[key_name], key_name)
    chain = _certificates(files[chain_name], chain_name) if files.get(chain_name) else ()
    roots = _certificates(files[root_name], root_name)
    _check_pair(certificate, key, certificate_name)
    _check_may_sign(certificate, certificate_name, now)
    if not _leads_to(certificate, chain, roots):
        raise KeyUnusable(
            f"{certificate_name} does not lead to {root_name}", hint=f"complete {chain_name}"
        )
    if certificate not in chain:
        chain = (certificate, *chain)
    return Authority(
        certificate=certificate,
        key=key,
        chain=tuple(c for c in chain if c.issuer != c.subject),
        roots=roots,
    )


def new_key() -> EllipticCurvePrivateKey:
    """A P-256 key: what Envoy verifies fastest, and what every client takes."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _new_authority(now: datetime) -> bytes:
    """A new self-signed authority as PEM: certificate, then key, in one blob so that they never
    part.
    """
    key = new_key()
    name = x509.Name(
        (
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "controlplane"),
            x509.NameAttribute(NameOID.COMMON_NAME, "controlplane mesh authority"),
        )
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM) + key_pem(key)


_SIGNS: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _certificates(pem: bytes, what: str) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise KeyUnusable(f"{what} holds no PEM certificate that can be read") from None


def _key(pem: bytes, what: str) -> Key:
    """The one private key of ``pem``; the message never shows its content."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyUnusable(
            f"the key of {what} is encrypted", hint="store it without a passphrase"
        ) from None
    except ValueError:
        raise KeyUnusable(f"{what} holds no PEM private key that can be read") from None
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise KeyUnusable(f"the key of {what} is neither RSA nor on an elliptic curve")
    return key


def _check_pair(certificate: x509.Certificate, key: Key, what: str) -> None:
    if certificate.public_key() != key.public_key():
        raise KeyUnusable(f"the key beside {what} is not the certificate's")


def _check_may_sign(certificate: x509.Certificate, what: str, now: datetime) -> None:
    try:
        authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    if not authority:
        raise KeyUnusable(f"{what} may not sign certificates (basicConstraints CA is not true)")
    if now >= certificate.not_valid_after_utc:
        raise KeyUnusable(f"{what} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")


def _leads_to(
    certificate: x509.Certificate,
    chain: tuple[x509.Certificate, ...],
    roots: tuple[x509.Certificate, ...],
) -> bool:
    """Whether signatures lead from ``certificate`` over ``chain``, in any order, to one of
    ``roots``.
    """
    seen = [certificate]
    for current in seen:
        if current in roots or any(_signed_by(current, root) for root in roots):
            return True
        seen.extend(c for c in chain if c not in seen and _signed_by(current, c))
    return False


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
