"""Configuration files as they change, on a real disk.

Every wait is for an event, never for a time.
"""

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from controlplane.base.errors import ConfigMissing
from controlplane.documents.content import Skipped, Unreadable
from controlplane.sources.load import loaded
from controlplane.sources.scan import Unnoticed
from controlplane.sources.tree import Changed, Moment, Tree, completed
from tests.unit.sources.streams import Opened, batch, replace, reports


def test_a_load_holds_every_configuration_file_sorted_by_path(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.yaml", "a.yml", "sub/c.json", "notes.txt", ".hidden.yaml", "old.yaml~"):
        (tmp_path / name).write_text(name)

    assert loaded([tmp_path]) == (
        Changed(path=tmp_path / "a.yml", text=b"a.yml"),
        Changed(path=tmp_path / "b.yaml", text=b"b.yaml"),
        Changed(path=tmp_path / "sub" / "c.json", text=b"sub/c.json"),
    )


def test_a_file_that_is_named_itself_counts_whatever_its_name_is(tmp_path: Path) -> None:
    named = tmp_path / "mesh.conf"
    named.write_text("x")

    assert loaded([named]) == (Changed(path=named, text=b"x"),)


def test_a_path_that_does_not_exist_is_a_fault_of_the_world(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissing, match=r"mesh: No such file or directory"):
        loaded([tmp_path / "mesh"])


def test_a_file_is_seen_once_however_many_ways_lead_to_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.yaml").write_text("x")
    (tmp_path / "again").symlink_to("real")
    (tmp_path / "b.yaml").symlink_to("real/a.yaml")

    found = loaded([tmp_path, tmp_path / "real", tmp_path / "b.yaml"])

    assert len(found) == 1


async def test_the_first_batch_is_the_load_even_of_nothing(tmp_path: Path, stream: Opened) -> None:
    async with stream(tmp_path) as files:
        await reports(files, {})


async def test_a_written_file_is_reported(tmp_path: Path, stream: Opened) -> None:
    async with stream(tmp_path) as files:
        await batch(files)

        (tmp_path / "a.yaml").write_text("one")
        await reports(files, {"a.yaml": b"one"})

        (tmp_path / "a.yaml").write_text("two")
        await reports(files, {"a.yaml": b"two"})


async def test_a_file_that_is_renamed_over_another_is_reported_once(
    tmp_path: Path, stream: Opened
) -> None:
    (tmp_path / "a.yaml").write_text("one")
    async with stream(tmp_path) as files:
        await batch(files)

        for text in ("two", "three", "four"):
            replace(tmp_path / "a.yaml", text)
            await reports(files, {"a.yaml": text.encode()})


async def test_a_deleted_file_is_reported(tmp_path: Path, stream: Opened) -> None:
    (tmp_path / "a.yaml").write_text("one")
    async with stream(tmp_path) as files:
        await batch(files)

        (tmp_path / "a.yaml").unlink()

        await reports(files, {"a.yaml": None})


async def test_a_renamed_file_leaves_and_comes_in_one_batch(tmp_path: Path, stream: Opened) -> None:
    (tmp_path / "a.yaml").write_text("one")
    async with stream(tmp_path) as files:
        await batch(files)

        (tmp_path / "a.yaml").rename(tmp_path / "b.yaml")

        await reports(files, {"a.yaml": None, "b.yaml": b"one"})


async def test_saving_by_deleting_is_one_change(tmp_path: Path, stream: Opened) -> None:
    """As vim does: the old file becomes a backup, a new one of its name is written."""
    (tmp_path / "a.yaml").write_text("one")
    async with stream(tmp_path) as files:
        await batch(files)

        (tmp_path / "a.yaml").rename(tmp_path / "a.yaml~")
        (tmp_path / "a.yaml").write_text("two")
        (tmp_path / "a.yaml~").unlink()

        await reports(files, {"a.yaml": b"two"})


async def test_a_file_that_was_touched_and_says_the_same_is_no_change(
    tmp_path: Path, stream: Opened
) -> None:
    (tmp_path / "a.yaml").write_text("one")
    async with stream(tmp_path) as files:
        await batch(files)

        (tmp_path / "a.yaml").write_text("one")
        replace(tmp_path / "a.yaml", "one")
        (tmp_path / "b.yaml").write_text("two")

        await reports(files, {"b.yaml": b"two"})


async def test_files_in_new_folders_are_reported(tmp_path: Path, stream: Opened) -> None:
    async with stream(tmp_path) as files:
        await batch(files)

        (tmp_path / "x" / "y").mkdir(parents=True)
        (tmp_path / "x" / "y" / "a.yaml").write_text("one")
        await reports(files, {"a.yaml": b"one"})

        (tmp_path / "x" / "y" / "a.yaml").write_text("two")
        await reports(files, {"a.yaml": b"two"})


async def test_a_folder_that_is_moved_away_takes_its_files_along(
    tmp_path: Path, stream: Opened
) -> None:
    mesh = tmp_path / "mesh"
    (mesh / "x").mkdir(parents=True)
    (mesh / "x" / "a.yaml").write_text("one")
    async with stream(mesh) as files:
        await batch(files)

        (mesh / "x").rename(tmp_path / "x")

        await reports(files, {"a.yaml": None})


async def test_a_missing_root_keeps_its_files_until_it_is_back(
    tmp_path: Path, stream: Opened
) -> None:
    mesh = tmp_path / "mesh"
    mesh.mkdir()
    (mesh / "a.yaml").write_text("one")
    (mesh / "b.yaml").write_text("one")
    async with stream(mesh) as files:
        await batch(files)

        shutil.rmtree(mesh)
        mesh.mkdir()
        (mesh / "b.yaml").write_text("two")

        texts: dict[str, bytes | Unreadable | None] = {}
        while texts.get("b.yaml") != b"two" or texts.get("a.yaml", b"") is not None:
            texts |= await batch(files)

        (mesh / "c.yaml").write_text("three")
        await reports(files, {"c.yaml": b"three"})


async def test_a_root_that_is_gone_is_reported_and_loses_nothing(
    tmp_path: Path, stream: Opened
) -> None:
    mesh = tmp_path / "mesh"
    mesh.mkdir()
    (mesh / "a.yaml").write_text("one")
    async with stream(mesh) as files:
        await batch(files)

        mesh.rename(tmp_path / "elsewhere")
        await reports(files, {"mesh": Unreadable("No such file or directory")})

        (tmp_path / "elsewhere").rename(mesh)
        await reports(files, {"mesh": None})


async def test_a_root_that_is_a_file_is_reported_again_when_it_is_back(
    tmp_path: Path, stream: Opened
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    async with stream(path) as files:
        await batch(files)

        path.rename(tmp_path / "b.yaml")
        await reports(files, {"a.yaml": Unreadable("No such file or directory")})

        (tmp_path / "b.yaml").rename(path)
        await reports(files, {"a.yaml": b"one"})


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_what_was_reported_is_what_is_there(
    tmp_path: Path, stream: Opened, seed: int
) -> None:
    chance = Random(seed)
    mesh = tmp_path / "mesh"
    mesh.mkdir()
    async with stream(mesh) as files:
        texts = {change.path: change.text for change in await anext(files)}
        for step in range(20):
            folder = mesh / chance.choice(["", "a", "a/b", "c"])
            with suppress(OSError):
                disturb(chance, folder, folder / f"{chance.choice('xyz')}.yaml", f"{step}")

        while texts != {change.path: change.text for change in loaded([mesh])}:
            for change in await asyncio.wait_for(anext(files), timeout=10):
                texts[change.path] = change.text
                if change.text is None:
                    del texts[change.path]


def disturb(chance: Random, folder: Path, file: Path, text: str) -> None:
    """One thing that people and programs do; many fail because of what was done before."""
    match chance.randrange(8):
        case 0 | 1:
            file.write_text(text)
        case 2:
            replace(file, text)
        case 3:
            file.unlink()
        case 4:
            folder.mkdir(parents=True)
        case 5:
            shutil.rmtree(folder)
            folder.mkdir()
        case 6 if folder.name != "mesh":
            folder.rename(folder.parent / chance.choice("acd"))
        case _:
            file.symlink_to(chance.choice(["x.yaml", "../x.yaml"]))


async def test_an_emptied_file_is_not_taken_for_an_empty_one_at_once(
    tmp_path: Path, stream: Opened
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    async with stream(tmp_path) as files:
        await batch(files)

        path.write_text("")
        (tmp_path / "b.yaml").write_text("seen after the emptying")
        await reports(files, {"b.yaml": b"seen after the emptying"})

        path.write_text("two")
        await reports(files, {"a.yaml": b"two"})


def test_a_file_that_somebody_writes_is_read_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    now = path.stat().st_mtime
    tree = Tree([tmp_path])
    tree.load(Moment(0, now))

    path.write_text("")
    tree.writing = frozenset({str(path)})
    while_it_is_empty = [tree.scan(Moment(after, now + after)) for after in (1, 5, 20)]
    path.write_text("half")
    while_it_is_half = tree.scan(Moment(25, now + 25))
    tree.writing = frozenset()
    path.write_text("whole")

    assert [*while_it_is_empty, while_it_is_half] == [(), (), (), ()]
    found = tree.recheck({str(path): True}, Moment(26, now + 26))
    assert found.changes == (Changed(path=path, text=b"whole"),)


def test_a_writer_that_never_closes_its_file_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    now = path.stat().st_mtime
    tree = Tree([tmp_path])
    tree.load(Moment(0, now))

    path.write_text("two")
    tree.writing = frozenset({str(path)})

    assert tree.scan(Moment(1, now + 1)) == ()
    assert tree.scan(Moment(31, now + 31)) == (Changed(path=path, text=b"two"),)


def test_a_file_of_which_content_changed_in_place_with_equal_size_and_time_is_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    os.utime(path, (1, 1))
    tree = Tree([tmp_path])
    tree.load(Moment(0, path.stat().st_ctime + 1))

    path.write_text("two")
    os.utime(path, (1, 1))

    assert tree.scan(Moment(2, path.stat().st_ctime + 1)) == (Changed(path=path, text=b"two"),)


async def test_a_pipe_that_comes_in_the_place_of_a_file_stops_nothing(
    tmp_path: Path, stream: Opened
) -> None:
    (tmp_path / "a.yaml").write_text("one")
    async with stream(tmp_path) as files:
        await batch(files)

        os.mkfifo(tmp_path / ".pipe")
        (tmp_path / ".pipe").rename(tmp_path / "a.yaml")
        await reports(files, {"a.yaml": None})
        await reports(files, {"a.yaml": Skipped("it is a named pipe, not a file")})

        (tmp_path / "b.yaml").write_text("two")
        await reports(files, {"b.yaml": b"two"})


def test_a_pipe_that_comes_while_a_file_is_read_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")

    def clock() -> Moment:
        """Is looked at before a file is read."""
        path.unlink()
        os.mkfifo(path)
        return Moment(0, 0)

    assert completed(Tree([tmp_path]).loading(Unnoticed(), clock)) == ()


async def test_what_changes_in_place_with_equal_size_and_time_is_reported(
    tmp_path: Path, stream: Opened
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    os.utime(path, (1, 1))
    async with stream(tmp_path) as files:
        await batch(files)

        path.write_text("two")
        os.utime(path, (1, 1))

        await reports(files, {"a.yaml": b"two"})


async def test_relative_paths_stay_as_they_were_given(
    tmp_path: Path, stream: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with stream(Path()) as files:
        await batch(files)

        (tmp_path / "a.yaml").write_text("one")

        assert await asyncio.wait_for(anext(files), timeout=10) == (
            Changed(path=Path("a.yaml"), text=b"one"),
        )
