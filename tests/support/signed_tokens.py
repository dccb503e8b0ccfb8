"""JSON Web Tokens, good and bad, and the providers that they are for."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controlplane.model.tokens import NOBODYS_KEYS, JwtProvider

_ED: Final = Ed25519PrivateKey.generate()
_RSA: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_EC: Final = ec.generate_private_key(ec.SECP256R1())
_STRANGER: Final = Ed25519PrivateKey.generate()
_SECRET: Final = b"a secret of thirty-two bytes ....."

_BY_ID: Final[Mapping[str, tuple[str, Any]]] = {
    "ed": ("EdDSA", _ED),
    "rsa": ("RS256", _RSA),
    "pss": ("PS384", _RSA),
    "ec": ("ES256", _EC),
    "secret": ("HS256", _SECRET),
}
"""Any: PyJWT takes private keys of each kind."""


def _public() -> list[dict[str, Any]]:
    forms = {
        "ed": jwt.algorithms.OKPAlgorithm.to_jwk(_ED.public_key(), as_dict=True),
        "rsa": jwt.algorithms.RSAAlgorithm.to_jwk(_RSA.public_key(), as_dict=True),
        "pss": jwt.algorithms.RSAAlgorithm.to_jwk(_RSA.public_key(), as_dict=True),
        "ec": jwt.algorithms.ECAlgorithm.to_jwk(_EC.public_key(), as_dict=True),
        "secret": jwt.algorithms.HMACAlgorithm.to_jwk(_SECRET, as_dict=True),
    }
    unneeded = ("key_ops", "use")
    return [
        {name: value for name, value in form.items() if name not in unneeded} | {"kid": key_id}
        for key_id, form in forms.items()
    ]


KEYS: Final = json.dumps({"keys": _public()})
_STRICT: Final = json.dumps({"keys": [{**_public()[0], "alg": "EdDSA"}]})
_SPACED: Final = ("permission", "scope")
PROVIDERS: Final = {
    "one": JwtProvider(issuer="one", key_set=KEYS, space_delimited=_SPACED),
    "audience": JwtProvider(issuer="one", key_set=KEYS, audiences=("https://shop/",)),
    "two": JwtProvider(issuer="two", key_set=KEYS),
    "strict": JwtProvider(issuer="strict", key_set=_STRICT),
    "any": JwtProvider(issuer="", key_set=KEYS),
    "nobody": JwtProvider(issuer="nobody", key_set=NOBODYS_KEYS),
}


def token(claims: Mapping[str, Any], key: str = "ed", **header: Any) -> str:
    algorithm, private = _BY_ID[key]
    return jwt.encode(dict(claims), private, algorithm, headers={"kid": key} | header)


def _made_by_hand(header: object, payload: object, signature: str = "AQAB") -> str:
    return f"{_encoded(header)}.{_encoded(payload)}.{signature}"


def _encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


ONE: Final = {"iss": "one", "sub": "alice"}
_ED_HEADER: Final = {"alg": "EdDSA"}
Made = tuple[str, tuple[str, ...]]
"""A token, and the providers that it meets."""
TAKEN: Final[Mapping[str, Callable[[int], Made]]] = {
    **{
        f"signed with {key}": lambda _, key=key: (token(ONE, key), ("one",))  # type: ignore[misc]
        for key in _BY_ID
    },
    "without a key id": lambda _: (token(ONE, kid=""), ("one",)),
    "a little too old": lambda now: (token(ONE | {"exp": now - 30}), ("one",)),
    "a little too new": lambda now: (token(ONE | {"nbf": now + 30}), ("one",)),
    "for one of its audiences": lambda _: (token(ONE | {"aud": ["x", "shop"]}), ("audience",)),
    "for an audience with a scheme": lambda _: (token(ONE | {"aud": "http://shop"}), ("audience",)),
    "of any issuer": lambda _: (token({"iss": "whoever"}), ("any",)),
    "of no issuer where any is taken": lambda _: (token({"sub": "a"}), ("any",)),
    "of the second issuer": lambda _: (token({"iss": "two"}), ("one", "two")),
    "without the audience of the first rule": lambda _: (token(ONE), ("audience", "one")),
}
_FORM: Final = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
REFUSED: Final[Mapping[str, tuple[Callable[[int], Made], str]]] = {
    "no token": (lambda _: ("hello", ("one",)), _FORM),
    "two parts": (lambda _: ("a.b", ("one",)), _FORM),
    "a header not in base64": (
        lambda _: ("*.e30.e30", ("one",)),
        _FORM,
    ),
    "a header that is no JSON": (
        lambda _: (_made_by_hand(b"{", {}), ("one",)),
        "Jwt header is an invalid JSON",
    ),
    "no algorithm": (
        lambda _: (_made_by_hand({}, {}), ("one",)),
        "Jwt header [alg] field is required and must be a string",
    ),
    "the algorithm none": (
        lambda _: (_made_by_hand({"alg": "none"}, ONE), ("one",)),
        "Jwt header [alg] is not supported",
    ),
    "a key id that is a number": (
        lambda _: (_made_by_hand(_ED_HEADER | {"kid": 1}, ONE), ("one",)),
        "Jwt header [kid] field is not a string",
    ),
    "a payload not in base64": (
        lambda _: (f"{_encoded(_ED_HEADER)}.*.AQAB", ("one",)),
        "Jwt payload is an invalid Base64url encoded",
    ),
    "a payload that is a list": (
        lambda _: (_made_by_hand(_ED_HEADER, [1]), ("one",)),
        "Jwt payload is an invalid JSON",
    ),
    "an issuer that is a number": (
        lambda _: (_made_by_hand(_ED_HEADER, {"iss": 1}), ("one",)),
        "Jwt payload [iss] field is not a string",
    ),
    "an end that is text": (
        lambda _: (_made_by_hand(_ED_HEADER, {"exp": "soon"}), ("one",)),
        "Jwt payload [exp] field is not an integer",
    ),
    "an end below zero": (
        lambda _: (_made_by_hand(_ED_HEADER, {"exp": -1}), ("one",)),
        "Jwt payload [exp] field is not a positive 64 bit integer",
    ),
    "an audience that is a number": (
        lambda _: (_made_by_hand(_ED_HEADER, {"aud": 1}), ("one",)),
        "Jwt payload [aud] field is not a string or string list",
    ),
    "a signature not in base64": (
        lambda _: (_made_by_hand(_ED_HEADER, ONE, "*"), ("one",)),
        "Jwt signature is an invalid Base64url encoded",
    ),
    "another issuer": (
        lambda _: (token({"iss": "other"}), ("one",)),
        "Jwt issuer is not configured",
    ),
    "no issuer": (lambda _: (token({"sub": "a"}), ("one",)), "Jwt issuer is not configured"),
    "too old": (lambda now: (token(ONE | {"exp": now - 90}), ("one",)), "Jwt is expired"),
    "too new": (lambda now: (token(ONE | {"nbf": now + 3600}), ("one",)), "Jwt not yet valid"),
    "another audience": (
        lambda _: (token(ONE | {"aud": "bank"}), ("audience",)),
        "Audiences in Jwt are not allowed",
    ),
    "no audience": (lambda _: (token(ONE), ("audience",)), "Audiences in Jwt are not allowed"),
    "another key": (
        lambda _: (jwt.encode(dict(ONE), _STRANGER, "EdDSA", {"kid": "ed"}), ("one",)),
        "Jwt verification fails",
    ),
    "an unknown key id": (
        lambda _: (token(ONE, kid="unknown"), ("one",)),
        "Jwks doesn't have key to match kid or alg from Jwt",
    ),
    "another algorithm than the key's": (
        lambda _: (token({"iss": "strict"}, "rsa", kid=""), ("strict",)),
        "Jwks doesn't have key to match kid or alg from Jwt",
    ),
    "a short signature": (
        lambda _: (_made_by_hand(_ED_HEADER | {"kid": "ed"}, ONE), ("one",)),
        "Jwt ED25519 signature is wrong length",
    ),
    "an issuer whose keys are unknown": (
        lambda _: (token({"iss": "nobody"}), ("nobody",)),
        "Jwt verification fails",
    ),
    "an issuer that neither rule has": (
        lambda _: (token({"iss": "other"}), ("one", "two")),
        "Jwt issuer is not configured",
    ),
    "too old for the second of two rules": (
        lambda now: (token({"iss": "two", "exp": now - 90}), ("one", "two")),
        "Jwt is expired",
    ),
    "too old for the first of two rules": (
        lambda now: (token({"iss": "one", "exp": now - 90}), ("one", "two")),
        "Jwt is expired",
    ),
}
"""With what Envoy answers."""
