"""``controlplane token``: what it issues, where that goes, how it ends."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controlplane.cli.issued_token import is_due
from controlplane.cli.main import main
from controlplane.identity.revoked_tokens import RevokedTokens
from controlplane.identity.token_keys import kept_token_keys
from controlplane.identity.tokens import Tokens, Verified
from controlplane.model.proxy import Role
from controlplane.sources.state import StateDirectory


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["token", *arguments, "--state", str(folder / "state")])


def issued(folder: Path, *arguments: str) -> str:
    result = run(folder, *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def verified(folder: Path, token: str) -> Verified:
    tokens = Tokens.of(kept_token_keys(StateDirectory.opened(folder / "state").authority))
    return tokens.verify(token, datetime.now(UTC))


def life(token: Verified) -> timedelta:
    return token.expires - datetime.now(UTC) + timedelta(seconds=30)


def test_a_token_is_for_a_sidecar_for_a_day_and_from_anywhere(tmp_path: Path) -> None:
    found = verified(tmp_path, issued(tmp_path, "shop/cart"))

    assert str(found.identity) == "sidecar shop/cart"
    assert (found.group, found.network) == (None, None)
    assert timedelta(hours=24) < life(found) < timedelta(hours=24, minutes=1)


def test_a_token_names_what_was_asked_for(tmp_path: Path) -> None:
    asked = ("shop/cart", "--group", "cart-v1", "--net", "10.0.0.0/8", "--hours", "2")
    found = verified(tmp_path, issued(tmp_path, *asked))

    assert (found.group, str(found.network)) == ("cart-v1", "10.0.0.0/8")
    assert timedelta(hours=2) < life(found) < timedelta(hours=2, minutes=1)


def test_a_gateway_may_register_with_a_group_too(tmp_path: Path) -> None:
    found = verified(tmp_path, issued(tmp_path, "shop/out", "--role", "gateway", "--group", "out"))

    assert (str(found.identity), found.group) == ("gateway shop/out", "out")


def test_a_year_is_said_in_days(tmp_path: Path) -> None:
    token = issued(tmp_path, "istio-system/ingress", "--role", "gateway", "--days", "365")
    found = verified(tmp_path, token)

    assert found.identity.role is Role.GATEWAY
    assert timedelta(days=365) < life(found) < timedelta(days=366)


def test_the_id_that_revokes_it_is_said(tmp_path: Path) -> None:
    result = run(tmp_path, "shop/cart")

    token_id = verified(tmp_path, result.stdout.strip()).token_id
    assert f"token {token_id} of sidecar shop/cart until " in result.stderr
    assert result.stdout.strip() not in result.stderr


@pytest.mark.parametrize("name", ["token.yaml", "token.yml", "token.json"])
def test_a_file_for_envoy_is_a_secret(tmp_path: Path, name: str) -> None:
    run(tmp_path, "shop/cart", "--out", str(tmp_path / name))

    (secret,) = json.loads((tmp_path / name).read_text())["resources"]
    value = secret["generic_secret"]["secret"]["inline_string"]
    assert secret["name"] == "xds-token"
    assert str(verified(tmp_path, value.removeprefix("Bearer ")).identity) == "sidecar shop/cart"


def test_any_other_file_holds_the_bare_token(tmp_path: Path) -> None:
    result = run(tmp_path, "shop/cart", "--out", str(tmp_path / "token"))

    assert result.stdout == ""
    verified(tmp_path, (tmp_path / "token").read_text().strip())


@pytest.mark.parametrize(
    ("options", "mode"), [((), 0o600), (("--mode", "600"), 0o600), (("--mode", "640"), 0o640)]
)
def test_a_file_is_its_owners_alone_or_its_groups_too(
    tmp_path: Path, options: tuple[str, ...], mode: int
) -> None:
    file = tmp_path / "token"
    file.write_text("older")
    file.chmod(0o644)

    run(tmp_path, "shop/cart", "--out", str(file), *options)

    assert file.stat().st_mode & 0o777 == mode
    assert [path.name for path in tmp_path.iterdir() if path.name != "state"] == ["token"]


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    result = run(tmp_path, "shop/cart", "--out", str(tmp_path / "nowhere" / "token"))

    assert result.exit_code == 3
    assert "No such file or directory" in result.stderr


def test_a_token_is_revoked_by_its_id(tmp_path: Path) -> None:
    token = verified(tmp_path, issued(tmp_path, "shop/cart"))

    result = run(tmp_path, "--revoke", token.token_id)

    assert result.exit_code == 0
    assert token.token_id in RevokedTokens(StateDirectory.opened(tmp_path / "state").authority)


def test_a_rotated_key_signs_and_the_one_before_it_is_good(tmp_path: Path) -> None:
    before = issued(tmp_path, "shop/cart")

    result = run(tmp_path, "--rotate-key")

    assert "stay good until the next --rotate-key" in result.stderr
    assert (
        verified(tmp_path, before).identity
        == verified(tmp_path, issued(tmp_path, "shop/cart")).identity
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give one of NAMESPACE/ACCOUNT, --revoke and --rotate-key"),
        (("shop/cart", "--rotate-key"), "give one of NAMESPACE/ACCOUNT"),
        (("cart",), '"cart" is not NAMESPACE/ACCOUNT, such as shop/cart'),
        (("Shop/cart",), '"Shop" is not made of lower-case letters'),
        (("shop/cart", "--net", "10.0.0.7/8"), "has host bits set, such as 10.0.0.0/8"),
        (("shop/cart", "--hours", "1", "--days", "1"), "--hours and --days exclude each other"),
        (("a/b", "--role", "runner", "--group", "c"), "--group is for proxies"),
        (("shop/cart", "--hours", "0"), "0 is not in the range"),
        (("shop/cart", "--watch"), "--watch needs the file that it renews, --out FILE"),
        (("--revoke", "abc"), '"abc" is not the id of a token: 16 digits from 0 to f'),
    ],
)
def test_what_cannot_be_is_reported(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run(tmp_path, *arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("minutes", "due"), [(0, False), (29, False), (30, True), (59, True), (90, True), (-1, True)]
)
def test_a_token_is_renewed_at_half_of_its_life(minutes: int, due: bool) -> None:
    issued = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    now = issued + timedelta(minutes=minutes)

    assert is_due(issued, now, timedelta(hours=1)) is due
    assert is_due(None, now, timedelta(hours=1))


def test_who_watches_writes_the_file_at_once_and_ends_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "token"
    command = [sys.executable, "-m", "controlplane", "token", "shop/cart", "--watch"]
    command += ["--out", str(file), "--state", str(tmp_path / "state")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "token " in process.stderr.readline() + process.stderr.readline()
        verified(tmp_path, file.read_text().strip())
        process.send_signal(signal.SIGTERM)
        process.wait(10)

    assert process.returncode == 0
