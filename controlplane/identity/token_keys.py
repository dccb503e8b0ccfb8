"""The keys of tokens: the newest signs, it and the one before it verify.

They are in one file of the state directory, the newest first, so that a rotation is one rename.
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from controlplane.base.errors import KeyUnusable
from controlplane.identity.pem import key_pem, keys_of, new_key
from controlplane.sources.state import Area

TOKEN_KEY: Final = "token-key.pem"
KEPT: Final = 2  # keys: the one that signs, and the one before it

TokenKeys = tuple[EllipticCurvePrivateKey, ...]
"""The newest first; at least one."""


def kept_token_key(area: Area) -> EllipticCurvePrivateKey:
    """The key that signs proxies' tokens, made first when there is none."""
    return kept_token_keys(area)[0]


def kept_token_keys(area: Area) -> TokenKeys:
    """The keys of tokens, made first when there is none."""
    made = area.made_once(TOKEN_KEY, lambda: key_pem(new_key()))
    return token_keys_of(made, str(area.path / TOKEN_KEY))


def rotate_token_key(area: Area) -> TokenKeys:
    """Put a new key before the one that signs, and drop the one that came before that."""
    keys = (new_key(), *kept_token_keys(area))[:KEPT]
    area.replace(TOKEN_KEY, b"".join(key_pem(key) for key in keys))
    return keys


def token_keys_of(pem: bytes, what: str) -> TokenKeys:
    """The keys in ``pem``, the content of the file ``what``."""
    keys: list[EllipticCurvePrivateKey] = []
    for key in keys_of(pem, what):
        if not isinstance(key, EllipticCurvePrivateKey):
            raise KeyUnusable(f"the token key {what} is not an elliptic-curve key")
        keys.append(key)
    return tuple(keys)
