"""The kernel's own events, and which file systems they can be relied on for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.sources.filesystems import remote_devices
from controlplane.sources.inotify import Inotify
from controlplane.sources.watcher import Event, What


@pytest.fixture
def inotify() -> Iterator[Inotify]:
    watcher = Inotify()
    yield watcher
    watcher.close()


def happened(inotify: Inotify) -> list[tuple[str, str]]:
    """The names of which something is heard, and what."""
    return [(event.name, event.what.name) for event in inotify.wait(1)]


def test_a_file_is_known_to_be_open_and_to_be_closed(tmp_path: Path, inotify: Inotify) -> None:
    inotify.watch(str(tmp_path))
    with (tmp_path / "a").open("w") as file:
        file.write("half")
        file.flush()

        assert happened(inotify) == [("a", "CREATED"), ("a", "WRITING")]

    assert happened(inotify) == [("a", "CLOSED")]


def test_a_rename_is_heard_of_as_a_whole(tmp_path: Path, inotify: Inotify) -> None:
    (tmp_path / "a").write_text("")
    inotify.watch(str(tmp_path))

    (tmp_path / "a").rename(tmp_path / "b")

    assert happened(inotify) == [("a", "REMOVED"), ("b", "MOVED_IN")]


def test_a_name_that_is_not_utf8_is_heard_of(tmp_path: Path, inotify: Inotify) -> None:
    name = os.fsdecode(b"b\xffd")
    inotify.watch(str(tmp_path))

    (tmp_path / name).mkdir()

    assert inotify.wait(1) == [Event(str(tmp_path), name, What.CREATED, is_folder=True)]


def test_a_folder_that_is_reached_on_two_ways_is_heard_of_on_both(
    tmp_path: Path, inotify: Inotify
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    inotify.watch(str(tmp_path / "real"))
    inotify.watch(str(tmp_path / "link"), only_names=True)

    (tmp_path / "real" / "a").touch()

    folders = {(Path(e.folder).name, e.what) for e in inotify.wait(1)}
    assert {("real", What.CREATED), ("link", What.CREATED)} <= folders


def test_a_folder_that_is_no_longer_watched_is_not_heard_of(
    tmp_path: Path, inotify: Inotify
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        inotify.watch(str(tmp_path / name))

    inotify.watch_no_others([str(tmp_path / "two")])
    (tmp_path / "one" / "a").touch()
    (tmp_path / "two" / "b").touch()

    assert {event.name for event in inotify.wait(1)} == {"b"}


def test_another_folder_of_the_same_name_is_watched_in_its_place(
    tmp_path: Path, inotify: Inotify
) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    inotify.watch(str(folder))
    folder.rename(tmp_path / "old")
    folder.mkdir()
    assert ("", "LOST") in happened(inotify)

    inotify.watch(str(folder))
    (tmp_path / "old" / "a").touch()
    (folder / "b").touch()

    assert {event.name for event in inotify.wait(1)} == {"b"}


def test_who_waits_can_be_woken(inotify: Inotify) -> None:
    inotify.wake()

    assert inotify.wait(60) == []


MOUNTS = """\
21 1 0:20 / /proc rw - proc proc rw
25 1 254:0 / / rw,discard - ext4 /dev/vda rw
31 25 0:45 / /mesh rw,relatime shared:7 - nfs4 server:/mesh rw
32 25 0:46 / /home rw - fuse.sshfs host:/home rw
33 25 0:47 / /run rw - tmpfs tmpfs rw
nonsense
"""


def test_events_of_network_file_systems_are_not_relied_on() -> None:
    assert remote_devices(MOUNTS) == {os.makedev(0, 45), os.makedev(0, 46)}
