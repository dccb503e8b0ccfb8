"""JSON Web Key Sets as users write them.

Source: RFC 7517, RFC 7518 §6; lestrrat-go/jwx ``jwk.Parse``, with which Istio reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from controlplane.base.base64 import decoded

KEYS_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What a key of a type has: ``numbers`` and ``texts``; ``secrets`` are numbers that sign."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


_FORMS: Final[Mapping[str, _Form]] = {
    "RSA": _Form(numbers=("e", "n"), secrets=("d", "p", "q", "dp", "dq", "qi")),
    "EC": _Form(numbers=("x", "y"), texts=("crv",), secrets=("d",)),
    "OKP": _Form(numbers=("x",), texts=("crv",), secrets=("d",)),
    "oct": _Form(numbers=("k",)),
}
CURVES: Final[Mapping[str, frozenset[str]]] = {
    "EC": frozenset({"P-256", "P-384", "P-521"}),
    "OKP": frozenset({"Ed25519", "Ed448", "X25519", "X448"}),
}
_SECRET_PARTS: Final = frozenset({*_FORMS["RSA"].secrets, "oth"})
_TEXTS: Final = ("alg", "kid", "use", "x5t", "x5t#S256")
_LISTS: Final = ("key_ops", "x5c")
_TO_STANDARD: Final = str.maketrans("-_", "+/")


class KeySetMalformed(ValueError):
    """The text is no key set; the words follow "the key set"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedKey:
    """``has_known_curve`` is also of keys that need none."""

    is_private: bool
    has_known_curve: bool = True


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
    keys = [] if found["keys"] is None else found["keys"]
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
    """One key of a set; ``KeySetMalformed`` for what Istio cannot read, with its ``name``. A null
    is an empty text.
    """
    if not isinstance(found, dict):
        raise KeySetMalformed(f"has {name} that is not a JSON object")
    kind = found.get("kty")
    if not isinstance(kind, str) or kind not in _FORMS:
        known = ", ".join(_FORMS)
        raise KeySetMalformed(f"has {name} whose kty is not one of {known}")
    form = _FORMS[kind]
    signs = "d" in found and bool(form.secrets)
    for field in (*form.texts, *form.numbers):
        if field not in found:
            raise KeySetMalformed(f'has {name} without "{field}"')
    for field in (*form.numbers, *(form.secrets if signs else ())):
        if _decoded(found.get(field)) is None:
            raise KeySetMalformed(f'has {name} whose "{field}" is not base64url')
    for field in (*_TEXTS, *form.texts):
        if not isinstance(found.get(field), str | None):
            raise KeySetMalformed(f'has {name} whose "{field}" is not a text')
    for field in _LISTS:
        _check_list(found.get(field), field, name)
    curves = CURVES.get(kind)
    return CheckedKey(
        is_private=signs or kind == "oct",
        has_known_curve=curves is None or found["crv"] in curves,
    )


def _check_list(found: object, field: str, name: str) -> None:
    texts = [] if found is None else found
    if not isinstance(texts, list) or not all(isinstance(text, str | None) for text in texts):
        raise KeySetMalformed(f'has {name} whose "{field}" is not a list of texts')
    if field == "x5c" and not all(map(_is_certificate, texts)):
        raise KeySetMalformed(f'has {name} whose "x5c" has no certificate in base64')


def _is_certificate(text: str | None) -> bool:
    # Late: cryptography takes 30 ms to import, and hardly a key has certificates.
    from cryptography.x509 import load_der_x509_certificate

    try:
        load_der_x509_certificate(_decoded(text) or b"")
    except ValueError:
        return False
    return True


def _decoded(text: object) -> bytes | None:
    """Base64 in one alphabet or the other, with all of its padding or with none."""
    if text is None:
        return b""
    if not isinstance(text, str):
        return None
    is_padded = text.endswith("=")
    if not is_padded and "=" in text:
        return None
    bare = text.replace("\r", "").replace("\n", "")
    padding = "" if is_padded else "=" * (-len(bare) % 4)
    is_standard = "+" in text or "/" in text
    return decoded((bare if is_standard else bare.translate(_TO_STANDARD)) + padding)
