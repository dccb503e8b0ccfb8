"""A certificate in words: its subject, names, issuer and expiry."""

from collections.abc import Iterable
from typing import Final

from cryptography import x509

from controlplane.admin.tls import Certificate
from controlplane.base.peer_text import shown

NAME_LIMIT: Final = 253  # characters; a longer name is of no host


def certificate(found: x509.Certificate) -> Certificate:
    return Certificate(
        subject=shown(found.subject.rfc4514_string()),
        issuer=shown(found.issuer.rfc4514_string()),
        names=tuple(shown(name, NAME_LIMIT) for name in _names(found)),
        begins=found.not_valid_before_utc,
        ends=found.not_valid_after_utc,
    )


def certificates(pem: bytes) -> tuple[Certificate, ...]:
    """Those in ``pem``; none where it cannot be read."""
    try:
        return tuple(map(certificate, x509.load_pem_x509_certificates(pem)))
    except ValueError:
        return ()


def proves(names: Iterable[str], wanted: str) -> bool:
    """Whether one of ``names`` is ``wanted``, or a wildcard for its first label, as Envoy compares.

    Source: Envoy ``source/common/tls/utility.cc``, ``dnsNameMatch``.
    """
    wanted = wanted.lower()
    parent = wanted.partition(".")[2]
    return any(
        name.lower() == wanted or (name.startswith("*.") and name[2:].lower() == parent)
        for name in names
    )


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return (
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
        *names.get_values_for_type(x509.UniformResourceIdentifier),
    )
