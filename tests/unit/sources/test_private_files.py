"""Keys that others could have read or put there are refused, with the command that mends it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane.base.errors import StateUnusable
from controlplane.sources.state import Area, StateDirectory

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")


def area_of(folder: Path) -> Area:
    area = StateDirectory.opened(folder / "state").authority
    area.made_once("ca.pem", lambda: b"key")
    return area


def refused(area: Area) -> StateUnusable:
    with pytest.raises(StateUnusable) as caught:
        area.made_once("ca.pem", lambda: b"another key")
    assert caught.value.exit_status == 3
    return caught.value


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777])
def test_a_key_that_is_open_to_others_is_refused(tmp_path: Path, bits: int) -> None:
    area = area_of(tmp_path)
    file = area.path / "ca.pem"
    file.chmod(bits)

    error = refused(area)

    assert error.message == f"the key {file} is open to others (mode {bits:04o})"
    command = f"chmod 600 {file}"
    assert error.hint == f"{command}, and delete it instead if others may have read it"
    subprocess.run(["sh", "-c", command], check=True)
    assert area.made_once("ca.pem", lambda: b"another key") == b"key"


@AS_ROOT
def test_a_key_of_another_user_is_refused(tmp_path: Path) -> None:
    area = area_of(tmp_path)
    file = area.path / "ca.pem"
    os.chown(file, NOBODY, NOBODY)

    error = refused(area)

    assert error.message == (
        f"the key {file} belongs to user {NOBODY}, this process runs as user {os.geteuid()}"
    )
    assert error.hint == f"run as its owner, or: sudo chown {os.geteuid()} {file}"


def test_a_key_behind_a_link_is_refused(tmp_path: Path) -> None:
    area = area_of(tmp_path)
    file, elsewhere = area.path / "ca.pem", tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)

    error = refused(area)

    assert error.message == f"the key {file} is a symbolic link"
    assert error.hint is not None
    subprocess.run(["sh", "-c", error.hint.partition(": ")[2]], check=True)
    assert area.made_once("ca.pem", lambda: b"another key") == b"key"


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    area = area_of(tmp_path)
    (area.path / "ca.pem").unlink()
    (area.path / "ca.pem").symlink_to(tmp_path / "elsewhere")

    refused(area)

    assert not (tmp_path / "elsewhere").exists()


def a_folder(file: Path) -> None:
    file.mkdir(mode=0o700)


def a_fifo(file: Path) -> None:
    os.mkfifo(file, 0o600)


@pytest.mark.parametrize(("put", "kind"), [(a_folder, "a directory"), (a_fifo, "a FIFO")])
def test_a_key_that_is_no_regular_file_is_refused(
    tmp_path: Path, put: Callable[[Path], None], kind: str
) -> None:
    area = area_of(tmp_path)
    file = area.path / "ca.pem"
    file.unlink()
    put(file)

    error = refused(area)

    assert error.message == f"the key {file} is {kind}, not a regular file"
    assert error.hint == f"move it away: mv {file} {file}.old"


def test_a_folder_of_keys_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    area = area_of(tmp_path)
    area.path.chmod(0o750)

    error = refused(area)

    assert error.message == f"the folder of keys {area.path} is open to others (mode 0750)"


def test_a_folder_of_keys_behind_a_link_is_refused(tmp_path: Path) -> None:
    area = area_of(tmp_path)
    area.path.rename(tmp_path / "elsewhere")
    area.path.symlink_to(tmp_path / "elsewhere")

    error = refused(area)

    assert error.message == f"the folder of keys {area.path} is not a directory"


@AS_ROOT
def test_a_state_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, NOBODY, NOBODY)

    with pytest.raises(StateUnusable, match=f"{state} belongs to user {NOBODY}"):
        StateDirectory.opened(state)


def test_a_state_directory_may_be_named_by_a_link(tmp_path: Path) -> None:
    area = area_of(tmp_path)
    (tmp_path / "link").symlink_to(area.path.parent)

    linked = StateDirectory.opened(tmp_path / "link").authority

    assert linked.made_once("ca.pem", lambda: b"another key") == b"key"


def test_a_key_is_opened_once_and_by_no_link(tmp_path: Path) -> None:
    """Where it was opened again after the check, a link could be put there in between."""
    area = area_of(tmp_path)
    opened: list[tuple[object, bool]] = []
    is_watched = True

    def watch(event: str, details: tuple[object, ...]) -> None:
        if is_watched and event == "open" and str(details[0]).endswith("ca.pem"):
            flags = details[2]
            assert isinstance(flags, int)
            opened.append((details[0], bool(flags & os.O_NOFOLLOW)))

    sys.addaudithook(watch)  # stays for good, so it is switched off below

    content = area.content("ca.pem")

    is_watched = False
    assert content == b"key"
    assert opened == [("ca.pem", True)]
