"""Which DestinationRules govern a host for a client."""

import pytest

from controlplane.base.names import Host, Namespace
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.outbound_view import RuleScope
from controlplane.queries.policy.rules import governing_rules, selected_rules
from tests.support.declared import Declared
from tests.unit.clusters.entries import EDGE, ROOT, entry


def rule(name: str, namespace: str = "default", host: str = "api.partner.com", **more: str) -> str:
    lines = "\n".join(f"  {key}: {value}" for key, value in more.items())
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  host: "{host}"
  trafficPolicy: {{tls: {{}}}}
{lines}
---
"""


GOLD = (("tier", "gold"),)


@pytest.mark.parametrize(
    ("rules", "namespace", "expected"),
    [
        (rule("a", "edge") + rule("b"), EDGE, ["edge/a"]),
        (rule("a", "edge", host="*.com") + rule("b"), EDGE, ["edge/a"]),
        (rule("a", "elsewhere") + rule("b"), EDGE, ["default/b"]),
        (rule("a", exportTo='["."]') + rule("b", "istio-system"), EDGE, ["istio-system/b"]),
        (rule("a", "istio-system") + rule("b"), ROOT, ["default/b"]),
        (rule("a", "istio-system", exportTo='["."]') + rule("b"), ROOT, ["istio-system/a"]),
        (rule("a", host="*.com") + rule("b", host="*.partner.com"), EDGE, ["default/b"]),
        (rule("a") + rule("b"), EDGE, ["default/a", "default/b"]),
        (rule("a", exportTo="[edge]") + rule("b"), EDGE, ["default/b"]),
        (rule("a", exportTo="[edge]") + rule("b", exportTo="[edge, x]"), Namespace("x"), []),
        (
            rule("a", "edge") + rule("b", "edge", workloadSelector="{matchLabels: {tier: gold}}"),
            EDGE,
            ["edge/b"],
        ),
        (rule("a") + rule("b", "edge", workloadSelector="{matchLabels: {tier: x}}"), EDGE, []),
        (
            rule("a", "edge", workloadSelector="{matchLabels: {tier: gold}}")
            + rule("b", "edge", workloadSelector="{matchLabels: {tier: gold}}"),
            EDGE,
            ["edge/a", "edge/b"],
        ),
        (
            rule("a", "edge", workloadSelector="{matchLabels: {tier: gold}}")
            + rule("b", "edge", workloadSelector="{matchLabels: {tier: x}}"),
            EDGE,
            ["edge/a"],
        ),
    ],
    ids=[
        "the client's namespace first",
        "even by a wildcard",
        "then the service's, never another",
        "then the root namespace",
        "for clients in the root namespace its public rules come last",
        "but its private ones first",
        "the narrower wildcard",
        "rules with equal exports are merged",
        "others are not, and the last one counts",
        "a rule seen by more joins one seen by fewer, and is lost to the rest",
        "a rule that selects the client",
        "a rule that selects others ends the search",
        "rules with equal selectors are merged",
        "others are not",
    ],
)
def test_which_rules_govern(rules: str, namespace: Namespace, expected: list[str]) -> None:
    graph = Declared(entry("a") + rules).graph
    host, declaring = Host("api.partner.com"), Namespace("default")

    scope = RuleScope(namespace, selected_rules(graph, namespace, GOLD))
    found = governing_rules(graph, host, declaring, scope)

    assert [f"{key.namespace}/{key.name}" for key in found] == expected


@pytest.mark.parametrize(
    ("mesh", "namespace", "expected"),
    [
        (MeshConfig(root_namespace="infra"), EDGE, ["infra/a"]),
        (MeshConfig(), EDGE, []),
        (
            MeshConfig(root_namespace="infra", default_destination_rule_export_to=(".",)),
            EDGE,
            [],
        ),
    ],
    ids=["its root namespace", "another namespace is none", "who sees rules that do not say"],
)
def test_the_mesh_says_where_rules_for_all_are(
    mesh: MeshConfig, namespace: Namespace, expected: list[str]
) -> None:
    graph = Declared(entry("a") + rule("a", "infra"), mesh=mesh).graph
    host, declaring = Host("api.partner.com"), Namespace("default")

    scope = RuleScope(namespace, selected_rules(graph, namespace, GOLD))
    found = governing_rules(graph, host, declaring, scope)

    assert [f"{key.namespace}/{key.name}" for key in found] == expected
