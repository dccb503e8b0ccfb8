"""Whatever raises and whenever: guards hold, what does not depend on it is right, and the next edit
mends everything.
"""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings, strategies as st

from controlplane.graph import Derived, Graph, Input, derived, guarded
from tests.support.properties import examples

Ref = tuple[str, int]
NODES = 6

NUMBER: Input[int, int] = Input("number", 0)
READS: Input[int, tuple[Ref, ...]] = Input("reads", ())
"""What the node of a number reads, all of it of lower numbers."""


def total(graph: Graph, node: int) -> int:
    found = NUMBER(graph, node)
    for kind, other in READS(graph, node):
        found += safe(graph, other) if kind == "safe" else plain(graph, other)
    return found % 5


@derived
def plain(graph: Graph, node: int) -> int:
    return total(graph, node)


@guarded(first=-1)
def safe(graph: Graph, node: int) -> int:
    return total(graph, node)


def refs(below: int) -> st.SearchStrategy[tuple[Ref, ...]]:
    one = st.tuples(st.sampled_from(("plain", "safe")), st.integers(0, max(below - 1, 0)))
    return st.lists(one, max_size=3 if below else 0).map(tuple)


@dataclass(frozen=True)
class Step:
    """An edit, and the functions that raise when they run because of it, early or late."""

    node: int
    number: int
    reads: tuple[Ref, ...]
    failing: frozenset[Ref]
    late: bool


steps = st.integers(0, NODES - 1).flatmap(
    lambda node: st.builds(
        Step,
        node=st.just(node),
        number=st.integers(0, 4),
        reads=refs(node),
        failing=st.frozensets(
            st.tuples(st.sampled_from(("plain", "safe")), st.integers(0, NODES - 1)), max_size=3
        ),
        late=st.booleans(),
    )
)


@dataclass
class Mesh:
    """A graph under edits, and the inputs that it has by now."""

    graph: Graph = field(default_factory=Graph)
    numbers: dict[int, int] = field(default_factory=dict)
    reads: dict[int, tuple[Ref, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.graph.on_fault = lambda _: None

    def edit(self, step: Step) -> None:
        self.numbers[step.node], self.reads[step.node] = step.number, step.reads
        self.graph.edit()
        self.graph.set(NUMBER, step.node, step.number)
        self.graph.set(READS, step.node, step.reads)

    def values(self) -> list[int]:
        return [safe(self.graph, node) for node in reversed(range(NODES))]

    def from_scratch(self) -> list[int]:
        fresh = Graph()
        for node in range(NODES):
            fresh.set(NUMBER, node, self.numbers.get(node, 0))
            fresh.set(READS, node, self.reads.get(node, ()))
        return [safe(fresh, node) for node in reversed(range(NODES))]

    def depending(self, failing: frozenset[Ref]) -> set[int]:
        """The nodes whose values may be wrong while these functions fail."""
        wrong = {node for _, node in failing}
        for node in range(NODES):
            if any(other in wrong for _, other in self.reads.get(node, ())):
                wrong.add(node)
        return wrong


@given(st.lists(steps, min_size=1, max_size=10))
@settings(max_examples=examples(100))
def test_faults_cost_what_depends_on_them_until_the_next_edit(history: list[Step]) -> None:
    mesh = Mesh()
    for step in history:

        def around(
            function: Derived[..., Any], graph: Graph, node: int, step: Step = step
        ) -> object:
            fails = (function.name, node) in step.failing
            if fails and not step.late:
                raise RuntimeError("injected")
            value = function.function(graph, node)
            if fails:
                raise RuntimeError("injected")
            return value

        mesh.graph.around = around
        mesh.edit(step)
        found, right = mesh.values(), mesh.from_scratch()

        wrong = mesh.depending(step.failing)
        for node, value, wanted in zip(reversed(range(NODES)), found, right, strict=True):
            assert value == wanted or node in wrong

    mesh.graph.around = None
    mesh.edit(Step(0, 4, (), frozenset(), late=False))

    assert mesh.values() == mesh.from_scratch()
    assert list(mesh.graph.faults()) == []
