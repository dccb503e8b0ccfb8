"""Keys of tokens: the newest signs, it and the one before it verify."""

from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest

from controlplane.base.errors import TokenRefused
from controlplane.base.names import Namespace
from controlplane.identity.pem import new_key
from controlplane.identity.token_keys import kept_token_keys, rotate_token_key
from controlplane.identity.tokens import Tokens, key_id
from controlplane.model.proxy import Role
from controlplane.sources.state import Area, StateDirectory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def area(folder: Path) -> Area:
    return StateDirectory.opened(folder / "state").authority


def kept(folder: Path) -> Tokens:
    return Tokens.of(kept_token_keys(area(folder)))


def issued(tokens: Tokens) -> str:
    return tokens.issue(Namespace("shop"), "cart", Role.SIDECAR, now=NOW)


def account(tokens: Tokens, token: str) -> str:
    return tokens.verify(token, NOW).identity.service_account


def test_a_token_outlives_one_rotation_and_not_two(tmp_path: Path) -> None:
    token = issued(kept(tmp_path))

    rotate_token_key(area(tmp_path))
    assert account(kept(tmp_path), token) == "cart"

    rotate_token_key(area(tmp_path))
    with pytest.raises(TokenRefused, match="another control plane's key"):
        kept(tmp_path).verify(token, NOW)


def test_the_newest_key_signs(tmp_path: Path) -> None:
    kept(tmp_path)
    newest = rotate_token_key(area(tmp_path))[0]

    token = issued(kept(tmp_path))

    assert jwt.get_unverified_header(token)["kid"] == key_id(newest)
    assert account(Tokens(key=newest), token) == "cart"


def test_a_token_that_names_no_key_is_tried_with_all() -> None:
    older, newer = new_key(), new_key()
    claims = jwt.decode(issued(Tokens(key=older)), options={"verify_signature": False})
    unnamed = jwt.encode(claims, older, algorithm="ES256")

    assert account(Tokens.of((newer, older)), unnamed) == "cart"


def test_a_token_that_names_a_key_is_not_tried_with_others() -> None:
    older, newer = new_key(), new_key()
    claims = jwt.decode(issued(Tokens(key=older)), options={"verify_signature": False})
    misnamed = jwt.encode(claims, older, "ES256", {"kid": key_id(newer)})

    with pytest.raises(TokenRefused, match="another control plane's key"):
        Tokens.of((newer, older)).verify(misnamed, NOW)


def test_the_file_of_keys_stays_private(tmp_path: Path) -> None:
    rotate_token_key(area(tmp_path))

    assert (tmp_path / "state/authority/token-key.pem").stat().st_mode & 0o777 == 0o600
