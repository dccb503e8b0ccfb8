"""What an XBackendTrafficPolicy makes of retries to a Service."""

import pytest

from tests.support.backend_policies import (
    cluster,
    config_map,
    destination_rule,
    sent,
    service,
    tls_policy,
    traffic_policy,
)
from tests.support.declared import Declared


def budget(declared: Declared, port: int = 80) -> object:
    return cluster(declared, port)["circuit_breakers"]["thresholds"][0].get("retry_budget")


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("{}", {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 10}),
        (
            "{budget: {percent: 7, interval: 5s}, minRetryRate: {count: 3, interval: 2s}}",
            {"budget_percent": {"value": 7.0}, "min_retry_concurrency": 3},
        ),
        ("{minRetryRate: {}}", {"budget_percent": {"value": 20.0}}),
    ],
)
def test_a_budget_limits_retries(constraint: str, expected: object) -> None:
    declared = Declared(service() + traffic_policy(constraint))

    assert budget(declared) == expected
    assert budget(declared, 81) == expected


def test_of_two_policies_the_older_is_used() -> None:
    young = traffic_policy("{budget: {percent: 1}}", "a", created="2024-01-01T00:00:00Z")
    old = traffic_policy("{budget: {percent: 2}}", "b", created="2023-01-01T00:00:00Z")

    declared = Declared(service() + young + old)

    assert budget(declared) == {"budget_percent": {"value": 2.0}, "min_retry_concurrency": 10}


def test_a_destination_rules_budget_comes_first() -> None:
    rule = destination_rule("{retryBudget: {percent: 50, minRetryConcurrency: 1}}")

    declared = Declared(service() + traffic_policy("{}") + rule)

    assert budget(declared) == {"budget_percent": {"value": 50.0}, "min_retry_concurrency": 1}


def test_a_budget_is_there_beside_tls_for_a_port() -> None:
    tls = tls_policy(targets=["name: shop, sectionName: one"])

    declared = Declared(service() + config_map() + tls + traffic_policy("{}"))

    assert sent(cluster(declared)) is not None
    assert budget(declared) == {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 10}
