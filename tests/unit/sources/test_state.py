"""The state directory: who may read it, and what a write leaves behind."""

import os
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
        ({"XDG_STATE_HOME": "/var/state", "HOME": "/home/ada"}, "/var/state"),
        ({"HOME": "/home/ada"}, "/home/ada/.local/state"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/ada"}, "/home/ada/.local/state"),
        ({"XDG_STATE_HOME": "", "HOME": "/home/ada"}, "/home/ada/.local/state"),
    ],
)
def test_where_the_state_is_kept_by_default(environment: dict[str, str], path: str) -> None:
    found = default_path(environment, (Path("/srv/mesh"),))

    assert found == Path(path, "controlplane", "mesh-ac3141ea2d")


def test_without_a_home_the_hint_names_the_option() -> None:
    with pytest.raises(StateUnusable) as caught:
        default_path({}, (Path("/srv/mesh"),))

    assert caught.value.hint == "name a directory with --state"


def default_name(*config: str | Path) -> str:
    return default_path({"HOME": "/home/ada"}, map(Path, config)).name


def test_one_project_is_found_however_its_paths_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh, more = tmp_path / "mesh", tmp_path / "more"
    for folder in (mesh, more):
        folder.mkdir()
    (tmp_path / "link").symlink_to(mesh)
    monkeypatch.chdir(mesh)
    name = default_name(mesh)

    assert default_name(".") == name
    assert default_name("../mesh/") == name
    assert default_name(tmp_path / "link") == name
    assert default_name(mesh, more) == default_name(more, tmp_path / "link", mesh)


def test_two_projects_never_meet(tmp_path: Path) -> None:
    names = {
        default_name(*paths)
        for paths in (
            ("/srv/a/mesh",),
            ("/srv/b/mesh",),
            ("/srv/a/mesh", "/srv/b/mesh"),
            ("/srv/a/mesh/b",),
            ("/srv/a", "/mesh"),
            ("/",),
        )
    }

    assert len(names) == 6


@pytest.mark.parametrize(
    ("path", "begins"),
    [
        ("/", "root-"),
        ("/srv/my mesh/ü", "-"),
        (os.fsdecode(b"/srv/b\xff"), "b-"),
        ("/" + "x" * 250, "x" * 40 + "-"),
    ],
)
def test_every_path_makes_a_name_for_a_directory(path: str, begins: str) -> None:
    name = default_name(path)

    assert name.startswith(begins)
    assert name.isascii()


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
