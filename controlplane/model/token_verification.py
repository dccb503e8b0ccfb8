"""What a proxy makes of a JSON Web Token: its claims, or the words with which it refuses it.

Source: Envoy ``source/common/jwt`` (``jwt.cc``, ``jwks.cc``, ``verify.cc``, ``status.cc``) and
``source/extensions/filters/http/jwt_authn`` (``authenticator.cc``, ``verifier.cc``)
"""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
import msgspec
from jwt.algorithms import (
    Algorithm,
    ECAlgorithm,
    HMACAlgorithm,
    OKPAlgorithm,
    RSAAlgorithm,
    get_default_algorithms,
)

from controlplane.model.json_web_keys import ALGORITHMS, usable_keys
from controlplane.model.tokens import JwtAuthentication, JwtProvider

CLOCK_SKEW: Final = timedelta(seconds=60)
UNKNOWN_ISSUER: Final = "Jwt issuer is not configured"
EXPIRED: Final = "Jwt is expired"
NOT_YET_VALID: Final = "Jwt not yet valid"
OTHER_AUDIENCE: Final = "Audiences in Jwt are not allowed"
NO_KEY: Final = "Jwks doesn't have key to match kid or alg from Jwt"
NO_VALID_KEYS: Final = "Jwks doesn't have any valid public key"
WRONG_LENGTH: Final = "Jwt ED25519 signature is wrong length"
FAILS: Final = "Jwt verification fails"
_ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    name: algorithm
    for name, algorithm in get_default_algorithms().items()
    if name[2:] in ("256", "384", "512") or name == "EdDSA"
}
_READERS: Final[Mapping[str, type[Any]]] = {
    "RSA": RSAAlgorithm,
    "EC": ECAlgorithm,
    "oct": HMACAlgorithm,
    "OKP": OKPAlgorithm,
}
"""By ``kty``. Any: PyJWT's."""
_SIGNATURE_OF_ED25519: Final = 64  # bytes
_BASE64URL: Final = re.compile(r"[-_A-Za-z0-9]+={0,2}")
_BEFORE: Final = re.compile(r"^[^-_.A-Za-z0-9]+")
"""What Envoy passes over in front of a token."""
_SCHEME: Final = re.compile(r"https?://")
_LARGEST: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class Refusal:
    """``words``: the body of the answer."""

    words: str

    @property
    def status(self) -> int:
        return 403 if self.words == OTHER_AUDIENCE else 401


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    header: Mapping[str, object]
    claims: Mapping[str, object]
    signed: bytes
    signature: bytes


class _Malformed(ValueError):
    """The text is no token; in Envoy's words."""


def verified(
    authentication: JwtAuthentication, token: str, now: datetime
) -> Mapping[str, object] | Refusal:
    """The claims of ``token`` as rules see them, if it is good for a provider. The token is taken
    to be where each provider looks for one.
    """
    try:
        parsed = _parsed(_BEFORE.sub("", token))
    except _Malformed as malformed:
        return Refusal(str(malformed))
    faults = list[str]()
    for provider in authentication.providers:
        fault = _fault(provider, parsed, now)
        if fault is None:
            return _parted(provider, parsed.claims)
        faults.append(fault)
    return Refusal(_preferred(faults))


def _preferred(faults: list[str]) -> str:
    """What is answered where several providers refuse a token: the first one's words, but that an
    issuer is unknown only where all say so.
    """
    others = [fault for fault in faults if fault != UNKNOWN_ISSUER]
    if not others:
        return UNKNOWN_ISSUER
    return faults[0] if faults[0] != UNKNOWN_ISSUER else others[-1]


def _parted(provider: JwtProvider, claims: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.split()
        if name in provider.space_delimited and isinstance(value, str)
        else value
        for name, value in claims.items()
    }


def _fault(provider: JwtProvider, token: _Token, now: datetime) -> str | None:
    """Why a token is not good for a provider."""
    claims, skew = token.claims, CLOCK_SKEW.total_seconds()
    if provider.issuer and claims.get("iss", "") != provider.issuer:
        return UNKNOWN_ISSUER
    moment = int(now.timestamp())
    if moment + skew < _number(claims, "nbf"):
        return NOT_YET_VALID
    ends = _number(claims, "exp")
    if ends and moment > ends + skew:
        return EXPIRED
    wanted = set(map(_audience, provider.audiences))
    if wanted and wanted.isdisjoint(map(_audience, _audiences(claims))):
        return OTHER_AUDIENCE
    return _fault_of_signature(provider.key_set, token)


