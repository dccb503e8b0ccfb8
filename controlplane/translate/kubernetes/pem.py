"""PEM files of certificates, keys and authorities, checked so that Envoy accepts them.

What Envoy 1.40 refuses (keys under RSA 2048, curves but P-256, P-384, P-521, a broken PEM block
anywhere) was tried with ``envoy --mode validate``. Imported where there is a file to read, and not
before, because cryptography takes long to load.
"""

from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import ocsp

from controlplane.base.codes import (
    KEY_MISMATCH,
    KEY_UNSUPPORTED,
    OCSP_RESPONSE_UNUSABLE,
    SECRET_UNREADABLE,
)
from controlplane.model.tls import KeyPair, Trust
from controlplane.translate.kubernetes.secret_entries import Entries, ReadKeyPair, ReadTrust, Span

_MINIMUM_RSA_BITS: Final = 2048
_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_KEY: Final = b"PRIVATE KEY-----"
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def checked_key_pair(
    reader: Entries, certificate: str, key: str, staple: str
) -> ReadKeyPair | None:
    chain, key_bytes = reader.pem_of(certificate), reader.pem_of(key)
    if chain is None or key_bytes is None:
        return None
    if _CERTIFICATE not in chain and _KEY in chain and _CERTIFICATE in key_bytes:
        message = f'"{certificate}" holds the private key and "{key}" the certificate'
        reader.fault(SECRET_UNREADABLE, certificate, message, "swap the two")
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
            "store the key that the certificate was issued for; a chain begins with the leaf",
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


def checked_trust(reader: Entries, entry: str, revoked: str) -> ReadTrust | None:
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


def _certificates(reader: Entries, entry: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        reader.fault(
            SECRET_UNREADABLE,
            entry,
            f'entry "{entry}" is not a PEM certificate (or a chain of them)',
            "use PEM text that begins with -----BEGIN CERTIFICATE-----",
        )
        return []


def _public_key(reader: Entries, entry: str, pem: bytes) -> bytes | None:
    """The public half of a private key, encoded."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        hint = "remove its passphrase: openssl pkey -in KEY -out PLAIN"
        reader.fault(SECRET_UNREADABLE, entry, f'the key in "{entry}" is encrypted', hint)
        return None
    except (ValueError, UnsupportedAlgorithm):
        hint = "use PEM text that begins with -----BEGIN PRIVATE KEY-----"
        reader.fault(SECRET_UNREADABLE, entry, f'entry "{entry}" is not a PEM private key', hint)
        return None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _is_supported(reader: Entries, entry: str, leaf: x509.Certificate) -> bool:
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
        f"Envoy does not accept a certificate with a key of {sort}",
        "use ECDSA on P-256, or RSA with 2048 bits or more",
    )
    return False


def _is_revocation_list(reader: Entries, entry: str, pem: bytes) -> bool:
    try:
        x509.load_pem_x509_crl(pem)
    except ValueError:
        reader.fault(SECRET_UNREADABLE, entry, f'entry "{entry}" is not a PEM revocation list')
        return False
    return True


def _staple(reader: Entries, entry: str, leaf: x509.Certificate) -> bytes:
    """The OCSP response for ``leaf``; empty where there is none, or none that Envoy would
    accept.
    """
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
        OCSP_RESPONSE_UNUSABLE,
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
