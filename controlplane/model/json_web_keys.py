"""Which keys of a key set verify tokens in Envoy, by their form: nothing is loaded that signs.

Source: RFC 7518 §6, RFC 8037; Envoy ``source/common/jwt/jwks.cc``; FIPS 186-4, D.1.2
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

Key = Mapping[str, object]
ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("RS", "PS"),
    "EC": ("ES",),
    "oct": ("HS",),
    "OKP": ("Ed",),
}
"""How algorithms begin that use keys of a ``kty``."""
_BASE64URL: Final = re.compile(r"[-_A-Za-z0-9]+={0,2}")
_ED25519_LENGTH: Final = 32  # bytes
_RSA_BITS: Final = range(512, 16385)


@dataclass(frozen=True, slots=True)
class _Curve:
    """``y² = x³ - 3x + b`` modulo ``p``, with the algorithm that uses it."""

    algorithm: str
    p: int
    b: int


_CURVES: Final[Mapping[object, _Curve]] = {
    "P-256": _Curve(
        "ES256",
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    "P-384": _Curve(
        "ES384",
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        int(
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a"
            "c656398d8a2ed19d2a85c8edd3ec2aef",
            16,
        ),
    ),
    "P-521": _Curve(
        "ES512",
        2**521 - 1,
        int(
            "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b16"
            "52c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
            16,
        ),
    ),
}


def usable_keys(key_set: str) -> Iterator[Key]:
    """The keys that verify tokens. Envoy refuses a listener with a key set that has none."""
    try:
        found = msgspec.json.decode(key_set.encode(), type=dict[str, object]).get("keys")
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return
    for key in found if isinstance(found, list) else ():
        if isinstance(key, dict) and _is_usable(key):
            yield key


def _is_usable(key: Key) -> bool:
    written = key.get("alg")
    algorithm = written if isinstance(written, str) else ""  # what is no text counts as absent
    kind = key.get("kty")
    if not isinstance(kind, str) or kind not in ALGORITHMS:
        return False
    if algorithm and not algorithm.startswith(ALGORITHMS[kind]):
        return False
    match kind:
        case "RSA":
            n = _number(key, "n")
            return _number(key, "e") in (3, 65537) and n.bit_length() in _RSA_BITS and n % 2 == 1
        case "EC":
            return _is_on_curve(key, algorithm)
        case "OKP":
            return key.get("crv") == "Ed25519" and len(_bytes(key, "x")) == _ED25519_LENGTH
    return bool(_bytes(key, "k"))


def _is_on_curve(key: Key, algorithm: object) -> bool:
    curve = _CURVES.get(key.get("crv"))
    if curve is None or algorithm not in ("", curve.algorithm):
        return False
    x, y = _number(key, "x"), _number(key, "y")
    is_reduced = x < curve.p and y < curve.p
    return is_reduced and (y * y - (x * x * x - 3 * x + curve.b)) % curve.p == 0


def _number(key: Key, name: str) -> int:
    return int.from_bytes(_bytes(key, name))


def _bytes(key: Key, name: str) -> bytes:
    """What a field says; nothing where it is not base64url, with all of its padding or none."""
    text = key.get(name)
    if not isinstance(text, str) or _BASE64URL.fullmatch(text) is None:
        return b""
    if text.endswith("=") and len(text) % 4:
        return b""
    bare = text.rstrip("=")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except ValueError:
        return b""
