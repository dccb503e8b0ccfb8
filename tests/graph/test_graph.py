"""The graph runs what a change affects and nothing else."""

import pytest

from controlplane.graph import Graph, Input, derived, guarded

NUMBER: Input[str, int] = Input("number", 0)


@derived
def doubled(graph: Graph, name: str) -> int:
    return NUMBER(graph, name) * 2


@derived
def is_large(graph: Graph, name: str) -> bool:
    return doubled(graph, name) > 10


@derived
def large_of(graph: Graph, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(n for n in names if is_large(graph, n))


@derived
def chosen(graph: Graph) -> int:
    """Reads ``b`` only while ``a`` is zero."""
    return NUMBER(graph, "a") or doubled(graph, "b")


@guarded
def inverse(graph: Graph, name: str) -> float | None:
    return 1 / NUMBER(graph, name)


@pytest.fixture
def graph() -> Graph:
    graph = Graph()
    graph.trace = []
    graph.edit()
    return graph


def ran(graph: Graph) -> list[str]:
    assert graph.trace is not None
    trace, graph.trace = graph.trace, []
    return trace


def test_a_value_that_was_read_in_the_revision_that_changes_it_is_computed_again(
    graph: Graph,
) -> None:
    assert doubled(graph, "a") == 0

    graph.set(NUMBER, "a", 4)

    assert doubled(graph, "a") == 8


def test_a_value_that_was_read_before_is_not_computed_again(graph: Graph) -> None:
    NUMBER(graph, "a")
    graph.set(NUMBER, "a", 4)

    assert doubled(graph, "a") == 8
    assert doubled(graph, "a") == 8

    assert ran(graph) == ["doubled(a)"]


def test_an_edit_runs_what_depends_on_it_and_no_sibling(graph: Graph) -> None:
    large_of(graph, ("a", "b"))
    ran(graph)

    graph.edit()
    graph.set(NUMBER, "b", 6)

    assert large_of(graph, ("a", "b")) == ("b",)
    assert ran(graph) == ["doubled(b)", "is_large(b)", "large_of(('a', 'b'))"]


def test_an_equal_result_stops_the_change(graph: Graph) -> None:
    graph.set(NUMBER, "a", 6)
    large_of(graph, ("a",))
    ran(graph)

    graph.edit()
    graph.set(NUMBER, "a", 7)

    assert large_of(graph, ("a",)) == ("a",)
    assert ran(graph) == ["doubled(a)", "is_large(a)"]


def test_setting_an_equal_input_is_no_change(graph: Graph) -> None:
    graph.set(NUMBER, "a", 6)
    doubled(graph, "a")
    ran(graph)

    graph.edit()

    assert graph.set(NUMBER, "a", 6) is False
    assert doubled(graph, "a") == 12
    assert ran(graph) == []


def test_what_is_no_longer_read_is_forgotten_and_does_not_run(graph: Graph) -> None:
    graph.set(NUMBER, "b", 3)
    assert chosen(graph) == 6
    cells = len(graph)

    graph.edit()
    graph.set(NUMBER, "a", 1)
    assert chosen(graph) == 1
    assert len(graph) == cells - 1
    ran(graph)

    graph.edit()
    graph.set(NUMBER, "b", 9)

    assert chosen(graph) == 1
    assert ran(graph) == []


def test_a_guarded_value_that_raises_keeps_its_last_good_form(graph: Graph) -> None:
    faults = []
    graph.on_fault = faults.append
    graph.set(NUMBER, "a", 2)
    assert inverse(graph, "a") == 0.5

    graph.edit()
    graph.set(NUMBER, "a", 0)
    assert inverse(graph, "a") == 0.5
    assert [(f.function, f.args) for f in faults] == [("inverse", ("a",))]

    graph.edit()
    graph.set(NUMBER, "a", 4)
    assert inverse(graph, "a") == 0.25


def test_a_function_that_raises_unguarded_is_heard(graph: Graph) -> None:
    graph.set(NUMBER, "a", 0)
    with pytest.raises(ZeroDivisionError):
        inverse(graph, "a")


def test_pinned_values_in_doubt_are_named_once(graph: Graph) -> None:
    graph.pin(is_large, "a")
    is_large(graph, "a")

    graph.edit()
    graph.set(NUMBER, "a", 6)
    graph.set(NUMBER, "c", 6)

    assert graph.take_dirty() == [(is_large, ("a",))]
    assert graph.take_dirty() == []


def test_the_sources_of_a_value_are_the_inputs_it_was_computed_from(graph: Graph) -> None:
    graph.set(NUMBER, "b", 3)
    chosen(graph)

    assert graph.sources(chosen) == [(NUMBER, "a"), (NUMBER, "b")]


@pytest.mark.parametrize("readers", [1, 2, 8, 9, 30])
def test_every_reader_is_told_of_a_change_however_many_come_and_go(
    graph: Graph, readers: int
) -> None:
    names = tuple("a" * n for n in range(1, readers + 1))
    for name in names:
        graph.pin(large_of, ("a", name))
        graph.pin(large_of, ("a", name, "other"))
        large_of(graph, ("a", name))
        large_of(graph, ("a", name, "other"))
    graph.take_dirty()
    for name in names[1:]:
        graph.unpin(large_of, ("a", name))

    graph.edit()
    graph.set(NUMBER, "a", 40)

    told = [args for _, args in graph.take_dirty()]
    assert sorted(told) == sorted([(("a", "a"),), *((("a", name, "other"),) for name in names)])
    for name in names:
        graph.unpin(large_of, ("a", name, "other"))
    graph.unpin(large_of, ("a", "a"))
    assert len(graph) == 1, "only the input that has a value is left"
