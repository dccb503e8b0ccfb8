"""An internal error costs one object its edit, says so, and heals; nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import Namespace, ObjectKey
from controlplane.documents.content import FileContent, file_objects
from controlplane.documents.document import Document, Origin, RawObject
from controlplane.engine.engine import Engine
from controlplane.engine.file_reader import FileReader, Reading, declaration, read
from controlplane.engine.internal_errors import loggable, reported
from controlplane.engine.whole_changes import Trial
from controlplane.graph import Fault, Graph
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.queries.policy.locality_use import uses_of_rule
from tests.support.memory import Memory

KEY = ObjectKey(DESTINATION_RULE, Namespace("default"), "reviews")
OTHER = ObjectKey(DESTINATION_RULE, Namespace("default"), "ratings")
FILE = Path("rules.yaml")
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def rule(name: str, balancer: str = "RANDOM") -> bytes:
    return f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}}}
spec: {{host: {name}, trafficPolicy: {{loadBalancer: {{simple: {balancer}}}}}}}
---
""".encode()


def balancer(engine: Engine, key: ObjectKey) -> str | None:
    found = engine.object(key)
    return None if found is None else found.spec.traffic_policy.load_balancer.simple.value


def failing(name: str, key: ObjectKey = KEY) -> Callable[..., Any]:
    """Lets the function or index of this name raise for the object."""

    def around(function: Any, graph: Graph, *args: Any) -> Any:
        if function.name == name and key in (args[0], getattr(args[0], "key", None)):
            raise ValueError("boom")
        return function.function(graph, *args)

    return around


def internal(engine: Engine) -> list[str]:
    engine.analyse()
    return [f"{d.place}: {d.message}" for d in engine.diagnostics() if d.code.id == "CP0601"]


@pytest.fixture
def engine() -> Engine:
    return Engine(MeshConfig(), now=NOW)


def test_an_object_that_decoding_fails_on_is_refused_with_CP0601() -> None:  # noqa: N802  # the code
    heard: list[Fault] = []
    raw = RawObject(
        key=KEY,
        api_version="networking.istio.io/v1",
        body=None,  # type: ignore[arg-type]  # what no document gives
        origin=Origin(path=FILE, document=0),
    )

    declared = declaration(raw, heard.append)

    assert [found.code.id for found in declared.diagnostics] == ["CP0601"]
    assert declared.is_refused
    assert declared.object is None
    assert [fault.args for fault in heard] == [(KEY,)]


def test_a_document_that_reading_fails_on_leaves_the_others_of_its_file() -> None:
    heard: list[Exception] = []
    text = rule("ratings") + rule("reviews")
    chunk = file_objects(FILE, text).documents[1].chunk
    strange = Document(index=7, chunk=chunk, objects=None)  # type: ignore[arg-type]  # never read so
    before = FileContent(path=FILE, documents=(strange,), objects=(), diagnostics=(), complete=True)

    content = file_objects(FILE, text, before, heard.append)

    assert [raw.key for raw in content.objects] == [OTHER]
    assert [f"{d.code} {d.place}" for d in content.diagnostics] == [
        f"CP0601 {SourceLocation(FILE, 5)}"
    ]
    assert not content.complete
    assert len(heard) == 1
    assert [raw.key for raw in file_objects(FILE, text, content).objects] == [OTHER, KEY]


def test_a_file_that_reading_fails_on_is_read_again_and_reported_once() -> None:
    heard: list[Fault] = []
    reader = FileReader(heard.append)
    strange: Any = 5  # what no source gives

    for _ in range(2):
        outcome = read(Reading(path=FILE, text=strange, previous=None, declared=()))
        reader.remember(outcome)
        assert [d.code.id for d in outcome.content.diagnostics] == ["CP0601"]
        assert outcome.declarations == ()

    assert [fault.args for fault in heard] == [(FILE,)]
    assert reader.unread() == {FILE: 5}

    reader.remember(read(Reading(path=FILE, text=rule("reviews"), previous=None, declared=())))

    assert reader.unread() == {}


