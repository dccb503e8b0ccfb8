"""Which keys verify tokens in Envoy, by their form."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from controlplane.model.json_web_keys import usable_keys


def ec_key(curve: ec.EllipticCurve) -> dict[str, Any]:
    return written(jwt.algorithms.ECAlgorithm, ec.generate_private_key(curve))


def written(algorithm: Any, private: Any) -> dict[str, Any]:
    return dict(algorithm.to_jwk(private.public_key(), as_dict=True))


RSA = written(jwt.algorithms.RSAAlgorithm, rsa.generate_private_key(65537, 2048))
ED = written(jwt.algorithms.OKPAlgorithm, ed25519.Ed25519PrivateKey.generate())
P256, P384, P521 = map(ec_key, (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()))
SECRET = {"kty": "oct", "k": "AQAB"}


def are_usable(*keys: object) -> list[bool]:
    found = list(usable_keys(json.dumps({"keys": keys})))
    return [key in found for key in keys]


def test_good_keys_of_every_type() -> None:
    assert are_usable(RSA, ED, P256, P384, P521, SECRET, P384 | {"alg": "ES384"}) == [True] * 7
    assert are_usable(P256 | {"alg": None}, RSA | {"alg": 1}, SECRET | {"k": "AQA="}) == [True] * 3


@pytest.mark.parametrize(
    "key",
    [
        RSA | {"e": "AQ"},
        RSA | {"n": "AQAB"},
        RSA | {"alg": "ES256"},
        ED | {"x": "AQAB"},
        ED | {"crv": "X25519"},
        ED | {"alg": "RS256"},
        P256 | {"x": P256["y"]},
        P256 | {"alg": "ES384"},
        P256 | {"crv": "P-384"},
        {"kty": "oct", "k": ""},
        {"kty": "oct", "k": "AQAB="},
        {"kty": "AKP"},
        {"kty": ["RSA"]},
        1,
    ],
)
def test_keys_that_verify_nothing(key: object) -> None:
    assert are_usable(key) == [False]


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", '{"keys": 1}', json.dumps(ED), "\ud800"],
    ids=["nothing", "no JSON", "a list", "no list of keys", "a single key", "no text"],
)
def test_what_is_no_key_set_has_no_keys(text: str) -> None:
    assert list(usable_keys(text)) == []
