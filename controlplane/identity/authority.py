"""Authorities: keys and certificates that sign others.

One is made on first use and kept in the state directory: it signs the xDS server's certificate and
those of ``controlplane cert``, so that a bootstrap can be printed before or after the server runs.
Bootstraps pin it, so it stays when the mesh's own authority changes (``mesh_authority``), which
signs the certificates of workloads.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from controlplane.base.errors import KeyUnusable
from controlplane.identity.pem import Key, certificates_of, check_pair, key_of, key_pem, new_key
from controlplane.sources.state import Area

LIFE: Final = timedelta(days=3650)  # of the authority we make; Istio's self-signed CA lives as long
BACKDATED: Final = timedelta(minutes=2)  # what clocks may differ by; Istio's ClockSkewGracePeriod
AUTHORITY: Final = "ca.pem"


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
    revoked: bytes = b""
    """Lists of revoked certificates, PEM, of each authority between a leaf and its root."""

    @property
    def trust_bundle(self) -> bytes:
        """The roots as PEM."""
        return b"".join(root.public_bytes(Encoding.PEM) for root in self.roots)


def kept_authority(area: Area, now: datetime) -> Authority:
    """The authority of the state directory, made first when there is none."""
    return authority_of(area.made_once(AUTHORITY, lambda: _new_authority(now)), area, now)


def authority_of(blob: bytes, area: Area, now: datetime) -> Authority:
    """The authority in ``blob``, the content of its file in ``area``."""
    what = str(area.path / AUTHORITY)
    certificate, key = certificates_of(blob, what)[0], key_of(blob, what)
    if now >= certificate.not_valid_after_utc:
        raise KeyUnusable(
            f"the authority in {area.path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}",
            hint=f"delete {area.path} and give every proxy a new bootstrap",
        )
    check_pair(certificate, key, what)
    return Authority(certificate=certificate, key=key, roots=(certificate,))


def ca_certificate(
    common_name: str,
    key: Key,
    issuer: Authority | None,
    *,
    path_length: int,
    now: datetime,
    life: timedelta,
) -> x509.Certificate:
    """A certificate that may sign others, itself signed by ``issuer`` or, without one, by ``key``.
    It does not outlive its issuer.
    """
    name = x509.Name(
        (
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "controlplane"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        )
    )
    end = (now + life).replace(microsecond=0)
    if issuer is not None:
        end = min(end, issuer.certificate.not_valid_after_utc)
    signer = issuer.key if issuer is not None else key
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer is not None else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before((now - BACKDATED).replace(microsecond=0))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )


def _new_authority(now: datetime) -> bytes:
    """A new self-signed authority as PEM: certificate, then key, in one blob so that they never
    part.
    """
    key = new_key()
    certificate = ca_certificate(
        "controlplane mesh authority", key, None, path_length=0, now=now, life=LIFE
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
