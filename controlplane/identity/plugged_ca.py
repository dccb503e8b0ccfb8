"""A CA that is plugged in the way Istio does it, with the Secret ``cacerts``.

What Envoy would refuse later, or every peer of a workload, is refused here: then the authority
before it goes on signing.
Source: https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/; RFC 5280 (path
length, key usage, revocation lists).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from controlplane.base.errors import KeyUnusable
from controlplane.identity.authority import Authority
from controlplane.identity.chains import path_to_root
from controlplane.identity.pem import certificates_of, check_pair, key_of

T = TypeVar("T", bound=x509.ExtensionType)

SHORTEST_RSA: Final = 2048  # bits; BoringSSL refuses shorter keys of peers
_REVOKED: Final = "ca-crl.pem"
_PLUGGED: Final = (
    ("ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"),
    ("tls.crt", "tls.key", "ca.crt", "tls.crt"),
)
"""Certificate, key, root and chain in the Secret ``cacerts``: Istio's names, then cert-manager's.
"""
_OF_WORKLOADS: Final = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def plugged_in(files: Mapping[str, bytes], now: datetime) -> Authority:
    """The authority of a ``cacerts`` Secret, whose decoded ``data`` is ``files``.

    ``KeyUnusable`` when a file is missing, the key is not the certificate's, the certificate may
    not sign workloads, is not valid now or does not lead to the root.
    """
    names = next((names for names in _PLUGGED if names[0] in files), _PLUGGED[0])
    if missing := [name for name in names[:3] if not files.get(name)]:
        raise KeyUnusable(f'the Secret "cacerts" has no "{missing[0]}"')
    certificate_name, key_name, root_name, chain_name = names
    certificate = certificates_of(files[certificate_name], certificate_name)[0]
    key = key_of(files[key_name], key_name)
    chain = certificates_of(files[chain_name], chain_name) if files.get(chain_name) else ()
    roots = certificates_of(files[root_name], root_name)
    check_pair(certificate, key, certificate_name)
    _check_may_sign(certificate, certificate_name, now)
    path = path_to_root(certificate, chain, roots)
    if not path:
        raise KeyUnusable(
            f"{certificate_name} does not lead to {root_name}", hint=f"complete {chain_name}"
        )
    for below, issuer in enumerate(path):
        _check_issuer(issuer, below, certificate_name if below == 0 else _name(issuer), now)
    if certificate not in chain:
        chain = (certificate, *chain)
    return Authority(
        certificate=certificate,
        key=key,
        chain=tuple(c for c in chain if c.issuer != c.subject),
        roots=roots,
        revoked=_revoked(files.get(_REVOKED, b""), path, now),
    )


def _name(certificate: x509.Certificate) -> str:
    return f'the certificate "{certificate.subject.rfc4514_string()}"'


def _check_may_sign(certificate: x509.Certificate, what: str, now: datetime) -> None:
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise KeyUnusable(f"{what} may not sign certificates (basicConstraints CA is not true)")
    if now >= certificate.not_valid_after_utc:
        raise KeyUnusable(f"{what} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")


def _check_issuer(issuer: x509.Certificate, below: int, what: str, now: datetime) -> None:
    """``KeyUnusable`` where a peer would refuse a workload's certificate because of ``issuer``,
    which has ``below`` authorities between itself and the workload.
    """
    _check_may_sign(issuer, what, now)
    if now < issuer.not_valid_before_utc:
        raise KeyUnusable(f"{what} is not valid before {issuer.not_valid_before_utc:%Y-%m-%d}")
    constraints = _extension(issuer, x509.BasicConstraints)
    length = constraints.path_length if constraints is not None else None
    if length is not None and length < below:
        raise KeyUnusable(
            f"{what} allows {length} authorities below it (pathlen), it has {below}",
            hint=f"issue it with pathlen {below} or none",
        )
    usage = _extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise KeyUnusable(f"{what} may not sign certificates (keyUsage has no keyCertSign)")
    purposes = _extension(issuer, x509.ExtendedKeyUsage)
    if purposes is not None and not _allows_workloads(purposes):
        raise KeyUnusable(
            f"{what} signs for other purposes (extendedKeyUsage) than servers and clients",
            hint="issue it without extendedKeyUsage, or with serverAuth and clientAuth",
        )
    key = issuer.public_key()
    if isinstance(key, RSAPublicKey) and key.key_size < SHORTEST_RSA:
        raise KeyUnusable(f"the RSA key of {what} has {key.key_size} bits, below {SHORTEST_RSA}")


def _allows_workloads(purposes: x509.ExtendedKeyUsage) -> bool:
    return ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes or all(
        purpose in purposes for purpose in _OF_WORKLOADS
    )


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _revoked(pem: bytes, path: Sequence[x509.Certificate], now: datetime) -> bytes:
    """The revocation lists in ``pem``. Where there is one, Envoy demands one that is current of
    every authority between a workload and its root, and refuses everybody otherwise.
    """
    if not pem.strip():
        return b""
    try:
        lists = _lists(pem)
    except ValueError:
        raise KeyUnusable(f"{_REVOKED} holds no revocation list that can be read") from None
    for issuer in path:
        signed = [
            one
            for one in lists
            if one.issuer == issuer.subject and one.is_signature_valid(issuer.public_key())  # type: ignore[arg-type] # a key that signs
        ]
        if not signed:
            raise KeyUnusable(
                f"{_REVOKED} has no revocation list of {_name(issuer)}",
                hint="with one list Envoy demands one of every authority up to the root",
            )
        if all(one.next_update_utc is not None and one.next_update_utc <= now for one in signed):
            raise KeyUnusable(f"the revocation list of {_name(issuer)} in {_REVOKED} is over")
    return pem


def _lists(pem: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    end = b"-----END X509 CRL-----"
    blocks = [block + end for block in pem.split(end)[:-1]]
    if not blocks:
        raise ValueError("no block")
    return tuple(x509.load_pem_x509_crl(block) for block in blocks)
