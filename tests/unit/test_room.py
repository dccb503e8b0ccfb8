"""How many documents a file and how many objects all files together may have."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig

NOW = datetime(2026, 11, 29, tzinfo=UTC)
A, B, C = Path("a.yaml"), Path("b.yaml"), Path("c.yaml")


def entry(name: str, host: str = "x") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}}}
spec: {{hosts: [{host}.{name}.example.com], ports: [{{number: 80, name: http, protocol: HTTP}}],
  resolution: DNS}}
"""


def entries(*names: str, host: str = "x") -> bytes:
    return "---\n".join(entry(name, host) for name in names).encode()


@pytest.fixture
def engine() -> Engine:
    return Engine(MeshConfig(), now=NOW, max_objects=3)


def said(engine: Engine) -> list[str]:
    return [f"{d.code.id} {d.place.path} {d.message}" for d in engine.diagnostics()]


def in_force(engine: Engine) -> list[str]:
    return sorted(raw.key.name for raw in engine.accepted())


def test_a_file_that_does_not_fit_is_left_out_and_said_once(engine: Engine) -> None:
    engine.load([(A, entries("one", "two")), (B, entries("five", "six")), (C, entries("three"))])

    assert in_force(engine) == ["one", "three", "two"]
    assert said(engine) == [
        "CP0113 b.yaml left out, this file first: 2 objects of 1 file; at most 3 objects are "
        "taken, and the other files have 3"
    ]


def test_of_many_files_that_do_not_fit_the_first_is_named(engine: Engine) -> None:
    engine.load(
        [(A, entries("one", "two")), (C, entries("five", "six")), (B, entries("seven", "eight"))]
    )

    assert [text.split(";")[0] for text in said(engine)] == [
        "CP0113 b.yaml left out, this file first: 4 objects of 2 files"
    ]


def test_a_file_that_grows_too_large_keeps_what_it_declared(engine: Engine) -> None:
    engine.load([(A, entries("one", "two")), (B, entries("three"))])
    edit = engine.apply_whole([(B, entries("three", "four", host="new"))])

    assert (edit.put, edit.removed, in_force(engine)) == ((), (), ["one", "three", "two"])
    assert [text.split()[0] for text in said(engine)] == ["CP0113"]


def test_a_file_is_taken_as_soon_as_there_is_room(engine: Engine) -> None:
    engine.load([(A, entries("one", "two")), (B, entries("five", "six"))])
    edit = engine.apply_whole([(A, entries("one"))])

    assert sorted(key.name for key in edit.put) == ["five", "six"]
    assert (in_force(engine), said(engine)) == (["five", "one", "six"], [])


def test_a_file_that_is_gone_makes_room(engine: Engine) -> None:
    engine.load([(A, entries("one", "two")), (B, entries("five", "six"))])
    engine.apply_whole([(A, None)])

    assert (in_force(engine), said(engine)) == (["five", "six"], [])


def test_a_file_that_did_not_fit_and_is_gone_is_not_mentioned(engine: Engine) -> None:
    engine.load([(A, entries("one", "two")), (B, entries("five", "six"))])
    engine.apply_whole([(B, None)])

    assert (in_force(engine), said(engine)) == (["one", "two"], [])


def test_a_file_has_5000_documents_and_keeps_what_it_declared_when_it_has_more() -> None:
    engine = Engine(MeshConfig(), now=NOW)
    engine.load([(A, entries("one") + b"---\n" * 4_999)])
    before = said(engine)
    engine.apply_whole([(A, entries("one", host="new") + b"---\n" * 5_000)])

    assert (before, in_force(engine)) == ([], ["one"])
    assert said(engine) == ["CP0112 a.yaml the file has more than 5,000 documents, counted to here"]
    assert [d.place.line for d in engine.diagnostics()] == [5_005]
