"""Secrets and ConfigMaps become certificates, keys and authorities, checked so that Envoy takes
them.

The entries that hold them: ``cert``/``key``/``cacert``/``crl`` (generic),
``tls.crt``/``tls.key``/``ca.crt``/ ``ca.crl`` (the usual ones); the first complete set counts.
Source: istio ``pilot/pkg/credentials/kube``. What Envoy 1.40 refuses (keys under RSA 2048, curves
but P-256, P-384, P-521, a broken PEM block anywhere) was tried with ``envoy --mode validate``.
"""

import codecs
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import PublicFormat
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import ocsp

from controlplane.base.base64 import decoded
from controlplane.base.codes import CERTIFICATE_EXPIRED
from controlplane.base.codes import CERTIFICATE_EXPIRES
from controlplane.base.codes import CERTIFICATE_NOT_YET_VALID
from controlplane.base.codes import KEY_MISMATCH
from controlplane.base.codes import KEY_UNSUPPORTED
from controlplane.base.codes import SECRET_INCOMPLETE
from controlplane.base.codes import SECRET_UNREADABLE
from controlplane.base.codes import STAPLE_UNUSABLE
from controlplane.base.diagnostics import Code
from controlplane.base.diagnostics import Related
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.core.configuration import ConfigMap
from controlplane.kinds.core.configuration import Secret
from controlplane.kinds.object import Object
from controlplane.model.tls import KeyPair
from controlplane.model.tls import Trust

