"""Any tracked function and any index may raise, whenever: what does not depend on it is served as
ever, and the next edit mends everything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from controlplane.base.diagnostics import UsersFault
from controlplane.base.names import ObjectKey
from controlplane.engine.internal_errors import objects_of
from controlplane.graph import Graph, tracked_functions
from controlplane.graph.graph import RETRIED
from controlplane.queries.inputs.objects import indexes
from controlplane.queries.inputs.unread_policies import KINDS as POLICIES, OF_BACKENDS
from tests.support.every_kind import NOW, Serving, forms, fresh, keys_of
from tests.support.properties import examples

TRACKED = (f for f in tracked_functions() if f.function.__module__.startswith("controlplane."))
AFTER_FAULTS = frozenset({"_without_broken_patches"})
"""Functions that run only where others have raised."""
NAMES = sorted({f.name for f in (*TRACKED, *indexes())} - AFTER_FAULTS)
OBJECTS = sorted(forms())
_ROUTES_OF_NOW = "the listeners are those of before, and the routes attach to those of now"
# To keep both, what attaches would have to read the whole list of listeners: an edit of one among
# a thousand would look at every route again. The listener that is gone answers 404 until the next
# edit, which mends it.
MIXED = {
    "gateway_api_servers": _ROUTES_OF_NOW,
    "gateway_servers": _ROUTES_OF_NOW,
    "listeners_of": _ROUTES_OF_NOW,
    "parent_listeners": _ROUTES_OF_NOW,
    "listener_secrets": "a listener of other Gateways than before has no last good secrets",
    "settings_of": "a proxy with other metadata than before has no last good settings",
    "virtual_host": "a host of other listeners than before has no last good routes",
    "_patches_in_force": "the patches that worked last are applied to the newest form",
    "service_declared": "the endpoints of a ServiceEntry are read from its newest form",
}
"""Functions that leave a resource in a form between the old and the new one, and why."""
CLOSED = frozenset(
    {
        "authorization",
        "extension_config",
        "extensions_of",
        "external_authorization",
        "gateway_listener_plan",
        "policy_config",
        "policy_filters",
        "policy_keys",
        "policy_rules",
        "provider",
        "provider_named",
        "reported_listener",
        "token_verification",
    }
) | {
    of_policies.name
    for of_policies in indexes()
    if not (POLICIES | OF_BACKENDS).isdisjoint(of_policies.kinds)
}
"""Functions that have listeners refuse what policies would decide, or clusters connect to nobody:
also every index over policies, without which one is not in force.
"""
REFUSING = {"policy": " LISTENER ", "tokens": " LISTENER ", "backend_tls": " CLUSTER "}
"""Objects without which nobody knows who may call, or what is called by TLS, and the resources that
refuse then.
"""


@dataclass
class Failing:
    """Lets calls raise that ``chosen`` picks by the function's name and its arguments."""

    chosen: Callable[[str, tuple[Any, ...]], bool]
    late: bool = False
    raised: int = 0

    def __call__(self, function: Any, graph: Graph, *args: Any) -> Any:
        fails = self.chosen(function.name, args)
        if fails:
            self.raised += 1
            if not self.late:
                raise RuntimeError("injected")
        value = function.function(graph, *args)
        if fails:
            raise RuntimeError("injected")
        return value


