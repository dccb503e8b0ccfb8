"""Tokens that are refused before they end."""

from pathlib import Path

from controlplane.identity.revoked_tokens import RevokedTokens, revoke
from controlplane.sources.state import Area, StateDirectory

FIRST, SECOND = "0123456789abcdef", "fedcba9876543210"


def area(folder: Path) -> Area:
    return StateDirectory.opened(folder / "state").authority


def test_a_token_that_was_revoked_before_the_start_is_known(tmp_path: Path) -> None:
    revoke(area(tmp_path), FIRST)

    revoked = RevokedTokens(area(tmp_path))

    assert FIRST in revoked
    assert SECOND not in revoked


def test_a_token_that_is_revoked_later_is_known_at_the_next_look(tmp_path: Path) -> None:
    revoked = RevokedTokens(area(tmp_path))
    revoke(area(tmp_path), FIRST)
    revoke(area(tmp_path), SECOND)

    assert revoked.look() == {FIRST, SECOND}
    assert revoked.look() == frozenset()
    assert FIRST in revoked


def test_what_is_lost_is_written_again(tmp_path: Path) -> None:
    revoke(area(tmp_path), FIRST)
    revoked = RevokedTokens(area(tmp_path))
    file = tmp_path / "state/authority/revoked-tokens"
    file.write_text(f"{SECOND}\n{FIRST[:9]}")

    revoked.look()

    assert file.read_text() == f"{FIRST}\n{SECOND}\n"
    assert file.stat().st_mode & 0o777 == 0o600
