"""EnvoyFilters that select nothing, and patches that depend on what comes before them."""

from typing import Any

import pytest

from tests.support.reports import whole_analysis
from tests.unit.patches.given import HCM, LUA, Patched, envoy_filter, patch

FILTER = {"name": "lua", "typed_config": LUA}
IN_CHAIN = {"listener": {"filterChain": {"filter": {"name": HCM}}}}
MERGED = patch("CLUSTER", "MERGE", {"connect_timeout": "7s"})
OPERATION = "EnvoyFilter/istio-system/patch.spec.configPatches[0].patch.operation"
SELECTOR = "EnvoyFilter/default/patch.spec.workloadSelector.labels"


def _reported(*texts: str) -> list[str]:
    found = whole_analysis(Patched(*texts).engine)
    wanted = ("CP0324", "CP0541", "CP0542")
    return sorted(f"{d.code.id} {d.place}" for d in found if d.code.id in wanted)


@pytest.mark.parametrize(
    ("apply_to", "operation", "value"),
    [
        ("HTTP_FILTER", "INSERT_BEFORE", FILTER),
        ("HTTP_FILTER", "INSERT_AFTER", FILTER),
        ("HTTP_FILTER", "REPLACE", FILTER),
        ("VIRTUAL_HOST", "REPLACE", {"name": "a", "domains": ["a"]}),
        ("CLUSTER", "REMOVE", None),
    ],
)
def test_a_relative_operation_without_a_priority_is_reported(
    apply_to: str, operation: str, value: dict[str, Any] | None
) -> None:
    assert _reported(envoy_filter(patch(apply_to, operation, value))) == [f"CP0541 {OPERATION}"]


@pytest.mark.parametrize(
    ("apply_to", "operation", "value"),
    [
        ("HTTP_FILTER", "INSERT_FIRST", FILTER),
        ("CLUSTER", "MERGE", {"connect_timeout": "7s"}),
        ("HTTP_ROUTE", "REMOVE", None),
        ("CLUSTER", "REPLACE", {"name": "a"}),
    ],
)
def test_other_operations_need_no_priority(
    apply_to: str, operation: str, value: dict[str, Any] | None
) -> None:
    assert _reported(envoy_filter(patch(apply_to, operation, value))) == []


def test_with_a_priority_nothing_is_reported() -> None:
    assert _reported(envoy_filter(patch("CLUSTER", "REMOVE"), priority=-1)) == []


def test_a_patch_of_its_name_for_some_versions_is_reported_with_it() -> None:
    one = patch("HTTP_FILTER", "INSERT_BEFORE", FILTER, IN_CHAIN)
    other = patch(
        "HTTP_FILTER", "INSERT_FIRST", FILTER, {**IN_CHAIN, "proxy": {"proxyVersion": "^1.30"}}
    )

    assert _reported(envoy_filter(one), envoy_filter(other, name="other")) == [
        f"CP0542 {OPERATION}"
    ]


def test_a_later_patch_of_the_same_object_for_some_versions_does_not_matter() -> None:
    one = patch("HTTP_FILTER", "INSERT_BEFORE", FILTER, IN_CHAIN)
    other = patch(
        "HTTP_FILTER", "INSERT_FIRST", FILTER, {**IN_CHAIN, "proxy": {"proxyVersion": "^1.30"}}
    )

    assert _reported(envoy_filter(one, other)) == [f"CP0541 {OPERATION}"]


def _selecting(labels: dict[str, str], namespace: str = "default") -> str:
    return envoy_filter(MERGED, namespace=namespace, workloadSelector={"labels": labels})


def test_a_selector_that_no_workload_has_the_labels_for_is_reported() -> None:
    assert _reported(_selecting({"app": "shpo"})) == [f"CP0324 {SELECTOR}"]


@pytest.mark.parametrize("labels", [{"app": "shop"}, {"istio": "ingressgateway"}])
def test_a_selector_of_a_workload_or_of_the_proxies_of_a_gateway_is_not(
    labels: dict[str, str],
) -> None:
    assert _reported(_selecting(labels)) == []


def test_a_selector_in_the_root_namespace_is_not_reported() -> None:
    assert _reported(_selecting({"app": "elsewhere"}, "istio-system")) == []