def test_an_object_that_an_index_fails_on_stays_as_it_was_until_the_next_edit(
    engine: Engine,
) -> None:
    engine.apply([(FILE, rule("reviews") + rule("ratings"))])
    engine.graph.around = failing("selecting_rules")

    edit = engine.apply([(FILE, rule("reviews", "ROUND_ROBIN") + rule("ratings", "ROUND_ROBIN"))])

    assert edit.refused == (KEY,)
    assert edit.put == (OTHER,)
    assert (balancer(engine, KEY), balancer(engine, OTHER)) == ("RANDOM", "ROUND_ROBIN")
    assert internal(engine) == [
        f"{FieldRef(KEY)}: internal error while accepting this object (please report it): "
        "ValueError: boom"
    ]
    assert [fault.args for fault in engine.take_faults()] == [(KEY,)]

    engine.apply([(Path("other.yaml"), b"")])
    assert engine.take_faults() == ()

    engine.graph.around = None
    edit = engine.apply([(Path("other.yaml"), b"# edited")])

    assert edit.put == (KEY,)
    assert balancer(engine, KEY) == "ROUND_ROBIN"
    assert internal(engine) == []


def test_values_of_an_index_that_cannot_be_sorted_are_used_and_reported_once(
    engine: Engine,
) -> None:
    def mixed(function: Any, graph: Graph, *args: Any) -> Any:
        if function.name == "uses_of_rule":
            return {("mesh", 1 if args[0].key == KEY else "text")}
        return function.function(graph, *args)

    engine.graph.around = mixed
    engine.apply([(FILE, rule("reviews") + rule("ratings"))])

    assert uses_of_rule(engine.graph, "mesh") == ("text", 1)
    assert [(fault.function, fault.args) for fault in engine.take_faults()] == [
        ("order of uses_of_rule", ("mesh",))
    ]

    engine.apply([(Path("another.yaml"), rule("another"))])
    assert engine.take_faults() == ()

    engine.apply([(FILE, rule("ratings"))])  # now they can be
    engine.apply([(FILE, rule("reviews") + rule("ratings"))])
    assert len(engine.take_faults()) == 1


def test_an_object_that_an_index_fails_on_stays_when_its_file_goes_until_the_next_edit(
    engine: Engine,
) -> None:
    engine.apply([(FILE, rule("reviews"))])
    engine.graph.around = failing("rules_of_host")
    engine.apply([(FILE, None)])
    assert balancer(engine, KEY) == "RANDOM"

    engine.graph.around = None
    engine.set_clock(NOW)

    assert engine.object(KEY) is None


def test_a_function_that_fails_on_an_object_is_reported_there_until_it_does_not(
    engine: Engine,
) -> None:
    engine.graph.around = failing("reported_rule")
    engine.apply([(FILE, rule("reviews") + rule("ratings"))])

    assert internal(engine) == [
        f"{FieldRef(KEY)}: internal error while using this object (please report it): "
        "ValueError: boom in reported_rule"
    ]

    engine.graph.around = None
    engine.apply([(Path("other.yaml"), b"")])

    assert internal(engine) == []


def test_an_error_about_a_secret_is_shown_and_logged_without_its_text() -> None:
    key = ObjectKey(SECRET, Namespace("default"), "shop")
    fault = Fault("reading", (("nested", (key,)),), ValueError("-----BEGIN PRIVATE KEY-----"))

    (found,) = reported([fault], {key: object()}.get)
    assert found.place == FieldRef(key)
    assert "BEGIN" not in found.message
    assert str(loggable(fault)) == "ValueError"


def test_an_error_about_no_object_is_reported_without_a_place() -> None:
    fault = Fault("merging", (1,), ValueError("boom"))

    (found,) = reported([fault], {}.get)

    assert found.message == (
        "internal error while computing configuration (please report it): ValueError in merging"
    )


@pytest.mark.parametrize("is_first", [True, False])
def test_an_error_in_what_decides_what_waits_costs_the_wait_alone(
    monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    def boom(*_: object) -> None:
        raise ValueError("boom")

    memory = Memory()
    engine = Engine(MeshConfig(), now=NOW, accepted=memory)
    engine.load([(FILE, rule("reviews"))])
    monkeypatch.setattr(Trial, "held", boom)
    if is_first:
        engine = Engine(MeshConfig(), now=NOW, accepted=memory)
        engine.load([(FILE, rule("reviews", "ROUND_ROBIN"))])
    else:
        engine.apply_whole([(FILE, rule("reviews", "ROUND_ROBIN"))])

    assert balancer(engine, KEY) == "ROUND_ROBIN"
    assert [fault.function for fault in engine.take_faults()] == ["what waits"]
