"""The memory of accepted objects: whatever the world does to its file, it costs memory alone."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from structlog.testing import capture_logs

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.documents.document import Origin, RawObject
from controlplane.sources.accepted import AcceptedObjects
from tests.support.properties import examples

NOBODY = 65534


def raw(name: str, **body: object) -> RawObject:
    return RawObject(
        key=ObjectKey(Kind("", "Service"), Namespace("default"), name),
        api_version="v1",
        body=body or {"name": name},
        origin=Origin(path=Path(f"mesh/{name}.yaml"), document=0),
    )


A, B, C = raw("a"), raw("b"), raw("c")


def kept(file: Path, *objects: RawObject) -> None:
    """Let an earlier run have accepted ``objects``."""
    accepted = AcceptedObjects(file)
    accepted.save(objects, ())
    accepted.close()


def remembered(file: Path) -> list[str]:
    """What a later run finds of ``A``, ``B`` and ``C``."""
    accepted = AcceptedObjects(file)
    found = [o.key.name for o in (A, B, C) if accepted.of_key(o.key) == o]
    accepted.close()
    return found


def keep(accepted: AcceptedObjects, *everything: RawObject) -> None:
    asyncio.run(accepted.keep(lambda: everything))


def events(logs: list[dict[str, object]]) -> list[object]:
    return [entry["event"] for entry in logs]


def test_what_was_accepted_is_known_by_object_and_by_file(tmp_path: Path) -> None:
    kept(tmp_path / "accepted.db", A, B)
    accepted = AcceptedObjects(tmp_path / "accepted.db")

    assert accepted.of_key(A.key) == A
    assert accepted.of_key(C.key) is None
    assert accepted.of_file(Path("mesh/b.yaml")) == (B,)
    accepted.close()


def test_what_is_removed_is_forgotten(tmp_path: Path) -> None:
    kept(tmp_path / "accepted.db", A, B)
    accepted = AcceptedObjects(tmp_path / "accepted.db")
    accepted.save((C,), (A.key,))
    accepted.close()

    assert remembered(tmp_path / "accepted.db") == ["b", "c"]


def no_database(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 40)


def a_truncated_database(file: Path) -> None:
    kept(file, *(raw(f"x{n}", text="long " * 100) for n in range(100)))
    os.truncate(file, file.stat().st_size // 2)


def a_foreign_database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE accepted (id INTEGER PRIMARY KEY, email TEXT)")


def a_newer_database(file: Path) -> None:
    kept(file, A)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 2")


@pytest.mark.parametrize(
    "spoil", [no_database, a_truncated_database, a_foreign_database, a_newer_database]
)
def test_a_file_that_is_no_memory_is_set_aside_and_reported_once(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    file = tmp_path / "accepted.db"
    spoil(file)
    before = file.read_bytes()

    with capture_logs() as logs:
        accepted = AcceptedObjects(file)
        assert accepted.of_key(A.key) is None
        accepted.save((A,), ())
        keep(accepted, A, B)
        accepted.close()

    assert events(logs) == ["accepted_forgotten", "accepted_kept_again"]
    assert logs[0]["effect"] == "objects that are broken now have no accepted version"
    assert (tmp_path / "accepted.db.unusable").read_bytes() == before
    assert remembered(file) == ["a", "b"]


def test_what_was_set_aside_stays(tmp_path: Path) -> None:
    file = tmp_path / "accepted.db"
    for content in (b"first" * 100, b"second" * 100):
        file.write_bytes(content)
        AcceptedObjects(file).close()

    assert (tmp_path / "accepted.db.unusable").read_bytes() == b"first" * 100
    assert (tmp_path / "accepted.db.unusable-2").read_bytes() == b"second" * 100


def test_an_older_memory_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "accepted.db"
    kept(file, A)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 0")

    with capture_logs() as logs:
        assert remembered(file) == ["a"]
    assert logs == []


def test_a_memory_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "accepted.db"
    kept(file, A)
    file.chmod(0o644)

    assert remembered(file) == ["a"]
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"a": ' + b"[" * 100_000, "maximum recursion depth"),
        (b'{"a": "\xff"}', "utf-8"),
        ("{}", "not the types of an accepted object"),
    ],
)
def test_a_row_that_is_no_object_costs_that_object(
    tmp_path: Path, body: bytes | str, reason: str
) -> None:
    file = tmp_path / "accepted.db"
    kept(file, A, B)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE accepted SET body = ? WHERE name = 'a'", (body,))

    with capture_logs() as logs:
        accepted = AcceptedObjects(file)
        found = [accepted.of_key(key) for key in (A.key, A.key, B.key)]
        accepted.close()

    assert found == [None, None, B]
    assert events(logs) == ["accepted_row_unusable"]
    assert logs[0]["object"] == "Service default/a"
    assert reason.lower() in logs[0]["reason"].lower()


def test_an_object_that_cannot_be_written_costs_that_object(tmp_path: Path) -> None:
    accepted = AcceptedObjects(tmp_path / "accepted.db")
    with capture_logs() as logs:
        accepted.save((raw("a", text="\udcff"), B), ())
        accepted.close()

    assert events(logs) == ["accepted_row_unusable"]
    assert remembered(tmp_path / "accepted.db") == ["b"]


def test_of_two_control_planes_the_second_runs_without_memory(tmp_path: Path) -> None:
    file = tmp_path / "accepted.db"
    kept(file, A)
    first = AcceptedObjects(file)

    with capture_logs() as logs:
        second = AcceptedObjects(file)
        assert second.of_key(A.key) is None
        second.save((B,), ())
        keep(second)
        second.save((), (A.key,))
        keep(second)
    assert events(logs) == ["accepted_unusable"]
    assert logs[0]["reason"] == "database is locked"

    first.close()
    with capture_logs() as logs:
        keep(second)
    assert events(logs) == ["accepted_kept_again"]
    second.close()
    assert remembered(file) == ["b"]


def test_a_memory_that_is_deleted_while_running_is_written_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    accepted = AcceptedObjects(state / "accepted.db")
    accepted.save((A, B), ())
    keep(accepted)
    shutil.rmtree(state)

    with capture_logs() as logs:
        accepted.save((C,), (A.key,))
        keep(accepted, B, C)
    assert events(logs) == ["accepted_lost", "accepted_kept_again"]

    accepted.close()
    assert remembered(state / "accepted.db") == ["b", "c"]
    assert state.stat().st_mode & 0o077 == 0


def test_a_memory_that_breaks_while_running_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "accepted.db"
    kept(file, *(raw(f"x{n}", text="long " * 100) for n in range(100)))
    accepted = AcceptedObjects(file)
    with file.open("r+b") as spoilt:
        spoilt.seek(4096)
        spoilt.write(b"\xff" * 40_000)

    with capture_logs() as logs:
        assert accepted.of_key(raw("x50").key) is None
        keep(accepted, A)
    assert events(logs) == ["accepted_forgotten", "accepted_kept_again"]

    accepted.close()
    assert remembered(file) == ["a"]


@contextmanager
def not_as_root() -> Iterator[Path]:
    """A folder in which this process may do only what anybody may."""
    with tempfile.TemporaryDirectory() as folder:
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            if is_root:
                os.seteuid(0)


def test_a_memory_that_is_read_only_is_read() -> None:
    with not_as_root() as folder:
        file = folder / "accepted.db"
        kept(file, A)
        file.chmod(0o400)

        with capture_logs() as logs:
            accepted = AcceptedObjects(file)
            assert accepted.of_key(A.key) == A
            accepted.save((B,), ())
            keep(accepted)
            keep(accepted)
        assert events(logs) == ["accepted_unusable"]
        assert "Permission denied" in logs[0]["reason"]

        file.chmod(0o600)
        accepted.close()
        assert remembered(file) == ["a", "b"]


def test_a_folder_in_its_place_costs_the_memory(tmp_path: Path) -> None:
    (tmp_path / "accepted.db").mkdir()

    with capture_logs() as logs:
        accepted = AcceptedObjects(tmp_path / "accepted.db")
        accepted.save((A,), ())
        keep(accepted)
        accepted.close()

    assert events(logs) == ["accepted_unusable"]


@settings(max_examples=examples(60))
@given(data=st.data())
def test_whatever_bytes_a_memory_has_nothing_raises(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "accepted.db"
        kept(file, A, B)
        content = bytearray(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 20))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at : at + data.draw(st.integers(0, 300))] = data.draw(st.binary(max_size=300))
        file.write_bytes(content)

        accepted = AcceptedObjects(file)
        accepted.of_key(A.key)
        tuple(accepted.of_file(Path("mesh/b.yaml")))
        accepted.save((C,), ())
        keep(accepted, A, C)
        accepted.close()