def mended(serving: Serving) -> tuple[dict[str, bytes], set[tuple[str, str]]]:
    """What is served and reported after the next edit, whatever that is; where more failed than is
    tried again at once, after as many edits as it takes.
    """
    serving.engine.graph.around = None
    for turn in range(1 + len(list(serving.engine.graph.faults())) // RETRIED):
        serving.edit({"harmless": f"# {turn}\n"})
        serving.served()
    serving.engine.set_clock(NOW)  # it is known by now who is connected
    return serving.served(), serving.reported()


def test_the_mesh_needs_every_function() -> None:
    serving, ran = Serving(), set[str]()
    serving.engine.graph.around = Failing(lambda name, _: bool(ran.add(name)))
    serving.edit(forms())
    serving.served()
    serving.engine.note_connected()
    serving.reported()
    serving.explain()

    assert sorted(set(NAMES) - ran) == []  # let tests/support/every_kind.py need them


@given(st.sampled_from(NAMES), st.booleans())
@settings(max_examples=examples(8))
def test_a_function_may_fail_for_everything_while_a_mesh_is_loaded(name: str, late: bool) -> None:
    objects = forms()
    serving = Serving()
    serving.engine.graph.around = Failing(lambda called, _: called == name, late)

    serving.edit(objects)
    serving.served()
    serving.explain()
    reported = serving.reported()

    assert serving.engine.take_faults()
    # None of what is asked for once and forgotten. What is a user's fault has a code of its own.
    if any(not isinstance(each.error, UsersFault) for each in serving.engine.graph.faults()):
        assert "CP0601" in {code for code, _ in reported}
    assert mended(serving) == fresh(frozenset(objects.items()))


@pytest.fixture(scope="module")
def serving() -> Serving:
    """One engine under all the edits of this module, each of which is taken back."""
    serving = Serving()
    serving.edit(forms())
    mended(serving)
    return serving


@cache
def concerned() -> Mapping[str, tuple[str, ...]]:
    """By the name of a function: edits that it runs in."""
    serving = Serving()
    serving.edit(forms())
    mended(serving)
    found: dict[str, list[str]] = {}
    for changed, text in forms(1).items():
        ran: set[str] = set()
        serving.engine.graph.around = Failing(lambda name, _, ran=ran: bool(ran.add(name)))
        serving.edit({changed: text})
        serving.served()
        serving.reported()
        for name in ran:
            found.setdefault(name, []).append(changed)
    return {name: tuple(edits) for name, edits in found.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_function_that_fails_once_in_an_edit_costs_an_object_its_edit_or_itself(
    serving: Serving, name: str
) -> None:
    """Every other function before it reads anything, the others after they have read everything."""
    old = forms()
    for changed in concerned().get(name, ())[:1]:
        new = old | {changed: forms(1)[changed]}
        calls = count()
        serving.engine.graph.around = Failing(
            lambda called, _, calls=calls: called == name and not next(calls),
            late=bool(NAMES.index(name) % 2),
        )

        serving.edit({changed: new[changed]})
        served = serving.served()
        serving.reported()
        faults = serving.engine.take_faults()
        after = mended(serving)
        serving.edit({changed: old[changed]})
        mended(serving)

        about = {key for fault in faults for key in objects_of(fault)}
        suspects = [n for n in OBJECTS if about & {*keys_of(n)}]
        assert name in MIXED.keys() | CLOSED or _strange(served, old, new, suspects) == set()
        assert after == fresh(frozenset(new.items()))


def _strange(
    served: Mapping[str, bytes],
    old: Mapping[str, str],
    new: Mapping[str, str],
    suspects: Sequence[str],
) -> set[str]:
    """What is neither as before the edit, nor as after it, nor as it would be without a suspect."""
    meshes = [frozenset(old.items()), frozenset(new.items())]
    strange = {*served, *fresh(meshes[0])[0], *fresh(meshes[1])[0]}
    without = (frozenset(t for t in mesh if t[0] != n) for n in suspects for mesh in meshes)
    for one in chain(meshes, without):
        right = fresh(one)[0] if strange else {}
        strange = {name for name in strange if served.get(name) != right.get(name)}
    return strange


@given(st.sampled_from(OBJECTS))
@settings(max_examples=examples(6))
def test_an_object_on_which_everything_fails_costs_itself_alone(name: str) -> None:
    """Every function that is called with the object, or of which it is an entry."""
    objects, keys = forms(), frozenset(keys_of(name))
    serving = Serving()
    serving.engine.graph.around = Failing(lambda _, args: bool(keys & _keys(args)))

    serving.edit(objects)

    served, reported = serving.served(), serving.reported()
    without = {other: text for other, text in objects.items() if other != name}
    others = fresh(frozenset(without.items()))[0]
    differing = {key for key in {*served, *others} if served.get(key) != others.get(key)}
    if name in REFUSING:
        assert differing  # what nobody can read refuses
        assert all(REFUSING[name] in key for key in differing)
    else:
        assert differing == set()
    assert {place.partition(".")[0] for code, place in reported if code == "CP0601"} >= {
        str(key) for key in keys
    }
    assert mended(serving) == fresh(frozenset(objects.items()))


def _keys(args: tuple[Any, ...]) -> set[ObjectKey]:
    return {key for arg in args for key in (arg, getattr(arg, "key", None)) if _is_key(key)}


def _is_key(value: object) -> bool:
    return isinstance(value, ObjectKey)


@dataclass(frozen=True)
class Step:
    """An edit: of each object the form that it gets, or its end; and what fails meanwhile."""

    changed: Mapping[str, int | None]
    failing: frozenset[str]
    every: int
    """Of the calls of failing functions, every so many-th raises: 1 is all of them."""
    late: bool


steps = st.builds(
    Step,
    changed=st.dictionaries(
        st.sampled_from(OBJECTS), st.sampled_from((0, 1, None)), min_size=1, max_size=3
    ),
    failing=st.frozensets(st.sampled_from(NAMES), max_size=3),
    every=st.integers(1, 5),
    late=st.booleans(),
)


@given(st.lists(steps, min_size=1, max_size=5))
@settings(max_examples=examples(4))
def test_after_whatever_edits_and_faults_the_next_edit_makes_all_as_if_none_had_been(
    history: list[Step],
) -> None:
    serving, objects = Serving(), forms()
    serving.edit(objects)
    for step in history:
        changed = {n: None if form is None else forms(form)[n] for n, form in step.changed.items()}
        objects = {n: t for n, t in (objects | changed).items() if t is not None}
        calls = count()
        serving.engine.graph.around = Failing(
            lambda name, _, step=step, calls=calls: (
                name in step.failing and next(calls) % step.every == 0
            ),
            step.late,
        )
        serving.edit(changed)
        serving.served()
        serving.reported()

    assert mended(serving) == fresh(frozenset(objects.items()))
