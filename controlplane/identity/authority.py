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

import structlog
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

from controlplane.base.errors import KeyLost, KeyUnusable
from controlplane.sources.state import Area

log = structlog.get_logger(__name__)

Key = EllipticCurvePrivateKey | RSAPrivateKey

LIFE: Final = timedelta(days=3650)  # of the authority we make; Istio's self-signed CA lives as long
BACKDATED: Final = timedelta(minutes=2)  # what clocks may differ by; Istio's ClockSkewGracePeriod
AUTHORITY: Final = "ca.pem"
TOKEN_KEY: Final = "token-key.pem"
_LOST: Final = {
    AUTHORITY: "a new authority is made: every proxy needs a new bootstrap, every client the new "
    "root certificate",
    TOKEN_KEY: "a new key is made: every proxy needs a new bootstrap",
}
_COPY: Final = "put back a copy of it, or delete it and give every proxy a new bootstrap"
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
    return _authority(area.made_once(AUTHORITY, lambda: _new_authority(now)), area, now)


def kept_token_key(area: Area) -> EllipticCurvePrivateKey:
    """The key that signs proxies' tokens, made first when there is none."""
    return _token_key(area.made_once(TOKEN_KEY, lambda: key_pem(new_key())), area)


def make_lost_anew(area: Area, now: datetime) -> None:
    """Set aside the files of keys that cannot be read, and make new ones.

    For the control plane that has the state directory; other commands raise ``KeyLost``.
    """
    for name in (AUTHORITY, TOKEN_KEY):
        content = area.content(name)
        fault = None if content is None else kept_fault(name, content, area, now)
        if isinstance(fault, KeyLost):
            aside = area.set_aside(name)
            log.error("key_lost", reason=fault.message, kept_as=str(aside), effect=_LOST[name])


def kept_fault(name: str, content: bytes, area: Area, now: datetime) -> KeyUnusable | None:
    """Why ``content`` could not be used as the file ``name`` of ``area``."""
    try:
        if name == AUTHORITY:
            _authority(content, area, now)
        else:
            _token_key(content, area)
    except KeyUnusable as fault:
        return fault
    return None


def _authority(blob: bytes, area: Area, now: datetime) -> Authority:
    what = str(area.path / AUTHORITY)
    certificate, key = _certificates(blob, what)[0], _key(blob, what)
    if now >= certificate.not_valid_after_utc:
        raise KeyUnusable(
            f"the authority in {area.path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}",
            hint=f"delete {area.path} and give every proxy a new bootstrap",
        )
    _check_pair(certificate, key, what)
    return Authority(certificate=certificate, key=key, roots=(certificate,))


def _token_key(blob: bytes, area: Area) -> EllipticCurvePrivateKey:
    key = _key(blob, what := str(area.path / TOKEN_KEY))
    if not isinstance(key, EllipticCurvePrivateKey):
        raise KeyUnusable(f"the token key {what} is not an elliptic-curve key")
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
        raise KeyLost(f"{what} holds no PEM certificate that can be read", hint=_COPY) from None


def _key(pem: bytes, what: str) -> Key:
    """The one private key of ``pem``; the message never shows its content."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyUnusable(
            f"the key of {what} is encrypted", hint="store it without a passphrase"
        ) from None
    except ValueError:
        raise KeyLost(f"{what} holds no PEM private key that can be read", hint=_COPY) from None
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise KeyUnusable(f"the key of {what} is neither RSA nor on an elliptic curve")
    return key


def _check_pair(certificate: x509.Certificate, key: Key, what: str) -> None:
    if certificate.public_key() != key.public_key():
        raise KeyUnusable(
            f"the key beside {what} is not the certificate's",
            hint="put both there, as they were made",
        )


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
