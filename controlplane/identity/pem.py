"""Keys and certificates as PEM. No message shows what a file holds."""

import re
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from controlplane.base.errors import KeyLost, KeyUnusable

Key = EllipticCurvePrivateKey | RSAPrivateKey

_COPY: Final = "put back a copy of it, or delete it and give every proxy a new bootstrap"
_PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----\s*", re.DOTALL
)


def new_key() -> EllipticCurvePrivateKey:
    """A P-256 key: what Envoy verifies fastest, and what every client takes."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificates_of(pem: bytes, what: str) -> tuple[x509.Certificate, ...]:
    """The certificates in ``pem``, at least one; ``KeyLost`` when there is none. ``what`` is what
    messages call it.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise KeyLost(f"{what} holds no PEM certificate that can be read", hint=_COPY) from None


def key_of(pem: bytes, what: str) -> Key:
    """The first private key in ``pem``; ``KeyLost`` when there is none, ``KeyUnusable`` when it is
    none to sign with.
    """
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


def keys_of(pem: bytes, what: str) -> tuple[Key, ...]:
    """As ``key_of``, all private keys in ``pem``."""
    blocks = [found.group() for found in _PRIVATE_KEY.finditer(pem)]
    return tuple(key_of(block, what) for block in blocks or [pem])


def check_pair(certificate: x509.Certificate, key: Key, what: str) -> None:
    """``KeyUnusable`` when ``key`` is not that of ``certificate``."""
    if certificate.public_key() != key.public_key():
        raise KeyUnusable(
            f"the key beside {what} is not the certificate's",
            hint="put both there, as they were made",
        )
