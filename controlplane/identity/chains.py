"""How certificates lead to roots."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature


def path_to_root(
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
) -> tuple[x509.Certificate, ...]:
    """From ``certificate`` over ``chain``, in any order, to one of ``roots``; empty where
    signatures do not lead there.
    """
    paths: list[tuple[x509.Certificate, ...]] = [(certificate,)]
    for path in paths:
        if path[-1] in roots:
            return path
        for root in roots:
            if _signed_by(path[-1], root):
                return (*path, root)
        paths += [(*path, c) for c in chain if c not in path and _signed_by(path[-1], c)]
    return ()


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
