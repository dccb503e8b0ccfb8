"""The authority: the key and certificates that sign the mesh's identities.

One is made on first use and kept in the state directory: it signs the xDS server's certificate and
those of ``controlplane cert``, so that a bootstrap can be printed before or after the server runs.
Workloads get theirs from it too, unless a CA is plugged in (``plugged_ca``).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from controlplane.base.errors import KeyLost, KeyUnusable
from controlplane.identity.pem import Key, certificates_of, check_pair, key_of, key_pem, new_key
from controlplane.identity.token_keys import TOKEN_KEY, token_keys_of
from controlplane.sources.state import Area

log = structlog.get_logger(__name__)

LIFE: Final = timedelta(days=3650)  # of the authority we make; Istio's self-signed CA lives as long
BACKDATED: Final = timedelta(minutes=2)  # what clocks may differ by; Istio's ClockSkewGracePeriod
AUTHORITY: Final = "ca.pem"
_LOST: Final = {
    AUTHORITY: "a new authority is made: every proxy needs a new bootstrap, every client the new "
    "root certificate",
    TOKEN_KEY: "a new key is made: every proxy needs a new bootstrap",
}


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
            token_keys_of(content, str(area.path / name))
    except KeyUnusable as fault:
        return fault
    return None


def _authority(blob: bytes, area: Area, now: datetime) -> Authority:
    what = str(area.path / AUTHORITY)
    certificate, key = certificates_of(blob, what)[0], key_of(blob, what)
    if now >= certificate.not_valid_after_utc:
        raise KeyUnusable(
            f"the authority in {area.path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}",
            hint=f"delete {area.path} and give every proxy a new bootstrap",
        )
    check_pair(certificate, key, what)
    return Authority(certificate=certificate, key=key, roots=(certificate,))


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
