"""To which proxies a policy is attached."""

from typing import Any

import pytest

from controlplane.base.names import Namespace
from controlplane.model.proxy import Labels, ResolvedProxy, Role
from controlplane.queries.policy.attachment import policy_keys
from tests.support.declared import Declared

WEB: Labels = (("app", "web"), ("version", "v1"))
EDGE: Labels = (("gateway.networking.k8s.io/gateway-name", "edge"),)
GATEWAY_API = "gateway.networking.k8s.io"


def is_attached(namespace: str, spec: str, labels: Labels) -> bool:
    """To a proxy of namespace ``default``."""
    declared = Declared(policy(namespace, spec))
    return bool(policy_keys(declared.graph, Namespace("default"), labels).authorization)


def policy(namespace: str, spec: str, name: str = "p") -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec: {spec}
"""


def to(kind: str, name: str, group: str = GATEWAY_API) -> str:
    return f"{{targetRefs: [{{group: {group}, kind: {kind}, name: {name}}}]}}"


@pytest.mark.parametrize(
    ("namespace", "spec", "labels", "expected"),
    [
        pytest.param("default", "{}", WEB, True, id="its namespace"),
        pytest.param("istio-system", "{}", WEB, True, id="the root namespace is for all"),
        pytest.param("other", "{}", WEB, False, id="another namespace"),
        pytest.param("default", "{selector: {matchLabels: {app: web}}}", WEB, True, id="a label"),
        pytest.param(
            "default",
            "{selector: {matchLabels: {app: web, version: v2}}}",
            WEB,
            False,
            id="every label counts",
        ),
        pytest.param("default", "{selector: {}}", WEB, True, id="an empty selector is for all"),
        pytest.param(
            "istio-system",
            "{selector: {matchLabels: {app: web}}}",
            WEB,
            True,
            id="a selector of the root namespace selects everywhere",
        ),
        pytest.param("default", to("Gateway", "edge"), EDGE, True, id="a Gateway"),
        pytest.param("default", to("Gateway", "edge"), WEB, False, id="no Gateway's proxy"),
        pytest.param("default", to("Gateway", "other"), EDGE, False, id="another Gateway"),
        pytest.param(
            "istio-system", to("Gateway", "edge"), EDGE, False, id="a Gateway is in its namespace"
        ),
        pytest.param("default", to("Service", "edge", '""'), EDGE, False, id="a Service"),
        pytest.param("default", to("GatewayClass", "edge"), EDGE, False, id="a GatewayClass"),
        pytest.param(
            "default",
            "{targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: edge}}",
            EDGE,
            True,
            id="a single reference",
        ),
        pytest.param("default", "{}", EDGE, True, id="a Gateway's proxy has selectors too"),
    ],
)
def test_a_policy_is_attached(namespace: str, spec: str, labels: Labels, expected: bool) -> None:
    assert is_attached(namespace, spec, labels) is expected


def test_policies_of_the_root_namespace_come_first_then_by_name() -> None:
    texts = [policy("default", "{}", "a"), policy("istio-system", "{}", "b")]
    declared = Declared("---".join([*texts, policy("default", "{}", "c")]))

    found = policy_keys(declared.graph, Namespace("default"), WEB)

    assert [key.name for key in found.authorization] == ["b", "a", "c"]


def test_an_edit_of_rules_changes_no_view_and_no_other_policy() -> None:
    rules = "{{rules: [{{to: [{{operation: {{ports: ['{port}']}}}}]}}]}}"
    declared = Declared(
        policy("default", rules.format(port=1), "a") + "---" + policy("default", "{}", "b")
    )
    proxy = ResolvedProxy(role=Role.SIDECAR, namespace=Namespace("default"), labels=WEB)
    declared.listeners(proxy)
    declared.graph.trace = ran = []

    declared.edit(policy("default", rules.format(port=2), "a"))
    declared.listeners(proxy)

    names: list[str] = [each.partition("(")[0] for each in ran]
    assert "policy_keys" not in names
    assert "inbound_view" not in names
    assert names.count("policy_rules") == 2  # for HTTP and for TCP
    assert names.count("policy_config") == 2


def given_listeners(text: str, labels: Labels) -> dict[str, Any]:
    return Declared(text).listeners(
        ResolvedProxy(role=Role.SIDECAR, namespace=Namespace("default"), labels=labels)
    )


def test_what_a_workload_calls_is_decided_where_it_arrives() -> None:
    listeners = given_listeners(policy("default", "{}"), WEB)

    outbound = [one for one in listeners.values() if one["traffic_direction"] == "OUTBOUND"]
    assert outbound
    assert "rbac" not in str(outbound)
