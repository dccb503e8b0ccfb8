"""What ``targetRefs`` of Istio's policies lead to."""

import pytest

from tests.support.declared import Declared
from tests.support.kubernetes_gateways import gateway

HTTP = "{name: http, port: 8080, protocol: HTTP}"
EDGE = "group: gateway.networking.k8s.io, kind: Gateway, name: edge"
BOUND = "gatewayClassName: istio\n  addresses: [{type: Hostname, value: ingress}]"
LABELLED = """
apiVersion: v1
kind: Pod
metadata:
  name: ingress
  namespace: default
  labels: {gateway.networking.k8s.io/gateway-name: edge}
spec: {containers: [{name: proxy}]}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
"""


def policy(target: str, kind: str = "AuthorizationPolicy", namespace: str = "default") -> str:
    version = "networking.istio.io/v1alpha3" if kind == "EnvoyFilter" else "security.istio.io/v1"
    spec = {
        "AuthorizationPolicy": "rules: [{to: [{operation: {methods: [GET]}}]}]",
        "RequestAuthentication": "jwtRules: []",
        "EnvoyFilter": "priority: 1",
    }[kind]
    return (
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: p, namespace: {namespace}}}\n"
        f"spec:\n  targetRefs: [{{{target}}}]\n  {spec}\n---\n"
    )


def said(text: str) -> set[str]:
    return {each for each in Declared(text).reported() if each.startswith(("CP0755", "CP0756"))}


@pytest.mark.parametrize("kind", ["AuthorizationPolicy", "RequestAuthentication", "EnvoyFilter"])
def test_a_gateway_that_is_not_declared_is_reported(kind: str) -> None:
    assert said(policy(EDGE, kind)) == {f"CP0755 {kind}/default/p.spec.targetRefs[0].name"}
    assert said(gateway(HTTP) + policy(EDGE, kind)) == set()


def test_the_old_form_of_a_reference_is_looked_at_too() -> None:
    text = (
        policy(EDGE).replace("targetRefs: [{", "targetRef: {").replace("}]\n  rules", "}\n  rules")
    )

    assert said(text) == {"CP0755 AuthorizationPolicy/default/p.spec.targetRef.name"}


def test_a_gateway_of_another_namespace_is_not_meant() -> None:
    assert said(gateway(HTTP) + policy(EDGE, namespace="other")) == {
        "CP0755 AuthorizationPolicy/other/p.spec.targetRefs[0].name"
    }


def test_a_gateway_that_others_serve_is_reported() -> None:
    text = gateway(HTTP, more="gatewayClassName: nginx") + policy(EDGE)

    assert said(text) == {"CP0755 AuthorizationPolicy/default/p.spec.targetRefs[0].name"}


@pytest.mark.parametrize(
    "target",
    [
        "group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint",
        "group: '', kind: Service, name: shop",
        "group: networking.istio.io, kind: ServiceEntry, name: shop",
    ],
)
def test_targets_of_waypoints_are_reported(target: str) -> None:
    namespace = "istio-system" if "GatewayClass" in target else "default"

    assert said(policy(target, namespace=namespace)) == {
        f"CP0756 AuthorizationPolicy/{namespace}/p.spec.targetRefs[0].kind"
    }


def test_proxies_behind_a_service_may_lack_the_label() -> None:
    text = gateway(HTTP, more=BOUND) + policy(EDGE)

    assert said(text) == {"CP0756 AuthorizationPolicy/default/p.spec.targetRefs[0].name"}
    assert said(text + LABELLED) == set()
