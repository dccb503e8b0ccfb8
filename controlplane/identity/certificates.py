"""Certificates that an authority signs: of workloads, of the xDS server, of servers and clients for
people.

What a certificate says comes from the caller alone, and none outlives its authority; an expired
authority signs nothing (``KeyUnusable``).
Source: RFC 5280; SPIFFE X.509-SVID (one URI, no CA, key usage).
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controlplane.base.errors import KeyUnusable
from controlplane.identity.authority import BACKDATED, Authority
from controlplane.identity.identity import XDS_NAME, Identity
from controlplane.identity.pem import Key, key_pem, new_key

XDS_LIFE: Final = timedelta(days=7)
WORKLOAD_LIFE: Final = timedelta(hours=24)  # Istio's default, DEFAULT_WORKLOAD_CERT_TTL
_SOONEST: Final = timedelta(seconds=10)
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_LONGEST_COMMON_NAME: Final = 64  # characters; RFC 5280, ub-common-name
_DNS_NAME: Final = re.compile(
    r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.I
)

_SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A certificate with its private key, both PEM."""

    chain: bytes
    """The certificate, then what leads from it to a root."""
    key: bytes = field(repr=False)
    not_before: datetime
    not_after: datetime
    renewed_after: float = 2 / 3
    """The share of its life after which it is renewed."""

    @property
    def renew_at(self) -> datetime:
        """When that share of its life is over, but not sooner than ten seconds after its issue."""
        issued = self.not_before + BACKDATED
        life = self.not_after - issued
        return issued + max(life * self.renewed_after, _SOONEST)

    def is_valid(self, now: datetime) -> bool:
        return self.not_before <= now < self.not_after

    def is_current(self, now: datetime) -> bool:
        """Whether it is valid and not yet to be renewed; a clock may be set back."""
        return self.not_before <= now < self.renew_at


def workload_credential(
    authority: Authority, identity: Identity, now: datetime, life: timedelta = WORKLOAD_LIFE
) -> Credential:
    """A new key and certificate for a workload; its only name is its SPIFFE ID, its subject is
    empty. Those that are made together are renewed apart.
    """
    names = [x509.UniformResourceIdentifier(identity.spiffe)]
    usages = (_SERVER, _CLIENT)
    made = _credential(authority, new_key(), x509.Name(()), names, usages, now, life)
    return replace(made, renewed_after=_half_with_jitter(identity))


def _half_with_jitter(identity: Identity) -> float:
    """0.45 to 0.55, always the same for an identity."""
    digest = sha256(f"{identity.role.value} {identity.spiffe}".encode()).digest()
    return 0.45 + 0.1 * int.from_bytes(digest[:4]) / (1 << 32)


def xds_credential(
    authority: Authority, hosts: Sequence[str], now: datetime, life: timedelta = XDS_LIFE
) -> Credential:
    """The xDS server's: for its fixed name, this machine and ``hosts``. Its key lives in memory
    only.
    """
    names = tuple(dict.fromkeys((XDS_NAME, *_LOCAL, *hosts)))
    return server_credential(authority, names, now, life)


def server_credential(
    authority: Authority,
    names: Sequence[str],
    now: datetime,
    life: timedelta,
    key: Key | None = None,
) -> Credential:
    """A server's; ``ValueError`` names the first of ``names`` that is none."""
    return _named(authority, names, _SERVER, now, life, key)


def client_credential(
    authority: Authority,
    names: Sequence[str],
    now: datetime,
    life: timedelta,
    key: Key | None = None,
) -> Credential:
    """As ``server_credential``, for a client to show."""
    return _named(authority, names, _CLIENT, now, life, key)


def new_rsa_key() -> Key:
    """For clients that know no elliptic curves."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def general_name(name: str) -> x509.GeneralName:
    """``name`` as an IP address, a URI or a DNS name; ``ValueError`` when it is none of them."""
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if len(name) > 253 or not _DNS_NAME.fullmatch(name):
        raise ValueError(f'"{name}" is no host name, IP address or URI')
    return x509.DNSName(name)


def _named(
    authority: Authority,
    names: Sequence[str],
    usage: x509.ObjectIdentifier,
    now: datetime,
    life: timedelta,
    key: Key | None,
) -> Credential:
    general_names = [general_name(name) for name in names]
    common = [n for n in names if len(n) <= _LONGEST_COMMON_NAME][:1]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common])
    return _credential(authority, key or new_key(), subject, general_names, (usage,), now, life)


def _credential(
    authority: Authority,
    key: Key,
    subject: x509.Name,
    names: Sequence[x509.GeneralName],
    usages: Sequence[x509.ObjectIdentifier],
    now: datetime,
    life: timedelta,
) -> Credential:
    issuer = authority.certificate
    if now >= issuer.not_valid_after_utc:
        raise KeyUnusable(f"the authority expired on {issuer.not_valid_after_utc:%Y-%m-%d}")
    not_before = (now - BACKDATED).replace(microsecond=0)
    not_after = min((now + life).replace(microsecond=0), issuer.not_valid_after_utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNS_HANDSHAKES, critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        # RFC 5280: the names are critical where the subject is empty
        .add_extension(x509.SubjectAlternativeName(names), critical=not list(subject))
        .add_extension(_issuer_key(authority), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    chain = b"".join(c.public_bytes(Encoding.PEM) for c in (certificate, *authority.chain))
    return Credential(chain=chain, key=key_pem(key), not_before=not_before, not_after=not_after)


_SIGNS_HANDSHAKES: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _issuer_key(authority: Authority) -> x509.AuthorityKeyIdentifier:
    """The issuer's own key identifier where it has one: OpenSSL compares them."""
    try:
        own = authority.certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
