"""A function that raises has that as its outcome: it is kept, reported once, and heals."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from controlplane.graph import Derived, Fault, Graph, Input, derived, guarded, guarded_by
from controlplane.graph.graph import RETRIED

NUMBER: Input[str, int] = Input("number", 1)
LISTED: Input[str, tuple[str, ...]] = Input("listed", ())


@derived
def inverse(graph: Graph, name: str) -> float:
    return 1 / NUMBER(graph, name)


@derived
def percent(graph: Graph, name: str) -> float:
    return inverse(graph, name) * 100


@guarded
def shown(graph: Graph, name: str) -> str | None:
    return f"{percent(graph, name):g} %"


@guarded(first=())
def all_shown(graph: Graph) -> tuple[str | None, ...]:
    """Reads ``stop`` first, so that a zero there keeps it from reading the others."""
    inverse(graph, "stop")
    return tuple(shown(graph, name) for name in LISTED(graph, "all"))


@dataclass
class Failing:
    """Lets functions of some names raise, before or after they have run."""

    names: set[str]
    after: bool = False

    def __call__(self, function: Derived[..., Any], graph: Graph, *args: Any) -> Any:
        fails = function.name in self.names
        if fails and not self.after:
            raise RuntimeError("injected")
        value = function.function(graph, *args)
        if fails:
            raise RuntimeError("injected")
        return value


@pytest.fixture
def faults() -> list[Fault]:
    return []


@pytest.fixture
def graph(faults: list[Fault]) -> Graph:
    graph = Graph()
    graph.on_fault = faults.append
    graph.edit()
    graph.set(NUMBER, "a", 2)
    graph.trace = []
    return graph


def put(graph: Graph, name: str, number: int) -> None:
    graph.edit()
    graph.set(NUMBER, name, number)


def ran(graph: Graph) -> list[str]:
    assert graph.trace is not None
    trace, graph.trace = graph.trace, []
    return trace


def test_what_raises_below_a_guard_while_it_is_verified_stays_below(graph: Graph) -> None:
    assert shown(graph, "a") == "50 %"

    put(graph, "a", 0)

    assert shown(graph, "a") == "50 %"


def test_what_raised_heals_when_what_it_read_changes(graph: Graph) -> None:
    put(graph, "a", 0)
    assert shown(graph, "a") is None

    put(graph, "a", 4)

    assert shown(graph, "a") == "25 %"


def test_what_never_had_a_value_has_the_first_one(graph: Graph) -> None:
    put(graph, "stop", 0)

    assert all_shown(graph) == ()


def test_a_fault_is_reported_once_with_the_inputs_it_comes_from(
    graph: Graph, faults: list[Fault]
) -> None:
    put(graph, "a", 0)
    shown(graph, "a")
    put(graph, "other", 7)
    shown(graph, "a")

    assert [(f.function, f.args, f.sources) for f in faults] == [
        ("inverse", ("a",), ((NUMBER, "a"),))
    ]
    assert [f.function for f in graph.faults()] == ["inverse"]

    put(graph, "a", 1)
    shown(graph, "a")

    assert list(graph.faults()) == []
    assert len(faults) == 1


def test_another_fault_of_the_same_function_is_reported_too(
    graph: Graph, faults: list[Fault]
) -> None:
    put(graph, "a", 0)
    shown(graph, "a")
    graph.around = Failing({"inverse"})
    put(graph, "a", 5)
    shown(graph, "a")

    assert [type(f.error).__name__ for f in faults] == ["ZeroDivisionError", "RuntimeError"]


def test_a_fault_that_stays_as_it_is_runs_once_in_a_revision_and_nothing_above(
    graph: Graph,
) -> None:
    put(graph, "a", 0)
    shown(graph, "a")
    ran(graph)

    put(graph, "other", 7)
    shown(graph, "a")
    shown(graph, "a")

    assert ran(graph) == ["inverse(a)"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["inverse", "percent", "shown", "all_shown"])
def test_a_fault_that_does_not_repeat_heals_with_the_next_edit_whatever_that_is(
    graph: Graph, name: str, after: bool
) -> None:
    graph.set(LISTED, "all", ("a", "b"))
    graph.around = Failing({name}, after=after)
    all_shown(graph)
    graph.around = None

    put(graph, "other", 7)

    assert all_shown(graph) == ("50 %", "100 %")
    assert list(graph.faults()) == []


def test_many_faults_take_turns(graph: Graph) -> None:
    names = tuple(f"n{i}" for i in range(RETRIED + 10))
    graph.set(LISTED, "all", names)
    graph.around = Failing({"inverse"})
    for name in names:
        shown(graph, name)
    graph.around = None

    for number in range(2):
        put(graph, "other", 7 + number)
        found = [shown(graph, name) for name in names]

    assert found == ["100 %"] * len(names)


def test_last_good_forms_outlive_a_fault_of_who_reads_them(graph: Graph) -> None:
    graph.set(LISTED, "all", ("a",))
    assert all_shown(graph) == ("50 %",)
    put(graph, "stop", 0)
    assert all_shown(graph) == ("50 %",)

    graph.edit()
    graph.set(NUMBER, "stop", 1)
    graph.set(NUMBER, "a", 0)

    assert all_shown(graph) == ("50 %",)
    assert [f.args for f in graph.faults()] == [("a",)]


def test_what_is_no_longer_read_takes_its_fault_along(graph: Graph) -> None:
    graph.set(LISTED, "all", ("a", "b"))
    put(graph, "a", 0)
    all_shown(graph)
    cells = len(graph)

    graph.edit()
    graph.set(LISTED, "all", ("b",))
    all_shown(graph)

    assert list(graph.faults()) == []
    assert len(graph) == cells - 3


def test_unguarded_it_is_raised_where_it_is_read_each_time_with_its_traceback(
    graph: Graph,
) -> None:
    put(graph, "a", 0)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError) as raised:
            percent(graph, "a")

    lines = traceback.format_tb(raised.value.__traceback__)
    assert sum("return 1 / NUMBER" in line for line in lines) == 1


def test_without_a_listener_guards_raise_too() -> None:
    graph = Graph()
    graph.edit()
    graph.set(NUMBER, "a", 0)

    with pytest.raises(ZeroDivisionError):
        shown(graph, "a")


def test_an_error_that_is_caught_is_a_value_like_any_other(graph: Graph) -> None:
    @derived
    def safe(graph: Graph, name: str) -> float:
        try:
            return percent(graph, name)
        except ZeroDivisionError:
            return 0

    assert safe(graph, "a") == 50
    put(graph, "a", 0)
    assert safe(graph, "a") == 0
    put(graph, "a", 4)
    assert safe(graph, "a") == 25


def test_pinned_values_that_raised_are_in_doubt_after_the_next_edit(graph: Graph) -> None:
    graph.pin(shown, "a")
    graph.around = Failing({"shown"})
    shown(graph, "a")

    graph.edit()

    assert graph.take_dirty() == [(shown, ("a",))]


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise TypeError("cannot be compared")

    __hash__ = None  # type: ignore[assignment]  # as for any class with __eq__ alone


@guarded
def incomparable(graph: Graph, name: str) -> Incomparable | None:
    return Incomparable() if NUMBER(graph, name) else None


def test_a_value_that_cannot_be_compared_counts_as_a_new_one(
    graph: Graph, faults: list[Fault]
) -> None:
    first = incomparable(graph, "a")
    assert faults == []
    put(graph, "a", 3)

    assert incomparable(graph, "a") is not first
    assert [f.function for f in faults] == ["== of incomparable"]


def test_an_input_that_cannot_be_compared_counts_as_a_new_one(graph: Graph) -> None:
    strange: Input[str, Any] = Input("strange", None)

    assert graph.set(strange, "a", Incomparable())
    assert graph.set(strange, "a", Incomparable())


def test_an_argument_without_a_hash_is_a_fault_of_who_passes_it(
    graph: Graph, faults: list[Fault]
) -> None:
    @guarded
    def careless(graph: Graph) -> float | None:
        return inverse(graph, ["a"])  # type: ignore[arg-type]  # what this is about

    assert careless(graph) is None
    assert [f.function for f in faults] == ["careless"]


def test_keyword_arguments_are_the_same_call() -> None:
    graph = Graph()
    graph.edit()

    assert inverse(graph, name="a") == inverse(graph, "a") == 1
    assert len(graph) == 2
    graph.pin(inverse, name="a")
    assert len(graph) == 2


@pytest.mark.parametrize("keywords", [{"nmae": "a"}, {"name": "a", "more": 1}])
def test_keyword_arguments_that_are_no_parameters_are_refused(keywords: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"inverse\(\): expected name by keyword"):
        inverse(Graph(), **keywords)


@pytest.mark.parametrize(
    "function",
    [
        lambda _, name="a": name,
        lambda _, *, name: name,
        lambda _, *names: names,
        lambda _, **names: names,
    ],
)
def test_parameters_that_would_give_one_call_two_cells_are_refused(
    function: Callable[..., Any],
) -> None:
    with pytest.raises(TypeError):
        derived(function)


@derived
def chicken(graph: Graph, number: int) -> int:
    return egg(graph, number) + 1


@derived
def egg(graph: Graph, number: int) -> int:
    return chicken(graph, number) + 1 if NUMBER(graph, "a") == 0 else number


def test_a_cycle_names_its_path_and_heals(graph: Graph) -> None:
    put(graph, "a", 0)
    with pytest.raises(AssertionError, match=r"chicken\(1\) -> egg\(1\) -> chicken\(1\)"):
        chicken(graph, 1)

    put(graph, "a", 2)
    assert chicken(graph, 1) == 2


@pytest.mark.parametrize("asked", [chicken, egg])
def test_a_cycle_that_comes_with_an_edit_names_its_path_too(
    graph: Graph, asked: Derived[[int], int]
) -> None:
    assert chicken(graph, 1) == 2
    put(graph, "a", 0)

    with pytest.raises(AssertionError, match=r"egg\(1\) -> chicken\(1\) -> egg|chicken\(1\) -> "):
        asked(graph, 1)

    put(graph, "a", 2)
    assert asked(graph, 1) == (2 if asked is chicken else 1)


def test_an_interrupted_function_runs_again(graph: Graph) -> None:
    interrupts = [KeyboardInterrupt]

    @derived
    def slow(graph: Graph) -> int:
        if interrupts:
            raise interrupts.pop()
        return NUMBER(graph, "a")

    with pytest.raises(KeyboardInterrupt):
        slow(graph)

    assert slow(graph) == 2


@guarded_by(lambda name: f"{name} is closed")
def admitted(graph: Graph, name: str) -> str:
    return f"{inverse(graph, name):g}"


def test_what_must_not_be_as_it_was_is_made_of_the_arguments(faults: list[Fault]) -> None:
    graph = Graph()
    graph.on_fault = faults.append
    assert admitted(graph, "a") == "1"

    graph.edit()
    graph.set(NUMBER, "a", 0)

    assert admitted(graph, "a") == "a is closed"
    assert [fault.function for fault in faults] == ["inverse"]

    graph.edit()
    graph.set(NUMBER, "a", 2)
    assert admitted(graph, "a") == "0.5"
