"""A change from one consistent mesh to another, cut into pieces in any order: no piece of it makes
a reference lead nowhere, and at the end all of it is in force.
"""

from pathlib import Path

from hypothesis import given, settings, strategies as st

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.queries.analysis.references import broken_references
from tests.support.cases import NOW
from tests.support.changing_mesh import gateway, route, rule
from tests.support.properties import examples
from tests.unit.test_whole_changes import service

Files = dict[str, str]


@st.composite
def meshes(draw: st.DrawFn) -> Files:
    """A mesh in which every reference leads somewhere; each object is in a file of a free name."""
    name = draw(st.sampled_from(["gw", "other"]))
    host = draw(st.sampled_from(["*", "rev.example", "*.example"]))
    subset, version = draw(st.sampled_from(["", "blue", "green"])), draw(st.sampled_from("ab"))
    to, port = draw(st.sampled_from(["rev", "new"])), draw(st.sampled_from([80, 8080]))
    texts = [
        gateway(name, host),
        service(to, port).replace("version: v1", f"version: {version}"),
        rule(subset or "blue", version).replace("host: rev.example", f"host: {to}.example"),
        route(subset, to=to, at=name),
    ]
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=4, max_size=4, unique=True))
    return dict(zip(names, texts, strict=True))


def pieces(before: Files, after: Files) -> list[tuple[Path, str | None]]:
    """The files that differ."""
    return [
        (Path(f"{name}.yaml"), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def loaded(files: Files) -> Engine:
    """An engine right after the first load: nothing is analysed yet."""
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path(f"{name}.yaml"), text) for name, text in files.items()])
    return engine


def broken(engine: Engine) -> list[object]:
    found = [
        (v.key, broken_references(engine.graph, v.key)) for v in engine.objects(VIRTUAL_SERVICE)
    ]
    return [(key, references) for key, references in found if references]


@settings(max_examples=examples(150))
@given(meshes(), meshes(), st.randoms(use_true_random=False), st.sampled_from([0, 1, None]))
def test_a_change_in_pieces_breaks_nothing_on_its_way(
    before: Files, after: Files, random: object, analysed: int | None
) -> None:
    assert hasattr(random, "shuffle")
    engine = loaded(before)
    engine.analyse(analysed)
    change = pieces(before, after)
    random.shuffle(change)

    for piece in change:
        engine.apply_whole([piece])
        assert broken(engine) == []
        assert list(engine.objects(VIRTUAL_SERVICE)), "the route is in force all the time"

    assert engine.waiting == ()
    assert {raw.key for raw in engine.accepted()} == {raw.key for raw in loaded(after).accepted()}
    for raw in engine.accepted():
        assert engine.object(raw.key) == loaded(after).object(raw.key)
