"""Tokens: whom they prove, and in which words they are refused."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from controlplane.base.errors import TokenRefused
from controlplane.base.names import Namespace
from controlplane.identity.identity import Identity
from controlplane.identity.pem import new_key
from controlplane.identity.token_keys import kept_token_key
from controlplane.identity.tokens import Tokens, key_id
from controlplane.model.proxy import Role
from controlplane.sources.state import StateDirectory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKENS = Tokens(key=new_key())
SHOP = Namespace("shop")


def token(tokens: Tokens = TOKENS, **changes: object) -> str:
    return tokens.issue(SHOP, "cart", Role.SIDECAR, **{"now": NOW, **changes})  # type: ignore[arg-type] # each test names one argument


def refusal(text: str, now: datetime = NOW, tokens: Tokens = TOKENS) -> str:
    with pytest.raises(TokenRefused) as caught:
        tokens.verify(text, now)
    assert text == "" or text not in str(caught.value)
    return caught.value.message


def test_a_token_proves_a_service_account() -> None:
    identity = TOKENS.verify(token(), NOW).identity

    assert identity == Identity(
        trust_domain="cluster.local",
        namespace=SHOP,
        service_account="cart",
        role=Role.SIDECAR,
    )
    assert identity.spiffe == "spiffe://cluster.local/ns/shop/sa/cart"


def test_a_token_names_its_group_its_network_and_itself() -> None:
    verified = TOKENS.verify(token(group="cart-v1", network=ip_network("10.0.0.0/8")), NOW)

    assert (verified.group, str(verified.network)) == ("cart-v1", "10.0.0.0/8")
    assert len(verified.token_id) == 16


def test_a_token_may_name_neither_group_nor_network() -> None:
    verified = TOKENS.verify(token(), NOW)

    assert (verified.group, verified.network) == (None, None)


def test_no_two_tokens_have_the_same_id() -> None:
    assert len({TOKENS.verify(token(), NOW).token_id for _ in range(20)}) == 20


def test_a_token_of_an_earlier_version_has_an_id_too() -> None:
    first, second = (signed(CLAIMS | {"namespace": n}) for n in ("shop", "bank"))

    assert TOKENS.verify(first, NOW).token_id == TOKENS.verify(first, NOW).token_id
    assert TOKENS.verify(first, NOW).token_id != TOKENS.verify(second, NOW).token_id


def test_a_token_names_the_key_that_signed_it() -> None:
    assert jwt.get_unverified_header(token())["kid"] == key_id(TOKENS.key)
    assert key_id(TOKENS.key) != key_id(new_key())


def test_a_token_without_trust_domain_is_good_for_the_mesh() -> None:
    mesh = Tokens(key=TOKENS.key, trust_domain="new.example")

    assert mesh.verify(token(), NOW).identity.trust_domain == "new.example"


def test_a_token_for_another_trust_domain_is_refused() -> None:
    text = token(trust_domain="old.example")

    assert refusal(text) == (
        'the token is for trust domain "old.example", the mesh is "cluster.local"'
    )


def test_a_token_outlives_a_restart(tmp_path: Path) -> None:
    before = Tokens(key=kept_token_key(StateDirectory.opened(tmp_path / "state").authority))
    after = Tokens(key=kept_token_key(StateDirectory.opened(tmp_path / "state").authority))

    assert after.verify(token(before), NOW).identity.service_account == "cart"


def test_a_token_ends_with_its_life() -> None:
    text = token(life=timedelta(hours=1))

    assert TOKENS.verify(text, NOW + timedelta(minutes=59)).identity.service_account == "cart"
    assert refusal(text, NOW + timedelta(hours=1)) == "the token expired at 2026-03-01 13:00 UTC"


def test_clocks_may_differ_a_little() -> None:
    assert TOKENS.verify(token(), NOW - timedelta(minutes=1)).identity.service_account == "cart"
    assert refusal(token(), NOW - timedelta(minutes=3)) == (
        "the token is not valid before 2026-03-01 12:00 UTC; a clock is wrong"
    )


def test_a_token_for_another_use_is_refused() -> None:
    text = token(audience="istio-ca")

    assert refusal(text) == 'the token is for audience "istio-ca", not for "xds"'


def test_another_key_is_refused() -> None:
    text = token(Tokens(key=new_key()))

    assert refusal(text) == "the token is signed by another control plane's key"


def test_a_changed_token_is_refused() -> None:
    head, body, signature = token().split(".")
    other = token(Tokens(key=new_key()), life=timedelta(days=9999)).split(".")[1]

    assert body != other
    assert refusal(f"{head}.{other}.{signature}") == (
        "the token is signed by another control plane's key"
    )


CLAIMS: dict[str, object] = {
    "aud": "xds",
    "iat": 1772366400,
    "exp": 1772370000,
    "namespace": "shop",
    "service_account": "cart",
    "role": "sidecar",
}


def signed(claims: dict[str, object]) -> str:
    return jwt.encode(claims, TOKENS.key, algorithm="ES256")


def as_public_key_hmac(claims: dict[str, object]) -> str:
    """A token whose HMAC's secret is the public key, which is no secret."""
    public = TOKENS.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = ({"alg": "HS256", "typ": "JWT", "kid": key_id(TOKENS.key)}, claims)
    head = b".".join(base64url_encode(json.dumps(part).encode()) for part in parts)
    signature = hmac.digest(public, head, "sha256")
    return (head + b"." + base64url_encode(signature)).decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no token"),
        ("abc", "the token is not a JWT"),
        ("a.b.c", "the token is not a JWT"),
        ("x" * 9000, "the token is longer than 8192 characters"),
        (jwt.encode(CLAIMS, "", algorithm="none"), "the token is not signed with ES256"),
        (jwt.encode(CLAIMS, "k" * 32, algorithm="HS256"), "the token is not signed with ES256"),
        (as_public_key_hmac(CLAIMS), "the token is not signed with ES256"),
        (
            signed(CLAIMS | {"role": "waypoint"}),
            "the token's role is none of gateway, sidecar and runner",
        ),
        (signed(CLAIMS | {"namespace": ""}), 'the token has no "namespace"'),
        (signed(CLAIMS | {"service_account": 1}), 'the token has no "service_account"'),
        (signed(CLAIMS | {"exp": "never"}), 'the token has no "exp"'),
        (signed(CLAIMS | {"exp": 1 << 60}), 'the token has no "exp"'),
        (signed(CLAIMS | {"aud": ["xds"]}), 'the token has no "aud"'),
        (signed(CLAIMS | {"jti": 7}), 'the token has no "jti"'),
        (signed(CLAIMS | {"group": ""}), 'the token has no "group"'),
        (signed(CLAIMS | {"net": "10.0.0.7/8"}), 'the token\'s "net" is not a network'),
    ],
)
def test_what_is_no_token_of_ours_is_refused(text: str, message: str) -> None:
    assert refusal(text) == message


def test_the_key_is_not_shown() -> None:
    assert repr(TOKENS) == "Tokens(trust_domain='cluster.local')"
