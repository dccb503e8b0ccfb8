"""Files and folders behind links, as ConfigMaps are mounted.

Every wait is for an event, never for a time.
"""

import shutil
from pathlib import Path

from controlplane.documents.content import Unreadable
from tests.unit.sources.streams import Opened, batch, reports


async def test_a_configmap_that_is_swapped_is_one_batch(tmp_path: Path, stream: Opened) -> None:
    for version in ("1", "2", "3"):
        (tmp_path / f"..v{version}").mkdir()
        (tmp_path / f"..v{version}" / "a.yaml").write_text(f"a{version}")
        (tmp_path / f"..v{version}" / "b.yaml").write_text(f"b{version}")
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    (tmp_path / "b.yaml").symlink_to("..data/b.yaml")
    async with stream(tmp_path) as files:
        await reports(files, {"a.yaml": b"a1", "b.yaml": b"b1"})
        (tmp_path / "c.yaml").write_text("now everything is watched")
        await batch(files)

        for version in ("2", "3"):
            (tmp_path / "..new").symlink_to(f"..v{version}")
            (tmp_path / "..new").rename(tmp_path / "..data")
            await reports(
                files,
                {
                    "a.yaml": f"a{version}".encode(),
                    "b.yaml": f"b{version}".encode(),
                },
            )


async def test_a_root_that_is_a_link_follows_it(tmp_path: Path, stream: Opened) -> None:
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(version)
    (tmp_path / "mesh").symlink_to("1")
    async with stream(tmp_path / "mesh") as files:
        await reports(files, {"a.yaml": b"1"})

        (tmp_path / "next").symlink_to("2")
        (tmp_path / "next").rename(tmp_path / "mesh")

        await reports(files, {"a.yaml": b"2"})


async def test_what_a_link_leads_to_is_watched_too(tmp_path: Path, stream: Opened) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "a.yaml").write_text("one")
    (tmp_path / "mesh" / "a.yaml").symlink_to("../a.yaml")
    async with stream(tmp_path / "mesh") as files:
        await batch(files)

        (tmp_path / "a.yaml").write_text("two")

        await reports(files, {"a.yaml": b"two"})


async def test_a_link_that_is_swapped_on_the_way_to_a_file_or_folder_is_followed(
    tmp_path: Path, stream: Opened
) -> None:
    for version in ("1", "2"):
        (tmp_path / version / "more").mkdir(parents=True)
        (tmp_path / version / "a.yaml").write_text(f"a{version}")
        (tmp_path / version / "more" / "b.yaml").write_text(f"b{version}")
    (tmp_path / "current").symlink_to("1")
    mesh = tmp_path / "mesh"
    mesh.mkdir()
    (mesh / "a.yaml").symlink_to("../current/a.yaml")
    (mesh / "more").symlink_to(tmp_path / "current" / "more")
    async with stream(mesh) as files:
        await reports(files, {"a.yaml": b"a1", "b.yaml": b"b1"})

        (tmp_path / "next").symlink_to("2")
        (tmp_path / "next").rename(tmp_path / "current")

        await reports(files, {"a.yaml": b"a2", "b.yaml": b"b2"})


async def test_a_link_to_nothing_is_followed_when_there_is_something(
    tmp_path: Path, stream: Opened
) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "a.yaml").symlink_to("../a.yaml")
    async with stream(tmp_path / "mesh") as files:
        await reports(files, {})

        (tmp_path / "a.yaml").write_text("one")

        await reports(files, {"a.yaml": b"one"})


async def test_a_root_comes_back_with_all_the_folders_above_it(
    tmp_path: Path, stream: Opened
) -> None:
    mesh = tmp_path / "x" / "y" / "mesh"
    mesh.mkdir(parents=True)
    (mesh / "a.yaml").write_text("one")
    async with stream(mesh) as files:
        await batch(files)

        shutil.rmtree(tmp_path / "x")
        await reports(files, {"mesh": Unreadable("No such file or directory")})
        mesh.mkdir(parents=True)
        (mesh / "a.yaml").write_text("two")

        await reports(files, {"mesh": None, "a.yaml": b"two"})


async def test_another_name_of_a_file_counts_when_the_first_is_gone(
    tmp_path: Path, stream: Opened
) -> None:
    (tmp_path / "a.yaml").write_text("one")
    (tmp_path / "b.yaml").hardlink_to(tmp_path / "a.yaml")
    async with stream(tmp_path) as files:
        await reports(files, {"a.yaml": b"one"})

        (tmp_path / "a.yaml").unlink()

        await reports(files, {"a.yaml": None, "b.yaml": b"one"})
