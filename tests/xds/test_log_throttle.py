"""How often the log says that a stream was closed, when its client comes back again and again."""

from datetime import UTC, datetime, timedelta

from controlplane.xds.log_throttle import LogThrottle

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def test_one_reason_and_machine_are_logged_twice_a_minute() -> None:
    throttle = LogThrottle()

    logged = [
        throttle.is_due(f"ipv4:10.0.0.1:{port}", "no token", NOW + timedelta(seconds=after))
        for port, after in ((1000, 0), (1001, 1), (1002, 29), (1003, 30), (1004, 59))
    ]

    assert logged == [True, False, False, True, False]


def test_another_reason_or_machine_is_logged_at_once() -> None:
    throttle = LogThrottle()
    throttle.is_due("ipv4:10.0.0.1:1000", "no token", NOW)

    assert throttle.is_due("ipv4:10.0.0.1:1000", "the token has expired", NOW)
    assert throttle.is_due("ipv4:10.0.0.2:1000", "no token", NOW)


def test_a_machine_that_makes_up_reasons_is_logged_thirty_times_in_thirty_seconds() -> None:
    throttle = LogThrottle()

    logged = [
        throttle.is_due("ipv4:10.0.0.1:1000", f"node id {i} is not one", NOW) for i in range(1_000)
    ]
    later = NOW + timedelta(seconds=30)

    assert logged == [True] * 30 + [False] * 970
    assert throttle.is_due("ipv4:10.0.0.2:1000", "no token", NOW)
    assert throttle.is_due("ipv4:10.0.0.1:1000", "node id 5 is not one", later)


def test_no_more_machines_than_a_thousand_are_remembered() -> None:
    throttle = LogThrottle()
    for i in range(1_001):
        throttle.is_due(f"ipv6:[::{i}]:1000", "no token", NOW)

    assert throttle.is_due("ipv6:[::0]:1000", "no token", NOW)
