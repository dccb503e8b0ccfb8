"""Telemetries that do not apply where they are meant to."""

import pytest

from tests.support.declared import Declared

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: web, tier: front}}
spec: {containers: [{name: web}]}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
"""
APP = "selector: {matchLabels: {app: web}}"
TIER = "selector: {matchLabels: {tier: front}}"
OTHER = "selector: {matchLabels: {app: other}}"


def telemetry(name: str, spec: str = "", namespace: str = "default") -> str:
    return f"""---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{{spec}}}
"""


def said(*texts: str) -> set[str]:
    return {each for each in Declared(POD + "".join(texts)).reported() if "Telemetry/" in each}


def test_one_of_each_scope_is_fine() -> None:
    texts = [telemetry("mesh", "", "istio-system"), telemetry("own"), telemetry("selects", APP)]

    assert said(*texts) == set()


def test_a_second_one_for_all_has_no_effect() -> None:
    assert said(telemetry("a"), telemetry("b", "selector: {}"), telemetry("c", "", "other")) == {
        "CP0802 Telemetry/default/b.metadata.name"
    }


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        pytest.param(APP, APP, True, id="equal selectors"),
        pytest.param(APP, TIER, True, id="a workload that both select"),
        pytest.param(
            APP, "selector: {matchLabels: {app: web, tier: front}}", True, id="a narrower one"
        ),
    ],
)
def test_two_that_select_one_workload_overlap(one: str, other: str, overlaps: bool) -> None:
    found = said(telemetry("a", one), telemetry("b", other))

    assert found == ({"CP0803 Telemetry/default/b.metadata.name"} if overlaps else set())


def test_a_selector_that_finds_nothing_is_reported() -> None:
    assert said(telemetry("a", OTHER)) == {"CP0324 Telemetry/default/a.spec.selector.matchLabels"}


def test_references_that_lead_nowhere_are_reported() -> None:
    gateway = "{group: gateway.networking.k8s.io, kind: Gateway, name: edge}"

    assert said(telemetry("a", f"targetRefs: [{gateway}, {{kind: Service, name: web}}]")) == {
        "CP0755 Telemetry/default/a.spec.targetRefs[0].name",
        "CP0756 Telemetry/default/a.spec.targetRefs[1].kind",
    }
