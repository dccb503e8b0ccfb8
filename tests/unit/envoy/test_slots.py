"""Filters have slots: their order is data, and none is lost."""

from enum import Enum

import pytest
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.http_filters.cors import cors
from controlplane.envoy.http_filters.order import ORDER, Slot
from controlplane.envoy.http_filters.router import router
from controlplane.envoy.network_filters import order as network
from controlplane.envoy.packing import packed
from controlplane.envoy.slots import in_order


def rbac(prefix: str) -> hcm.HttpFilter:
    """A policy's filter; all of them have one name."""
    return hcm.HttpFilter(
        name="envoy.filters.http.rbac", typed_config=packed(RBAC(shadow_rules_stat_prefix=prefix))
    )


END = (Slot.ROUTER, router(shows_envoy_headers=True))


def test_two_filters_of_one_name_in_one_slot_are_both_kept_as_they_are_given() -> None:
    first, second = rbac("first"), rbac("second")

    found = in_order([(Slot.DENY, first), (Slot.DENY, second), END], ORDER)

    assert found == (first, second, END[1])


def test_filters_of_one_name_go_by_their_slots() -> None:
    allow, deny, audit = rbac("allow"), rbac("deny"), rbac("audit")
    given = [(Slot.ALLOW, allow), (Slot.DENY, deny), (Slot.AUDIT, audit), END]

    assert in_order(given, ORDER) == (audit, deny, allow, END[1])


def test_the_order_given_changes_nothing_between_slots() -> None:
    policy, preflights = rbac("deny"), cors()
    given = [END, (Slot.CORS, preflights), (Slot.DENY, policy)]

    assert in_order(given, ORDER) == (policy, preflights, END[1])


def test_a_filter_whose_slot_has_no_place_is_never_dropped_silently() -> None:
    with pytest.raises(AssertionError, match="CORS has no place"):
        in_order([(Slot.CORS, cors()), END], (Slot.FAULT, Slot.ROUTER))


@pytest.mark.parametrize("ends", [[], [END, END]], ids=["none", "two"])
def test_one_filter_ends_a_chain(ends: list[tuple[Slot, hcm.HttpFilter]]) -> None:
    with pytest.raises(AssertionError, match="one filter ends a chain"):
        in_order([(Slot.DENY, rbac("deny")), *ends], ORDER)


@pytest.mark.parametrize(
    ("order", "slots"), [(ORDER, Slot), (network.ORDER, network.Slot)], ids=["HTTP", "network"]
)
def test_every_slot_has_one_place(order: tuple[Enum, ...], slots: type[Enum]) -> None:
    assert sorted(slot.name for slot in order) == sorted(slot.name for slot in slots)
