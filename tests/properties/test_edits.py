"""However a mesh came about, by whatever edits, waits, proxies and looks: it is the one that a
fresh start makes, in its objects, in what is reported and in what proxies get.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hypothesis import given, settings, strategies as st

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role
from tests.support.cases import NOW, resources_of
from tests.support.changing_mesh import gateway, route, rule
from tests.support.properties import examples
from tests.unit.test_whole_changes import service

DELEGATE: Final = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: leaf, namespace: default}
spec:
  http:
  - route: [{destination: {host: rev.example, subset: blue}}]
"""
ROOT: Final = route().replace("- route", "- delegate: {name: leaf, namespace: default}\n  - route")
DOCUMENTS: Final = (
    *(gateway("gw", "*"), gateway("gw", "rev.example"), gateway("other")),
    *(service(), service(port=81), service("new"), service().replace("version: v1", "version: v2")),
    *(rule("blue"), rule("green"), rule("blue", "v2")),
    *(route(), route("blue"), route("green"), route(to="new"), route(at="other"), ROOT),
    *(DELEGATE, DELEGATE.replace(", subset: blue", "")),
)
MESHES: Final = (MeshConfig(), MeshConfig(default_service_export_to=(".",)))
PROXIES: Final = tuple(
    Proxy(
        name="ingressgateway",
        role=role,
        namespace=Namespace(namespace),
        service_account="account",
        labels=(("istio", "ingressgateway"),),
        addresses=("127.0.0.2",),
    )
    for role, namespace in ((Role.GATEWAY, "istio-system"), (Role.SIDECAR, "default"))
)
WHOLE: Final = {
    "a": gateway(),
    "b": service(),
    "c": rule("blue"),
    "d": f"{ROOT}---{DELEGATE}",
}
"""Every reference leads somewhere."""
BROKEN: Final = "\nkind: [Virtual"
_names = st.sampled_from("abcde")
_documents = st.lists(st.sampled_from(DOCUMENTS), max_size=2).map("---\n".join)
_texts = st.one_of(_documents, _documents, _documents.map(lambda text: text + BROKEN))
_files = st.dictionaries(_names, _texts, min_size=1, max_size=3)
_steps = st.one_of(_files, _files, st.sampled_from(("let go", "look", "mesh", *PROXIES)))


@dataclass(slots=True)
class World:
    """An engine, and what it was given so far."""

    engine: Engine
    files: dict[str, str] = field(default_factory=dict)
    mesh: int = 0
    connected: set[Proxy] = field(default_factory=set)

    def step(self, step: Mapping[str, str] | str | Proxy) -> None:
        match step:
            case Mapping():
                self.files |= step
                self.engine.apply_whole([(Path(name), text) for name, text in step.items()])
            case Proxy() if step in self.connected:
                self.connected.discard(step)
                self.engine.connected.leave(step)
                self.engine.note_connected()
            case Proxy():
                self.connected.add(step)
                self.engine.connected.join(step)
                self.engine.note_connected()
            case "mesh":
                self.mesh = 1 - self.mesh
                self.engine.set_mesh(MESHES[self.mesh])
            case "look":
                self.engine.analyse(2)
                resources_of(self.engine, PROXIES[0])
            case "let go":
                self.engine.let_go()

    def mend(self) -> None:
        """Put every broken file right, and wait for nothing more."""
        mended = {n: t.removesuffix(BROKEN) for n, t in self.files.items() if t.endswith(BROKEN)}
        self.step(mended)
        self.step("let go")

    def fresh(self) -> "World":
        made = World(Engine(MESHES[self.mesh], now=NOW), dict(self.files), self.mesh)
        made.engine.apply([(Path(name), text) for name, text in self.files.items()])
        for proxy in self.connected:
            made.step(proxy)
        return made

    def found(self) -> tuple[object, ...]:
        engine = self.engine
        while engine.analyse():
            pass
        objects = {raw.key: engine.object(raw.key) for raw in engine.accepted()}
        origins = {raw.key: raw.origin.path for raw in engine.accepted()}
        resources = [resources_of(engine, proxy) for proxy in PROXIES]
        return objects, origins, set(engine.diagnostics()), resources


@settings(max_examples=examples(25))
@given(st.lists(_steps, min_size=4, max_size=14))
def test_after_any_steps_all_is_as_after_a_fresh_start(
    steps: list[Mapping[str, str] | str | Proxy],
) -> None:
    world = World(Engine(MESHES[0], now=NOW))
    world.step(WHOLE)

    for step in steps:
        world.step(step)
    world.mend()

    assert world.engine.waiting == ()
    assert world.found() == world.fresh().found()
