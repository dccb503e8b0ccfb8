"""Filters stand in slots: order is data, and none is lost."""

import pytest
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.http_filters.cors import cors
from controlplane.envoy.http_filters.order import ORDER
from controlplane.envoy.http_filters.order import Slot
from controlplane.envoy.http_filters.router import router
from controlplane.envoy.packing import packed
from controlplane.envoy.slots import in_order


def rbac(prefix: str) -> hcm.HttpFilter:
    """A policy's filter; all of them have one name."""
    return hcm.HttpFilter(
        name="envoy.filters.http.rbac", typed_config=packed(RBAC(shadow_rules_stat_prefix=prefix))
    )


def test_two_filters_of_one_name_in_one_slot_are_both_kept_as_they_are_given() -> None:
    first, second = rbac("first"), rbac("second")

    assert in_order([(Slot.DENY, first), (Slot.DENY, second)], ORDER) == (first, second)


def test_filters_of_one_name_go_by_their_slots() -> None:
    allow, deny, audit = rbac("allow"), rbac("deny"), rbac("audit")
    given = [(Slot.ALLOW, allow), (Slot.DENY, deny), (Slot.AUDIT, audit)]

    assert in_order(given, ORDER) == (audit, deny, allow)


def test_the_order_given_changes_nothing_between_slots() -> None:
    last, policy, preflights = router(shows_envoy_headers=True), rbac("deny"), cors()
    given = [(Slot.ROUTER, last), (Slot.CORS, preflights), (Slot.DENY, policy)]

    assert in_order(given, ORDER) == (policy, preflights, last)


def test_a_filter_whose_slot_has_no_place_is_never_dropped_silently() -> None:
    with pytest.raises(AssertionError, match="CORS has no place"):
        in_order([(Slot.CORS, cors())], (Slot.FAULT, Slot.ROUTER))


def test_every_slot_has_one_place() -> None:
    assert sorted(slot.name for slot in ORDER) == sorted(slot.name for slot in Slot)
