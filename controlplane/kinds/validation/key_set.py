"""JSON Web Key Sets as users write them.

Source: RFC 7517, RFC 7518 §6; lestrrat-go/jwx ``jwk.Parse``, with which Istio reads them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

KEYS_LIMIT: Final = 1000
_BASE64: Final = re.compile(r"[-_+/A-Za-z0-9]+=*")
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("e", "n"),
    "EC": ("crv", "x", "y"),
    "OKP": ("crv", "x"),
    "oct": ("k",),
}
_SECRET_PARTS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_PRIVATE: Final[Mapping[str, str]] = {"RSA": "d", "EC": "d", "OKP": "d", "oct": "k"}
CURVES: Final[Mapping[str, frozenset[str]]] = {
    "EC": frozenset({"P-256", "P-384", "P-521"}),
    "OKP": frozenset({"Ed25519", "Ed448", "X25519", "X448"}),
}


class KeySetMalformed(ValueError):
    """The text is no key set; the words follow "the key set"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedKey:
    is_private: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedKeys:
    """``is_single``: one key without a set around it."""

    keys: tuple[CheckedKey, ...]
    is_single: bool


def checked_keys(text: str) -> CheckedKeys:
    """The keys of a set, or one key; ``KeySetMalformed`` for what is neither."""
    try:
        found = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise KeySetMalformed("is not JSON") from None
    if not isinstance(found, dict):
        raise KeySetMalformed("is not a JSON object")
    if "keys" not in found:
        return CheckedKeys(keys=(checked_key(found, "the only key"),), is_single=True)
    keys = found["keys"]
    if not isinstance(keys, list):
        raise KeySetMalformed('has no list under "keys"')
    if len(keys) > KEYS_LIMIT:
        raise KeySetMalformed(f"has {len(keys)} keys (at most {KEYS_LIMIT})")
    return CheckedKeys(
        keys=tuple(checked_key(each, f"key {i}") for i, each in enumerate(keys)), is_single=False
    )


def public_part(key: Mapping[str, object]) -> dict[str, object]:
    """What of a key verifies tokens. A symmetric one has no such part and stays as it is."""
    return {name: value for name, value in key.items() if name not in _SECRET_PARTS}


def checked_key(found: object, name: str) -> CheckedKey:
    """One key of a set; ``KeySetMalformed`` for what verifies no token, with its ``name``."""
    if not isinstance(found, dict):
        raise KeySetMalformed(f"has {name} that is not a JSON object")
    kind = found.get("kty")
    if not isinstance(kind, str) or kind not in _REQUIRED:
        known = ", ".join(_REQUIRED)
        raise KeySetMalformed(f"has {name} whose kty is not one of {known}")
    for field in _REQUIRED[kind]:
        _check_field(found, field, name, CURVES.get(kind))
    return CheckedKey(is_private=_PRIVATE[kind] in found)


def _check_field(
    key: Mapping[str, object], field: str, name: str, curves: frozenset[str] | None
) -> None:
    value = key.get(field)
    if not isinstance(value, str) or not value:
        raise KeySetMalformed(f'has {name} without "{field}"')
    if field == "crv":
        if curves is not None and value not in curves:
            raise KeySetMalformed(f"has {name} of an unknown curve")
    elif _BASE64.fullmatch(value) is None:
        raise KeySetMalformed(f'has {name} whose "{field}" is not base64url')
