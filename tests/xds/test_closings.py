"""What is told of streams that are closed again and again."""

from datetime import UTC
from datetime import datetime
from datetime import timedelta

from controlplane.xds.closings import Closings

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def test_a_machine_that_is_refused_again_is_told_of_twice_a_minute() -> None:
    closings = Closings()

    told = [
        closings.are_news(f"ipv4:10.0.0.1:{port}", "no token", NOW + timedelta(seconds=after))
        for port, after in ((1000, 0), (1001, 1), (1002, 29), (1003, 30), (1004, 59))
    ]

    assert told == [True, False, False, True, False]


def test_another_reason_and_another_machine_are_told_at_once() -> None:
    closings = Closings()
    closings.are_news("ipv4:10.0.0.1:1000", "no token", NOW)

    assert closings.are_news("ipv4:10.0.0.1:1000", "the token has expired", NOW)
    assert closings.are_news("ipv4:10.0.0.2:1000", "no token", NOW)


def test_no_more_reasons_than_a_thousand_are_kept() -> None:
    closings = Closings()
    for i in range(1_001):
        closings.are_news("ipv4:10.0.0.1:1000", f"node id {i} is not one", NOW)

    assert closings.are_news("ipv4:10.0.0.1:1000", "node id 0 is not one", NOW)
