"""What waits for the rest of its change is let go of when nothing more comes, each in its time."""

from hypothesis import given, strategies as st

from controlplane.base.names import ObjectKey
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.serve.rest_of_change import LONGEST, QUIET, Waits

A, B, C = (ObjectKey(VIRTUAL_SERVICE, "default", name) for name in "abc")


def test_all_is_let_go_when_there_is_no_further_edit() -> None:
    waits = Waits()
    waits.edited([A], 10.0)
    waits.edited([A, B], 10.2)

    assert waits.next_due == 10.2 + QUIET
    assert waits.due(10.2 + QUIET) == {A, B}


def test_in_the_midst_of_edits_one_waits_no_longer_than_a_second() -> None:
    waits = Waits()
    for tenth in range(10):
        waits.edited([A], 10 + tenth / 10)

    assert waits.next_due == 10 + LONGEST
    assert waits.due(10 + LONGEST) == {A}


def test_a_change_that_has_just_begun_is_not_let_go_with_one_that_never_ends() -> None:
    waits = Waits()
    for tenth in range(9):
        waits.edited([A, B] if tenth else [A], 10 + tenth / 10)
    waits.edited([A, B, C], 10.95)

    assert waits.due(11.0) == {A, B}, "B came soon after A and may belong to it"
    waits.edited([C], 11.0)
    assert waits.next_due == 11.0 + QUIET


def test_what_waits_again_begins_anew() -> None:
    waits = Waits()
    waits.edited([A], 10.0)
    assert waits.edited([], 10.1) == 10.1 - 10.0
    waits.edited([A], 10.9)
    waits.edited([A], 11.1)

    assert waits.due(11.1) == frozenset()
    assert waits.next_due == 11.1 + QUIET


EDITS = st.lists(
    st.tuples(st.floats(0, QUIET / 2), st.frozensets(st.sampled_from([A, B, C]))), max_size=30
)


@given(EDITS)
def test_nothing_is_let_go_early_and_nothing_is_forgotten(
    edits: list[tuple[float, frozenset[ObjectKey]]],
) -> None:
    waits, now, since = Waits(), 0.0, dict[ObjectKey, float]()
    for pause, waiting in edits:
        now += pause
        waits.edited(waiting, now)
        since = {key: since.get(key, now) for key in waiting}
        due = waits.next_due
        assert (due is None) == (not waiting)
        if due is not None:
            assert due <= min(since.values()) + LONGEST
            gone = waits.due(due)
            assert gone
            assert all(due >= min(now + QUIET, since[key] + LONGEST - QUIET) for key in gone)
