"""Most of a mesh is never removed at once without being asked for; a few objects always are."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from controlplane.engine.edit import Edit
from controlplane.engine.engine import Engine
from controlplane.engine.removals import BURST
from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.memory import Memory
from tests.support.properties import examples

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME, namespace: default}
spec:
  hosts: [NAME.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
"""
NAMES = tuple("abcdefghij")
PAUSES = st.integers(0, int(BURST * 1024)).map(lambda count: count / 1024)
"""Up to a burst, in seconds that add up without rounding."""


def path(name: str) -> Path:
    return Path(f"{name}.yaml")


def entry(name: str) -> str:
    return ENTRY.replace("NAME", name)


def engine_with(names: Sequence[str], memory: Memory | None = None) -> Engine:
    engine = Engine(MeshConfig(), now=NOW, accepted=memory, guards_removals=True)
    engine.load([(path(name), entry(name)) for name in names])
    return engine


def unlink(engine: Engine, names: Sequence[str], moment: float = 0.0) -> Edit:
    return engine.apply_whole([(path(name), None) for name in names], moment)


def in_force(engine: Engine) -> str:
    """The names of the objects in force, in order."""
    return "".join(sorted(raw.key.name for raw in engine.accepted()))


def test_a_removal_of_most_objects_is_held_and_can_be_confirmed() -> None:
    engine = engine_with(NAMES)

    edit = unlink(engine, NAMES[:6])

    assert not edit.removed
    assert "".join(key.name for key in edit.held) == "abcdef"
    assert in_force(engine) == "abcdefghij"

    confirmed = engine.confirm_removal()

    assert len(confirmed.removed) == 6
    assert in_force(engine) == "ghij"
    assert engine.held_removals == ()


@pytest.mark.parametrize(
    ("there", "removed"),
    [
        pytest.param("abcdefghij", "abcde", id="half of them"),
        pytest.param("abc", "abc", id="all of three"),
        pytest.param("abcd", "abc", id="three of four"),
    ],
)
def test_a_few_objects_or_no_more_than_half_are_removed_at_once(there: str, removed: str) -> None:
    engine = engine_with(there)

    edit = unlink(engine, removed)

    assert len(edit.removed) == len(removed)
    assert engine.held_removals == ()


def test_what_is_added_and_changed_beside_a_held_removal_is_taken() -> None:
    engine = engine_with(NAMES)

    edit = engine.apply_whole(
        [
            *((path(name), None) for name in NAMES[1:]),
            (path("a"), entry("a").replace("number: 80", "number: 81")),
            (path("x"), entry("x")),
        ]
    )

    assert sorted(key.name for key in edit.put) == ["a", "x"]
    assert in_force(engine) == "abcdefghijx"


def test_a_file_that_is_emptied_removes_its_objects_as_one_that_is_deleted() -> None:
    engine = engine_with(NAMES)

    engine.apply_whole([(path(name), "") for name in NAMES])

    assert in_force(engine) == "abcdefghij"


def test_objects_that_are_declared_again_are_not_held_any_longer() -> None:
    engine = engine_with(NAMES)
    unlink(engine, NAMES)

    engine.apply_whole([(path("other"), "---".join(map(entry, NAMES[:9])))])

    assert [key.name for key in engine.held_removals] == ["j"]
    engine.confirm_removal()
    assert in_force(engine) == "abcdefghi"


def test_files_that_go_later_are_another_removal() -> None:
    engine = engine_with(NAMES)

    unlink(engine, NAMES[:4], moment=0.0)
    unlink(engine, NAMES[4:7], moment=2 * BURST)

    assert in_force(engine) == "hij"


@settings(max_examples=examples(60))
@given(
    order=st.permutations(NAMES),
    sizes=st.lists(st.integers(1, 4), min_size=10, max_size=10),
    pauses=st.lists(PAUSES, min_size=10, max_size=10),
)
def test_all_of_a_mesh_stays_however_its_files_go(
    order: list[str], sizes: list[int], pauses: list[float]
) -> None:
    engine = engine_with(NAMES)
    left, moment = list(order), 0.0
    while left:
        piece, left = left[: sizes[0]], left[sizes.pop(0) :]
        unlink(engine, piece, moment)
        moment += pauses.pop()

    assert in_force(engine) == "abcdefghij"
    assert sorted(key.name for key in engine.held_removals) == list(NAMES)


def test_a_start_without_files_serves_what_was_accepted_last_and_forgets_nothing() -> None:
    memory = Memory()
    engine_with(NAMES, memory)

    for _ in range(2):
        engine = engine_with((), memory)

        assert in_force(engine) == "abcdefghij"
        assert len(engine.held_removals) == 10
        assert engine.claimed() == frozenset(memory.keys())


def test_a_start_without_a_few_files_removes_their_objects() -> None:
    memory = Memory()
    engine_with(NAMES, memory)

    engine = engine_with(NAMES[3:], memory)

    assert in_force(engine) == "defghij"
    assert engine.held_removals == ()


@pytest.mark.parametrize(
    ("files", "all_of_them"),
    [
        pytest.param("uvwx", "abcdefghijuvwx", id="others were added"),
        pytest.param("ab", "abcdefghij", id="some came back"),
    ],
)
def test_a_removal_that_is_held_stays_so_over_restarts_until_it_is_confirmed(
    files: str, all_of_them: str
) -> None:
    memory = Memory()
    engine = engine_with(NAMES, memory)
    unlink(engine, NAMES[:6])
    engine.apply_whole([(path(name), entry(name)) for name in files])
    held = engine.held_removals

    for _ in range(2):
        engine = engine_with("ghij" + files, memory)
        assert in_force(engine) == all_of_them
        assert engine.held_removals == held

    engine.confirm_removal()
    assert in_force(engine) == in_force(engine_with("ghij" + files, memory))


def test_an_object_that_was_held_and_came_back_is_removed_like_any_other() -> None:
    memory = Memory()
    engine = engine_with(NAMES, memory)
    unlink(engine, NAMES)
    engine.apply_whole([(path(name), entry(name)) for name in NAMES])

    engine = engine_with(NAMES[1:], memory)

    assert (in_force(engine), engine.held_removals) == ("bcdefghij", ())


def test_what_is_left_beside_a_held_removal_is_guarded_as_a_mesh_of_its_own() -> None:
    engine = engine_with(NAMES)

    unlink(engine, NAMES[:6], moment=0.0)
    unlink(engine, NAMES[6:], moment=10 * BURST)

    assert in_force(engine) == "abcdefghij"


def test_what_cannot_be_read_of_an_earlier_run_is_not_reported_as_in_force() -> None:
    memory = Memory()
    engine_with(NAMES, memory)
    for key, raw in tuple(memory.objects.items()):
        memory.objects[key] = replace(raw, body={**raw.body, "spec": 3})

    engine = engine_with((), memory)
    assert (engine.held_removals, len(memory.keys())) == ((), 10)

    engine.confirm_removal()
    assert memory.keys() == ()


def test_without_the_guard_everything_is_removed_at_once() -> None:
    memory = Memory()
    engine_with(NAMES, memory)
    engine = Engine(MeshConfig(), now=NOW, accepted=memory)
    engine.load([(path(name), entry(name)) for name in NAMES])

    unlink(engine, NAMES)

    assert in_force(engine) == ""
