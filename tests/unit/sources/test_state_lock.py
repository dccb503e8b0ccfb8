"""One control plane at a time has a state directory, and the next one says who that is."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controlplane.base.errors import StateHeld
from controlplane.sources.state_lock import Holder, StateLock

FIRST = Holder(
    pid=7,
    host="here",
    command="controlplane up --config mesh",
    since=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    config=("/srv/mesh", "/srv/more"),
)
SECOND = Holder(pid=8, host="here", command="controlplane serve", since=FIRST.since, config=("/a",))


def test_the_second_says_who_holds_the_directory(tmp_path: Path) -> None:
    first = StateLock(tmp_path, FIRST)

    with pytest.raises(StateHeld) as caught:
        StateLock(tmp_path, SECOND)

    assert caught.value.exit_status == 3
    assert caught.value.message == (
        f"{tmp_path} is in use by controlplane up --config mesh (pid 7), "
        "since 2026-03-01 12:00:00 UTC, serving /srv/mesh, /srv/more"
    )
    assert caught.value.hint == "stop that one, or name another directory with --state"
    first.release()
    StateLock(tmp_path, SECOND).release()


def test_a_holder_on_another_machine_is_named_with_it(tmp_path: Path) -> None:
    assert "(pid 7 on here), since" in FIRST.seen_from("there")


def no_json(file: Path) -> None:
    file.write_bytes(b"\xff\x00{")


def emptied(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("spoil", [no_json, emptied])
def test_what_the_file_says_is_not_what_locks(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    first = StateLock(tmp_path, FIRST)
    spoil(tmp_path / "lock")

    with pytest.raises(StateHeld, match="is in use by another process"):
        StateLock(tmp_path, SECOND)
    first.release()


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from datetime import UTC, datetime\n"
        "from controlplane.sources.state_lock import Holder, StateLock\n"
        "now = datetime.now(UTC)\n"
        "holder = Holder(pid=1, host='h', command='c', since=now, config=())\n"
        "lock = StateLock(Path(sys.argv[1]), holder); print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StateHeld):
            StateLock(tmp_path, FIRST)

        other.send_signal(signal.SIGKILL)
        other.wait()

    StateLock(tmp_path, FIRST).release()


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    first = StateLock(tmp_path, FIRST)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        first.release()
        StateLock(tmp_path, SECOND).release()
        child.kill()


def test_a_file_system_without_locks_is_reported_once(tmp_path: Path) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with capture_logs() as logs:
        lock = StateLock(tmp_path, FIRST, no_locks)
        assert [lock.renew(), lock.renew()] == [False, False]
        lock.release()

    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("state_not_locked", "No locks available")
    ]
    assert logs[0]["effect"] == "a second control plane on this directory is not noticed"


def test_a_lock_whose_file_is_deleted_is_taken_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    lock = StateLock(state, FIRST)
    assert lock.renew() is False
    shutil.rmtree(state)
    state.mkdir()

    assert lock.renew() is True

    with pytest.raises(StateHeld, match="pid 7"):
        StateLock(state, SECOND)
    lock.release()


def test_whoever_takes_the_place_of_a_deleted_lock_has_it(tmp_path: Path) -> None:
    first = StateLock(tmp_path, FIRST)
    (tmp_path / "lock").unlink()
    second = StateLock(tmp_path, SECOND)

    with pytest.raises(StateHeld, match="pid 8"):
        first.renew()
    second.release()


def a_folder(file: Path) -> None:
    file.mkdir()


def a_fifo(file: Path) -> None:
    os.mkfifo(file)


def read_only(file: Path) -> None:
    file.touch(0o400)


@pytest.mark.parametrize("spoil", [a_folder, a_fifo, read_only])
def test_whatever_is_in_its_place_locks_too(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path / "lock")
    first = StateLock(tmp_path, FIRST)

    with pytest.raises(StateHeld):
        StateLock(tmp_path, SECOND)
    first.release()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    (tmp_path / "lock").symlink_to(elsewhere)

    with capture_logs() as logs:
        StateLock(tmp_path, FIRST).release()

    assert [entry["event"] for entry in logs] == ["state_not_locked"]
    assert elsewhere.read_text() == "untouched"


def test_the_file_names_its_last_holder(tmp_path: Path) -> None:
    StateLock(tmp_path, FIRST).release()

    assert json.loads((tmp_path / "lock").read_text())["config"] == ["/srv/mesh", "/srv/more"]
