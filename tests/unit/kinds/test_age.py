"""Which of several objects is the older."""

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.kinds.object import UNDATED, Object

THING = Kind("example.com", "Thing")


def _object(name: str, created: str = UNDATED) -> Object[object]:
    return Object(key=ObjectKey(THING, Namespace("default"), name), spec=None, created=created)


def test_what_has_no_timestamp_is_younger_than_what_has_one() -> None:
    undated, dated = _object("a"), _object("b", created="2026-11-30T10:00:00Z")

    assert sorted([undated, dated], key=lambda each: each.age) == [dated, undated]


def test_what_has_a_timestamp_of_the_future_is_younger_than_what_has_none() -> None:
    undated, dated = _object("b"), _object("a", created="2027-01-01T00:00:00Z")

    assert sorted([dated, undated], key=lambda each: each.age) == [undated, dated]


def test_objects_without_timestamps_are_ordered_by_name() -> None:
    first, second = _object("a"), _object("b")

    assert sorted([second, first], key=lambda each: each.age) == [first, second]
