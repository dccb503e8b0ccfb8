"""What happens to the memory of accepted objects while a control plane runs, or before, costs that
memory alone.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.mesh import ControlPlane
from tests.unit.test_the_world import events, good, holds, refused, serving


def no_database(file: Path) -> None:
    file.write_bytes(b"\x00\xff" * 9000)


def another_schema(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")


def rows_of_no_json(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE accepted SET body = x'7b'")


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("spoil", "reported"),
    [
        (no_database, ["accepted_forgotten", "accepted_kept_again"]),
        (another_schema, ["accepted_forgotten", "accepted_kept_again"]),
        (rows_of_no_json, ["accepted_row_unusable"]),
        (a_folder, ["accepted_unusable"]),
    ],
)
def test_a_memory_that_cannot_be_used_costs_the_memory(
    tmp_path: Path, spoil: Callable[[Path], None], reported: list[str]
) -> None:
    plane = ControlPlane(tmp_path)
    (plane.config / "a.yaml").write_text(good("a"))
    with serving(plane) as running:
        holds(plane, running, a="a.yaml")
    spoil(plane.state / "accepted.db")
    (plane.config / "a.yaml").write_text(refused("a"))

    with serving(plane) as running:
        (plane.config / "b.yaml").write_text(good("b"))
        holds(plane, running, b="b.yaml")
        (plane.config / "a.yaml").write_text(good("a"))
        holds(plane, running, a="a.yaml", b="b.yaml")

    assert events(plane) == reported


def test_a_memory_that_another_process_holds_costs_the_memory(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path)
    (plane.config / "a.yaml").write_text(good("a"))
    with serving(plane) as running:
        holds(plane, running, a="a.yaml")
    (plane.config / "a.yaml").write_text(refused("a"))

    with closing(sqlite3.connect(plane.state / "accepted.db")) as database:
        database.execute("BEGIN EXCLUSIVE")
        with serving(plane) as running:
            (plane.config / "b.yaml").write_text(good("b"))
            holds(plane, running, b="b.yaml")

    assert events(plane) == ["accepted_unusable"]


def test_a_state_directory_that_is_deleted_while_serving_costs_nothing_served(
    tmp_path: Path,
) -> None:
    plane = ControlPlane(tmp_path)
    (plane.config / "a.yaml").write_text(good("a"))
    with serving(plane) as running:
        holds(plane, running, a="a.yaml")
        plane.state.rename(tmp_path / "gone")  # at once: another deletion may be seen in its midst
        (plane.config / "b.yaml").write_text(good("b"))
        holds(plane, running, a="a.yaml", b="b.yaml")
        running.eventually(
            "it is reported", lambda: events(plane) == ["accepted_lost", "accepted_kept_again"]
        )

    (plane.config / "a.yaml").write_text(refused("a"))
    with serving(plane) as running:
        holds(plane, running, a="a.yaml", b="b.yaml")
