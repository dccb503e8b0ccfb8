"""Which workloads are registered as streams come and go: a row of the table of races each."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from controlplane.base.names import Namespace
from controlplane.engine.registrations import Registrations
from controlplane.model.proxy import Role
from controlplane.model.registration import Claim, Registered, WorkloadId

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def claim(group: str, address: str, *, is_proven: bool = True) -> Claim:
    return Claim(
        id=WorkloadId(
            namespace=Namespace("shop"), group=group, address=address, is_proven=is_proven
        ),
        service_account="default",
        role=Role.SIDECAR,
        peer=address if is_proven else "192.0.2.1",
    )


CART = claim("cart", "10.0.0.1")
STOCK = claim("stock", "10.0.0.2")
WEB = [claim("web", f"10.0.1.{i}") for i in range(1, 6)]
OTHERS = [claim(f"other-{i}", f"10.0.2.{i}") for i in range(1, 21)]


def with_connected(*claims: Claim) -> Registrations:
    """Registrations with a stream of each of ``claims``, called after its address."""
    found = Registrations()
    for one in claims:
        found.join(one.id.address, one, NOON)
    found.settle(0.0)
    return found


def listed(registrations: Registrations) -> dict[str, str]:
    """``group address`` to what it is."""
    return {f"{r.claim.id.group} {r.claim.id.address}": shown(r) for r in registrations}


def shown(one: Registered) -> str:
    if one.is_connected:
        return "connected"
    return "kept" if one.is_present else "gone"


def all_leave(registrations: Registrations, claims: Iterable[Claim], now: float) -> None:
    for one in claims:
        registrations.leave(one.id.address, now)


def test_a_workload_is_registered_with_its_first_stream() -> None:
    registrations = Registrations()

    registrations.join("stream", CART, NOON)

    assert registrations.settle(0.0) == (CART.id,)
    assert list(registrations) == [
        Registered(
            claim=CART, since=NOON, is_connected=True, is_present=True, is_healthy=None, order=1
        )
    ]


def test_a_second_stream_before_the_first_is_seen_dead_keeps_the_workload() -> None:
    registrations = with_connected(CART)

    registrations.join("second", CART, NOON)
    registrations.settle(1.0)
    registrations.leave("10.0.0.1", 2.0)

    assert registrations.settle(2.0) == ()
    assert listed(registrations) == {"cart 10.0.0.1": "connected"}


def test_a_workload_that_disconnects_is_gone_at_once_and_removed_after_the_grace() -> None:
    registrations = with_connected(CART, *OTHERS)

    registrations.leave("10.0.0.1", 5.0)

    assert registrations.settle(5.0) == (CART.id,)
    assert listed(registrations)["cart 10.0.0.1"] == "gone"
    assert registrations.due == 15.0
    assert registrations.settle(14.9) == ()
    assert registrations.settle(15.0) == (CART.id,)
    assert "cart 10.0.0.1" not in listed(registrations)


def test_a_workload_that_comes_back_within_the_grace_stays() -> None:
    registrations = with_connected(CART, *OTHERS)
    registrations.leave("10.0.0.1", 5.0)
    registrations.settle(5.0)

    registrations.join("again", CART, NOON.replace(hour=13))
    registrations.settle(9.0)
    registrations.settle(100.0)

    found = registrations.get(CART.id)
    assert found is not None
    assert (found.is_connected, found.since) == (True, NOON)


def test_another_workload_at_the_address_replaces_one_that_is_gone() -> None:
    registrations = with_connected(CART, *OTHERS)
    registrations.leave("10.0.0.1", 5.0)
    registrations.settle(5.0)

    registrations.join("new", claim("stock", "10.0.0.1"), NOON)

    assert set(registrations.settle(6.0)) == {CART.id, claim("stock", "10.0.0.1").id}
    assert [str(one.claim.id) for one in registrations.at("10.0.0.1")] == ["shop/stock at 10.0.0.1"]


@pytest.mark.parametrize(
    "newcomer",
    [claim("stock", "10.0.0.1", is_proven=False), claim("stock", "127.0.0.1")],
    ids=["an address that the connection does not prove", "loopback, which everyone has"],
)
def test_replaces_nobody(newcomer: Claim) -> None:
    registrations = with_connected(CART, claim("cart", "127.0.0.1"), *OTHERS)
    all_leave(registrations, [CART, claim("cart", "127.0.0.1")], 5.0)

    registrations.join("new", newcomer, NOON)
    registrations.settle(6.0)

    assert listed(registrations)["cart 10.0.0.1"] == "gone"
    assert listed(registrations)["cart 127.0.0.1"] == "gone"


def test_the_last_to_connect_at_an_address_has_the_highest_order() -> None:
    registrations = with_connected(CART)

    registrations.join("new", claim("stock", "10.0.0.1"), NOON)
    registrations.settle(1.0)

    [first, last] = sorted(registrations.at("10.0.0.1"), key=lambda one: one.order)
    assert (first.claim.id.group, last.claim.id.group) == ("cart", "stock")


@pytest.mark.parametrize(
    ("size", "leavers", "then"),
    [(3, 2, "kept"), (4, 2, "gone"), (4, 3, "kept"), (5, 3, "kept"), (2, 2, "gone")],
)
def test_of_a_group_of_three_or_more_most_of_whom_leave_at_once_nothing_changes(
    size: int, leavers: int, then: str
) -> None:
    registrations = with_connected(*WEB[:size], *OTHERS)

    all_leave(registrations, WEB[:leavers], 5.0)
    registrations.settle(5.0)

    assert {listed(registrations)[f"web 10.0.1.{i}"] for i in range(1, leavers + 1)} == {then}


def test_leaves_within_two_seconds_are_taken_together() -> None:
    registrations = with_connected(*WEB, *OTHERS)
    for i, now in ((0, 5.0), (1, 6.0)):
        all_leave(registrations, [WEB[i]], now)
        registrations.settle(now)
    assert listed(registrations)["web 10.0.1.1"] == "gone"

    all_leave(registrations, [WEB[2]], 6.9)

    assert set(registrations.settle(6.9)) == {one.id for one in WEB[:3]}
    assert {listed(registrations)[f"web 10.0.1.{i}"] for i in (1, 2, 3)} == {"kept"}


def test_leaves_further_apart_are_not_taken_together() -> None:
    registrations = with_connected(*WEB, *OTHERS)

    for i, now in enumerate((5.0, 6.1, 7.2)):
        all_leave(registrations, [WEB[i]], now)
        registrations.settle(now)

    assert {listed(registrations)[f"web 10.0.1.{i}"] for i in (1, 2, 3)} == {"gone"}


def test_those_who_left_together_are_removed_when_the_grace_is_over() -> None:
    registrations = with_connected(*WEB, *OTHERS)
    all_leave(registrations, WEB, 5.0)
    registrations.settle(5.0)

    registrations.join("back", WEB[0], NOON)
    registrations.settle(15.0)

    assert [name for name in listed(registrations) if name.startswith("web")] == ["web 10.0.1.1"]


def test_where_most_of_all_proxies_leave_at_once_groups_do_not_matter() -> None:
    registrations = with_connected(CART, STOCK, WEB[0])

    all_leave(registrations, [CART, STOCK], 5.0)
    registrations.settle(5.0)

    assert listed(registrations) == {
        "cart 10.0.0.1": "kept",
        "stock 10.0.0.2": "kept",
        "web 10.0.1.1": "connected",
    }


def test_proxies_that_register_nothing_are_among_all() -> None:
    registrations = with_connected(CART, STOCK)
    for i in range(3):
        registrations.join_other(f"stream-{i}", f"gateway-{i}")

    all_leave(registrations, [CART, STOCK], 5.0)
    registrations.settle(5.0)
    assert set(listed(registrations).values()) == {"gone"}
    registrations.leave_other("stream-0", "gateway-0", 6.0)
    registrations.settle(6.0)

    assert set(listed(registrations).values()) == {"kept"}


def test_the_only_proxy_that_leaves_is_gone() -> None:
    registrations = with_connected(CART)

    registrations.leave("10.0.0.1", 5.0)
    registrations.settle(5.0)

    assert listed(registrations) == {"cart 10.0.0.1": "gone"}


def test_an_announced_leave_removes_at_once_and_its_stream_counts_no_more() -> None:
    registrations = with_connected(*WEB[:3], *OTHERS[:3])

    assert registrations.announce_leave(WEB[0].id)
    assert registrations.settle(5.0) == (WEB[0].id,)
    all_leave(registrations, [WEB[0], WEB[1]], 6.0)

    assert registrations.settle(6.0) == (WEB[1].id,)
    assert listed(registrations)["web 10.0.1.2"] == "gone"
    assert "web 10.0.1.1" not in listed(registrations)
    assert not registrations.announce_leave(WEB[0].id)


def test_a_leave_that_is_announced_late_explains_why_the_proxy_left() -> None:
    registrations = with_connected(*WEB[:4], *OTHERS)
    all_leave(registrations, WEB[:2], 5.0)
    registrations.announce_leave(WEB[0].id)
    registrations.announce_leave(WEB[1].id)

    all_leave(registrations, [WEB[2]], 5.5)
    registrations.settle(5.5)

    assert listed(registrations)["web 10.0.1.3"] == "gone"


def test_after_an_announced_leave_a_new_stream_registers_again() -> None:
    registrations = with_connected(CART)
    registrations.announce_leave(CART.id)

    registrations.join("restarted", CART, NOON.replace(hour=14))
    registrations.leave("10.0.0.1", 6.0)
    registrations.settle(6.0)

    found = registrations.get(CART.id)
    assert found is not None
    assert (found.is_connected, found.since.hour) == (True, 14)


def test_after_a_restart_workloads_are_as_they_were_until_their_proxies_had_time_to_return() -> (
    None
):
    before = with_connected(CART, STOCK, *OTHERS)
    before.found(STOCK.id, is_healthy=False)
    before.leave("10.0.0.1", 5.0)
    before.settle(5.0)

    after = Registrations(tuple(before), now=100.0)

    assert listed(after)["cart 10.0.0.1"] == "gone"
    assert listed(after)["stock 10.0.0.2"] == "kept"
    stock = after.get(STOCK.id)
    assert stock is not None
    assert (stock.since, stock.is_healthy) == (NOON, False)
    after.join("back", STOCK, NOON.replace(hour=15))
    after.settle(114.9)
    assert len(after) == 22
    after.settle(115.0)
    assert [one.claim for one in after] == [STOCK]


def test_a_workload_whose_stream_is_ended_to_begin_anew_stays_as_it_was() -> None:
    registrations = with_connected(CART, *OTHERS)
    registrations.join("second", CART, NOON)
    registrations.settle(1.0)

    registrations.dismiss("10.0.0.1", 5.0)
    assert listed(registrations)["cart 10.0.0.1"] == "connected"
    registrations.dismiss("second", 6.0)
    registrations.settle(6.0)

    assert listed(registrations)["cart 10.0.0.1"] == "kept"
    registrations.settle(16.0)
    assert "cart 10.0.0.1" not in listed(registrations)


def test_health_is_news_only_when_it_changes() -> None:
    registrations = with_connected(CART)

    registrations.found(CART.id, is_healthy=True)
    assert registrations.settle(1.0) == (CART.id,)
    registrations.found(CART.id, is_healthy=True)
    assert registrations.settle(2.0) == ()

    found = registrations.get(CART.id)
    assert found is not None
    assert found.is_healthy is True
