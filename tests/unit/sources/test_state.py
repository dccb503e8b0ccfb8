"""The state directory: who may read it, and what a write leaves behind."""

import stat
from pathlib import Path

import pytest

from controlplane.base.errors import StateUnusable
from controlplane.sources.state import StateDirectory, default_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(path: Path) -> list[str]:
    return sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"XDG_STATE_HOME": "/var/state", "HOME": "/home/ada"}, "/var/state/controlplane"),
        ({"HOME": "/home/ada"}, "/home/ada/.local/state/controlplane"),
        (
            {"XDG_STATE_HOME": "relative", "HOME": "/home/ada"},
            "/home/ada/.local/state/controlplane",
        ),
        ({"XDG_STATE_HOME": "", "HOME": "/home/ada"}, "/home/ada/.local/state/controlplane"),
    ],
)
def test_where_the_state_is_kept_by_default(environment: dict[str, str], path: str) -> None:
    assert default_path(environment) == Path(path)


def test_without_a_home_the_hint_names_the_option() -> None:
    with pytest.raises(StateUnusable) as caught:
        default_path({})

    assert caught.value.hint == "name a directory with --state"


def test_a_new_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    state = StateDirectory.opened(tmp_path / "deep" / "state")
    state.authority.made_once("key.pem", lambda: b"secret")

    assert mode(tmp_path / "deep" / "state") == 0o700
    assert mode(tmp_path / "deep" / "state" / "authority") == 0o700
    assert mode(tmp_path / "deep" / "state" / "authority" / "key.pem") == 0o600


@pytest.mark.parametrize("bits", [0o750, 0o705, 0o701, 0o720])
def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "state"
    path.mkdir()
    path.chmod(bits)

    with pytest.raises(StateUnusable) as caught:
        StateDirectory.opened(path)

    assert caught.value.message == f"the state directory {path} is open to others (mode {bits:04o})"
    assert caught.value.hint == (f"chmod 700 {path} if it holds nothing else, or name another")


def test_a_file_in_the_way_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("")

    with pytest.raises(StateUnusable, match="File exists"):
        StateDirectory.opened(path)


def test_what_is_made_once_stays(tmp_path: Path) -> None:
    made: list[str] = []
    area = StateDirectory.opened(tmp_path / "state").authority

    def make() -> bytes:
        made.append("made")
        return f"key {len(made)}".encode()

    assert area.made_once("key.pem", make) == b"key 1"
    assert area.made_once("key.pem", make) == b"key 1"
    assert made == ["made"]


def test_the_first_of_two_makers_wins(tmp_path: Path) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority

    def slow() -> bytes:
        area.made_once("key.pem", lambda: b"the faster one's")
        return b"the slower one's"

    assert area.made_once("key.pem", slow) == b"the faster one's"
    assert files(area.path) == ["key.pem"]


def test_a_write_that_was_cut_off_is_no_key(tmp_path: Path) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    area.path.mkdir(mode=0o700)
    (area.path / ".cut-off").write_bytes(b"ha")

    assert area.made_once("key.pem", lambda: b"whole") == b"whole"
