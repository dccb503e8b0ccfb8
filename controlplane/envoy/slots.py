"""Filters in their order. Each has a slot; the order of the slots is data, and several filters in
one slot are all kept.
"""

from collections.abc import Iterable
from enum import Enum
from typing import TypeVar

Slot = TypeVar("Slot", bound=Enum)
Filter = TypeVar("Filter")


def in_order(filters: Iterable[tuple[Slot, Filter]], order: tuple[Slot, ...]) -> tuple[Filter, ...]:
    """``filters`` by the place of their slots in ``order``; within a slot, as they are given.

    The last slot of ``order`` is that of the one filter which ends the chain.
    """
    slotted = tuple(filters)
    slots = [slot for slot, _ in slotted]
    for slot in slots:
        assert slot in order, f"{slot} has no place in the order, so its filter would be lost"
    assert slots.count(order[-1]) == 1, f"one filter ends a chain, in {order[-1]}, not {slots}"
    return tuple(filter_ for _, filter_ in sorted(slotted, key=lambda each: order.index(each[0])))
