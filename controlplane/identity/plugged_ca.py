"""A CA that is plugged in the way Istio does it, with the Secret ``cacerts``.

Source: https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from controlplane.base.errors import KeyUnusable
from controlplane.identity.authority import Authority
from controlplane.identity.pem import certificates_of, check_pair, key_of

_PLUGGED: Final = (
    ("ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"),
    ("tls.crt", "tls.key", "ca.crt", "tls.crt"),
)
"""Certificate, key, root and chain in the Secret ``cacerts``: Istio's names, then cert-manager's.
"""


def plugged_in(files: Mapping[str, bytes], now: datetime) -> Authority:
    """The authority of a ``cacerts`` Secret, whose decoded ``data`` is ``files``.

    ``KeyUnusable`` when a file is missing, the key is not the certificate's, the certificate may
    not sign, is expired or does not lead to the root.
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
