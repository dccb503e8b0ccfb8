"""What is in the folders and is no file that can be read: it costs nothing but a diagnostic."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane.documents.content import Skipped, TooLarge, Unreadable, file_objects
from controlplane.sources import tree as trees
from controlplane.sources.load import loaded
from controlplane.sources.tree import Changed, Moment, Tree
from tests.unit.sources.streams import Opened, batch, reports

GOOD = b"apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def a_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_link_to_its_folder(path: Path) -> None:
    path.symlink_to(".")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (a_pipe, "it is a named pipe, not a file"),
        (a_socket, "it is a socket, not a file"),
        (a_link_to_a_device, "it is a device, not a file"),
        (a_link_to_a_pipe, "it is a named pipe, not a file"),
        (a_link_to_itself, "the links lead in a circle"),
        (a_link_to_its_folder, "the link leads back to a folder that it is in"),
    ],
)
def test_what_is_no_file_is_never_opened_and_reported_by_its_path(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    (tmp_path / "good.yaml").write_bytes(GOOD)
    make(Path("odd.yaml"))
    opened: list[str] = []
    kept = trees._without_waiting

    def noted(path: str, flags: int) -> int:
        opened.append(path)
        return kept(path, flags)

    monkeypatch.setattr(trees, "_without_waiting", noted)
    odd, good = loaded([Path()])

    assert odd == Changed(path=Path("odd.yaml"), text=Skipped(reason))
    assert good == Changed(path=Path("good.yaml"), text=GOOD)
    assert opened == ["./good.yaml"]


def test_a_root_that_is_no_file_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert loaded([tmp_path / "pipe"]) == (
        Changed(path=tmp_path / "pipe", text=Skipped("it is a named pipe, not a file")),
    )


def test_what_is_skipped_is_a_warning() -> None:
    content = file_objects(Path("a.yaml"), Skipped("it is a device, not a file"))

    assert content.complete
    assert [f"{d.code} {d.code.severity.value}: {d.message}" for d in content.diagnostics] == [
        "CP0114 warning: skipped: it is a device, not a file"
    ]


async def test_a_pipe_is_reported_when_it_comes_and_until_it_goes(
    tmp_path: Path, stream: Opened
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    pipe = Skipped("it is a named pipe, not a file")
    async with stream(tmp_path) as files:
        await batch(files)

        path.unlink()
        os.mkfifo(path)
        await reports(files, {"a.yaml": None})
        await reports(files, {"a.yaml": pipe})

        path.unlink()
        (tmp_path / "b.yaml").write_text("b")
        seen: dict[str, object] = {}
        while seen.keys() != {"a.yaml", "b.yaml"}:
            seen |= await batch(files)
        assert seen == {"a.yaml": None, "b.yaml": b"b"}


def test_a_file_that_takes_the_place_of_a_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    os.mkfifo(path)
    tree = Tree([tmp_path])
    tree.load(Moment(0, 0))

    path.unlink()
    path.write_text("one")
    at = path.stat().st_mtime + 1

    assert tree.scan(Moment(1, at)) == (Changed(path=path, text=b"one"),)


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)
    before = path.stat().st_atime_ns

    assert loaded([tmp_path]) == (Changed(path=path, text=TooLarge()),)
    assert path.stat().st_atime_ns == before
    content = file_objects(path, TooLarge())
    assert [f"{d.code}: {d.message}" for d in content.diagnostics] == [
        "CP0105: the file is larger than 16 MiB"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(GOOD)
    path.chmod(0)

    assert loaded([tmp_path]) == (Changed(path=path, text=Unreadable("Permission denied")),)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"\xef\xbb\xbf" + GOOD, []),
        (GOOD.replace(b"\n", b"\r\n"), []),
        (GOOD + b"# \xff\n", ["CP0110: the byte 0xff is not UTF-8"]),
        (GOOD.decode().encode("utf-16"), ["CP0110: the file is UTF-16; YAML files are read as UTF-8"]),  # noqa: E501  # a row of a table
        (GOOD + b"\0\n", ["CP0101: the character U+0000 is not allowed in YAML"]),
    ],
    ids=["byte order mark", "lines as on Windows", "not UTF-8", "UTF-16", "a zero byte"],
)  # fmt: skip
def test_encodings(tmp_path: Path, text: bytes, found: list[str]) -> None:
    (tmp_path / "a.yaml").write_bytes(text)
    (tmp_path / "b.yaml").write_bytes(GOOD)

    read = [file_objects(c.path, c.text) for c in loaded([tmp_path]) if isinstance(c.text, bytes)]

    assert [f"{d.code}: {d.message}" for d in read[0].diagnostics] == found
    assert len(read[1].objects) == 1


@pytest.mark.parametrize("days", [-36500, -1, 1, 3650])
async def test_a_change_is_seen_whatever_the_time_of_the_file_is(
    tmp_path: Path, stream: Opened, days: int
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    at = path.stat().st_mtime + days * 86_400
    async with stream(tmp_path) as files:
        await batch(files)

        path.write_text("two")
        os.utime(path, (at, at))
        await reports(files, {"a.yaml": b"two"})

        path.write_text("three")
        os.utime(path, (at, at))
        await reports(files, {"a.yaml": b"three"})