def _number(claims: Mapping[str, object], name: str) -> float:
    found = claims.get(name, 0)
    return found if isinstance(found, int | float) else 0


def _audiences(claims: Mapping[str, object]) -> list[str]:
    said = claims.get("aud", [])
    return [str(each) for each in said] if isinstance(said, list) else [str(said)]


def _audience(text: str) -> str:
    """Envoy compares audiences without scheme and without the last slash."""
    return _SCHEME.sub("", text, count=1).removesuffix("/") if text else text


def _fault_of_signature(key_set: str, token: _Token) -> str | None:
    usable = list(_usable_keys(key_set))
    if not usable:
        return NO_VALID_KEYS
    algorithm, wanted = str(token.header["alg"]), token.header.get("kid", "")
    matching = [
        (key_of, key)
        for key_of, key in usable
        if (not wanted or key_of.get("kid", "") in ("", wanted))
        and key_of.get("alg", "") in ("", algorithm)
    ]
    for key_of, key in matching:
        kind = str(key_of["kty"])
        if kind == "OKP" and len(token.signature) != _SIGNATURE_OF_ED25519:
            return WRONG_LENGTH
        if not algorithm.startswith(ALGORITHMS[kind]):
            continue
        if _ALGORITHMS[algorithm].verify(token.signed, key, token.signature):
            return None
    return FAILS if matching else NO_KEY


def _usable_keys(key_set: str) -> Iterator[tuple[Mapping[str, object], Any]]:
    """Each key as it is written and as it verifies. Any: PyJWT's."""
    for key in usable_keys(key_set):
        with suppress(jwt.PyJWTError, ValueError, TypeError):
            yield key, _READERS[str(key["kty"])].from_jwk(dict(key))


def _parsed(token: str) -> _Token:
    parts = [part for part in token.split(".") if part]
    if len(parts) != 3:
        raise _Malformed(
            "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
        )
    header = _object(parts[0], "header")
    if not isinstance(header.get("alg"), str):
        raise _Malformed("Jwt header [alg] field is required and must be a string")
    if header["alg"] not in _ALGORITHMS:
        raise _Malformed("Jwt header [alg] is not supported")
    if not isinstance(header.get("kid", ""), str):
        raise _Malformed("Jwt header [kid] field is not a string")
    claims = _object(parts[1], "payload")
    _check_claims(claims)
    return _Token(
        header=header,
        claims=claims,
        signed=f"{parts[0]}.{parts[1]}".encode(),
        signature=_decoded(parts[2], "signature"),
    )


def _check_claims(claims: Mapping[str, object]) -> None:
    for name in ("iss", "sub"):
        _check_text(claims, name)
    for name in ("iat", "nbf", "exp"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _Malformed(f"Jwt payload [{name}] field is not an integer")
        if not 0 <= value < _LARGEST:
            raise _Malformed(f"Jwt payload [{name}] field is not a positive 64 bit integer")
    _check_text(claims, "jti")
    said = claims.get("aud", [])
    if not all(isinstance(each, str) for each in (said if isinstance(said, list) else [said])):
        raise _Malformed("Jwt payload [aud] field is not a string or string list")


def _check_text(claims: Mapping[str, object], name: str) -> None:
    if not isinstance(claims.get(name, ""), str):
        raise _Malformed(f"Jwt payload [{name}] field is not a string")


def _object(part: str, name: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(_decoded(part, name), type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _Malformed(f"Jwt {name} is an invalid JSON") from None


def _decoded(part: str, name: str) -> bytes:
    if _BASE64URL.fullmatch(part) is None:
        raise _Malformed(f"Jwt {name} is an invalid Base64url encoded")
    try:
        return base64.urlsafe_b64decode(part.rstrip("=") + "=" * (-len(part.rstrip("=")) % 4))
    except ValueError:
        raise _Malformed(f"Jwt {name} is an invalid Base64url encoded") from None