_DATE: Final = "%Y-%m-%d %H:%M"
WARNED_DAYS: Final = (1, 7, 14, 30)
"""How many days before its end a certificate is warned of; each step is told once."""
_MINIMUM_RSA_BITS: Final = 2048
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_PAIRS: Final = (("cert", "key", "", "crl"), ("tls.crt", "tls.key", "tls.ocsp-staple", "ca.crl"))
_AUTHORITIES: Final = (("cacert", "crl"), ("ca.crt", "ca.crl"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How long a certificate holds, and whose it is."""

    subject: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadKeyPair:
    """A key pair that Envoy takes. ``names`` are the DNS names and addresses the certificate is
    for.
    """

    credential: KeyPair
    span: Span
    names: tuple[str, ...]
    place: FieldRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTrust:
    """Authorities that Envoy takes."""

    credential: Trust
    spans: tuple[Span, ...]
    place: FieldRef


@dataclass(slots=True)
class _Reader:
    """The entries of one object, and where to report what is wrong with them."""

    report: Report
    key: FieldRef
    related: tuple[Related, ...]
    texts: Mapping[str, str]
    encoded: Mapping[str, str]
    fields: tuple[str, str]
    """The fields that ``texts`` and ``encoded`` come from."""

    def at(self, entry: str) -> FieldRef:
        return self.key / (self.fields[0] if entry in self.texts else self.fields[1]) / entry

    def has(self, entry: str) -> bool:
        return bool(self.texts.get(entry) or self.encoded.get(entry))

    def bytes_of(self, entry: str) -> bytes | None:
        if entry in self.texts:
            return self.texts[entry].encode()
        content = decoded(self.encoded[entry])
        if content is None:
            self.fault(SECRET_UNREADABLE, entry, f'entry "{entry}" is not base64')
        return content

    def pem_of(self, entry: str) -> bytes | None:
        """As ``bytes_of``; without a byte order mark and without spaces around lines, which Envoy
        does not see past.
        """
        found = self.bytes_of(entry)
        if found is None:
            return None
        text = found.removeprefix(codecs.BOM_UTF8)
        lines = text.splitlines()
        is_tidy = all(line == line.strip() for line in lines)
        return text if is_tidy else b"\n".join((*(line.strip() for line in lines), b""))

    def fault(self, code: Code, entry: str, message: str, hint: str | None = None) -> None:
        self.report.add(code, self.at(entry), message, hint=hint, related=self.related)


def key_pair(
    report: Report, source: Object[Secret], *, users: tuple[Related, ...] = ()
) -> ReadKeyPair | None:
    """The certificate and key of a Secret; ``None``, and a diagnostic, where there is none that
    works.
    """
    reader = _reader(report, source, users)
    for certificate, key, staple, _ in _PAIRS:
        if reader.has(certificate) and reader.has(key):
            return _key_pair(reader, certificate, key, staple)
    report.add(
        SECRET_INCOMPLETE,
        FieldRef(source.key),
        f"{source.key.display_name} has {_listed(source)}; a certificate needs tls.crt and tls.key "
        "(or cert and key)",
        related=users,
    )
    return None


def trust(
    report: Report, source: Object[Secret | ConfigMap], *, users: tuple[Related, ...] = ()
) -> ReadTrust | None:
    """The authorities in a Secret or ConfigMap; ``None``, and a diagnostic, for none."""
    reader = _reader(report, source, users)
    for entry, revoked in _AUTHORITIES:
        if reader.has(entry):
            return _trust(reader, entry, revoked)
    report.add(
        SECRET_INCOMPLETE,
        FieldRef(source.key),
        f"{source.key.display_name} has {_listed(source)}; to verify certificates it needs ca.crt "
        "(or cacert)",
        related=users,
    )
    return None


def is_valid_at(
    report: Report, at: FieldRef, span: Span, time: datetime, users: tuple[Related, ...] = ()
) -> bool:
    """Whether a certificate is valid at ``time``; warns of its end in steps, so that the text stays
    the same between them.
    """

    def tell(code: Code, message: str, hint: str) -> None:
        report.add(code, at, message, hint=hint, related=users)

    if time >= span.ends:
        tell(
            CERTIFICATE_EXPIRED,
            f"certificate {span.subject} expired on {span.ends:{_DATE}} UTC and is not served",
            "renew it",
        )
        return False
    if time < span.begins:
        tell(
            CERTIFICATE_NOT_YET_VALID,
            f"certificate {span.subject} is valid from {span.begins:{_DATE}} UTC on and is not "
            "served before",
            "check the clock of whoever made it",
        )
        return False
    for days in WARNED_DAYS:
        if time >= span.ends - timedelta(days=days):
            tell(
                CERTIFICATE_EXPIRES,
                f"certificate {span.subject} expires on {span.ends:{_DATE}} UTC, in less than "
                f"{days} {'day' if days == 1 else 'days'}",
                "renew it",
            )
            break
    return True


def _reader(
    report: Report, source: Object[Secret | ConfigMap], users: tuple[Related, ...]
) -> _Reader:
    spec = source.spec
    if isinstance(spec, Secret):
        return _Reader(
            report, FieldRef(source.key), users, spec.string_data, spec.data, ("stringData", "data")
        )
    return _Reader(
        report, FieldRef(source.key), users, spec.data, spec.binary_data, ("data", "binaryData")
    )


def _listed(source: Object[Secret | ConfigMap]) -> str:
    spec = source.spec
    names = (
        {*spec.data, *spec.string_data}
        if isinstance(spec, Secret)
        else {*spec.data, *spec.binary_data}
    )
    return f"the entries {', '.join(sorted(names))}" if names else "no entries"


def _key_pair(reader: _Reader, certificate: str, key: str, staple: str) -> ReadKeyPair | None:
    chain, key_bytes = reader.pem_of(certificate), reader.pem_of(key)
    if chain is None or key_bytes is None:
        return None
    certificates = _certificates(reader, certificate, chain)
    public_key = _public_key(reader, key, key_bytes)
    if not certificates or public_key is None:
        return None
    leaf = certificates[0]
    if not _is_supported(reader, certificate, leaf):
        return None
    if _spki(leaf.public_key()) != public_key:
        reader.fault(
            KEY_MISMATCH,
            key,
            f'the key in "{key}" does not belong to the certificate in "{certificate}" '
            f"({_subject(leaf)})",
            "put the key that the certificate was made for beside it; a chain begins with the leaf",
        )
        return None
    return ReadKeyPair(
        credential=KeyPair(
            chain=chain, key=key_bytes, ocsp_staple=_staple(reader, staple, leaf) if staple else b""
        ),
        span=_span(leaf),
        names=_names(leaf),
        place=reader.at(certificate),
    )


def _trust(reader: _Reader, entry: str, revoked: str) -> ReadTrust | None:
    authorities = reader.pem_of(entry)
    if authorities is None:
        return None
    certificates = _certificates(reader, entry, authorities)
    revocations = reader.pem_of(revoked) if reader.has(revoked) else b""
    if not certificates or revocations is None:
        return None
    if revocations and not _is_revocation_list(reader, revoked, revocations):
        return None
    return ReadTrust(
        credential=Trust(authorities=authorities, revoked=revocations),
        spans=tuple(map(_span, certificates)),
        place=reader.at(entry),
    )


def _certificates(reader: _Reader, entry: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        reader.fault(
            SECRET_UNREADABLE,
            entry,
            f'entry "{entry}" is not a PEM certificate (or a chain of them)',
            "put a text there that begins with -----BEGIN CERTIFICATE-----",
        )
        return []


def _public_key(reader: _Reader, entry: str, pem: bytes) -> bytes | None:
    """The public half of a private key, encoded."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        hint = "take its passphrase off: openssl pkey -in KEY -out PLAIN"
        reader.fault(SECRET_UNREADABLE, entry, f'the key in "{entry}" is encrypted', hint)
        return None
    except (ValueError, UnsupportedAlgorithm):
        hint = "put a text there that begins with -----BEGIN PRIVATE KEY-----"
        reader.fault(SECRET_UNREADABLE, entry, f'entry "{entry}" is not a PEM private key', hint)
        return None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _is_supported(reader: _Reader, entry: str, leaf: x509.Certificate) -> bool:
    key = leaf.public_key()
    match key:
        case rsa.RSAPublicKey() if key.key_size < _MINIMUM_RSA_BITS:
            sort = f"RSA with {key.key_size} bits"
        case ec.EllipticCurvePublicKey() if not isinstance(key.curve, _CURVES):
            sort = f"ECDSA on {key.curve.name}"
        case dsa.DSAPublicKey():
            sort = "DSA"
        case _:
            return True
    reader.fault(
        KEY_UNSUPPORTED,
        entry,
        f"Envoy takes no certificate with a key of {sort}",
        "use ECDSA on P-256, or RSA with 2048 bits or more",
    )
    return False


def _is_revocation_list(reader: _Reader, entry: str, pem: bytes) -> bool:
    try:
        x509.load_pem_x509_crl(pem)
    except ValueError:
        reader.fault(SECRET_UNREADABLE, entry, f'entry "{entry}" is not a PEM revocation list')
        return False
    return True


def _staple(reader: _Reader, entry: str, leaf: x509.Certificate) -> bytes:
    """The OCSP response for ``leaf``; empty where there is none, or none that Envoy would take."""
    if not reader.has(entry):
        return b""
    der = reader.bytes_of(entry)
    if der is None:
        return b""
    try:
        response = ocsp.load_der_ocsp_response(der)
        fits = response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL and (
            response.serial_number == leaf.serial_number
        )
    except ValueError:
        fits = False
    if fits:
        return der
    reader.fault(
        STAPLE_UNUSABLE,
        entry,
        f'"{entry}" is not an OCSP response for the certificate; it is left out',
    )
    return b""


def _span(certificate: x509.Certificate) -> Span:
    return Span(
        subject=_subject(certificate),
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
    )


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or ", ".join(_names(certificate)) or "no subject"


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    found: Iterable[str] = names.get_values_for_type(x509.DNSName)
    addresses = (str(a) for a in names.get_values_for_type(x509.IPAddress))
    return (*found, *addresses)
