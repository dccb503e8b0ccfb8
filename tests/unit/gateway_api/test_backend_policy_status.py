"""The status of policies for backends, and what is reported of them."""

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.gateway_api.backend_traffic_policy import X_BACKEND_TRAFFIC_POLICY
from controlplane.queries.policy.backend_status import policy_status
from tests.support.backend_policies import (
    config_map,
    destination_rule,
    service,
    tls_policy,
    traffic_policy,
)
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import gateway

HTTP = "{name: http, port: 8080, protocol: HTTP}"
OURS = "gatewayClassName: controlplane"
BOTH = service() + config_map()
GOOD = ["Accepted: True Accepted", "ResolvedRefs: True ResolvedRefs"]
MISSING = ["Accepted: False TargetNotFound", "ResolvedRefs: True ResolvedRefs"]
CONFLICT = ["Accepted: False Conflicted", "ResolvedRefs: True ResolvedRefs"]
IGNORED = "{istio.io/ignore-policy-attachment: 'true'}"


def route(backend: str = "shop", parent: str = "edge") -> str:
    return (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
        f"metadata: {{name: {backend}, namespace: default}}\nspec:\n"
        f"  parentRefs: [{{name: {parent}}}]\n"
        f"  rules: [{{backendRefs: [{{name: {backend}, port: 80}}]}}]\n---\n"
    )


def status(declared: Declared, name: str = "shop") -> dict[str, list[str]]:
    key = ObjectKey(BACKEND_TLS_POLICY, Namespace("default"), name)
    return {
        f"{each.ancestor.kind.name} {each.ancestor.name} {each.section_name}".strip(): [
            str(condition) for condition in each.conditions
        ]
        for each in policy_status(declared.graph, key)
    }


def test_a_policy_is_accepted_for_its_target_and_for_each_gateway_that_leads_there() -> None:
    elsewhere = gateway(HTTP, name="other", more="gatewayClassName: nginx")
    unused = gateway("{name: http, port: 8081, protocol: HTTP}", name="unused")
    more = elsewhere + route("shop", "other").replace("name: shop,", "name: shop-2,") + unused

    declared = Declared(BOTH + gateway(HTTP) + route() + more + tls_policy())

    assert status(declared) == {"Service shop": GOOD, "Gateway edge": GOOD}


@pytest.mark.parametrize(
    ("ca", "reason"),
    [
        ("group: '', kind: ConfigMap, name: none", "InvalidCACertificateRef"),
        ("group: '', kind: Bucket, name: root-ca", "InvalidKind"),
        ("group: '', kind: ConfigMap, name: empty", "InvalidCACertificateRef"),
    ],
)
def test_a_policy_without_authorities_is_not_accepted(ca: str, reason: str) -> None:
    empty = config_map("empty", "other.crt")
    declared = Declared(BOTH + empty + gateway(HTTP) + route() + tls_policy(ca=ca))

    bad = ["Accepted: False NoValidCACertificate", f"ResolvedRefs: False {reason}"]
    assert status(declared) == {"Service shop": bad, "Gateway edge": bad}


@pytest.mark.parametrize(
    "target",
    [
        "kind: Service, name: none",
        "kind: Service, name: shop, sectionName: x",
        "kind: Bucket, name: shop",
    ],
)
def test_a_policy_without_its_target_is_not_accepted(target: str) -> None:
    policy = tls_policy().replace("kind: Service, name: shop", target)
    declared = Declared(BOTH + gateway(HTTP) + route() + policy)

    assert list(status(declared).values()) == [MISSING]


@pytest.mark.parametrize(
    ("more", "expected"), [("gatewayClassName: istio", GOOD), (OURS, CONFLICT)]
)
def test_the_younger_of_two_policies_conflicts_by_the_specification(
    more: str, expected: list[str]
) -> None:
    old = tls_policy("old", created="2020-01-01T00:00:00Z")
    declared = Declared(BOTH + gateway(HTTP, more=more) + route() + old + tls_policy("young"))

    assert status(declared, "young") == {"Service shop": expected, "Gateway edge": expected}
    assert status(declared, "old") == {"Service shop": GOOD, "Gateway edge": GOOD}


def test_a_policy_that_others_carry_out_says_so() -> None:
    declared = Declared(BOTH + gateway(HTTP) + route() + tls_policy(annotations=IGNORED))

    assert status(declared) == {"Service shop": ["Accepted: False IgnoredByIstio"]}


def test_a_budget_is_accepted_for_its_service_and_by_gateways_of_our_class() -> None:
    key = ObjectKey(X_BACKEND_TRAFFIC_POLICY, Namespace("default"), "shop")
    text = service() + route() + traffic_policy("{}")

    def found(more: str) -> list[tuple[str, list[str]]]:
        graph = Declared(text + gateway(HTTP, more=more)).graph
        return [
            (each.ancestor.kind.name, [str(condition) for condition in each.conditions])
            for each in policy_status(graph, key)
        ]

    accepted = ["Accepted: True Accepted"]
    assert found("gatewayClassName: istio") == [("Service", accepted)]
    assert found(OURS) == [("Service", accepted), ("Gateway", accepted)]


def test_a_status_names_sixteen_ancestors_at_most() -> None:
    names = [f"s{i:02}" for i in range(16)]
    targets = [f"name: {name}" for name in names]
    services = "".join(service(name) for name in names)

    declared = Declared(
        services + config_map() + gateway(HTTP) + route("s00") + tls_policy(targets=targets)
    )

    assert list(status(declared)) == [f"Service {name}" for name in names]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BOTH + tls_policy(), set()),
        (
            service() + tls_policy(),
            {"CP0750 BackendTLSPolicy/default/shop.spec.validation.caCertificateRefs[0].name"},
        ),
        (
            BOTH + tls_policy(targets=["name: none"]),
            {"CP0751 BackendTLSPolicy/default/shop.spec.targetRefs[0].name"},
        ),
        (
            BOTH + tls_policy(targets=["name: shop, sectionName: x"]),
            {"CP0751 BackendTLSPolicy/default/shop.spec.targetRefs[0].sectionName"},
        ),
        (
            BOTH + tls_policy("a") + tls_policy("b"),
            {"CP0752 BackendTLSPolicy/default/b.spec.targetRefs[0].name"},
        ),
        (
            service() + traffic_policy("{}", "a") + traffic_policy("{}", "b"),
            {"CP0752 XBackendTrafficPolicy/default/b.spec.targetRefs[0].name"},
        ),
        (
            service() + traffic_policy("{}", target="none"),
            {"CP0751 XBackendTrafficPolicy/default/shop.spec.targetRefs[0].name"},
        ),
        (
            BOTH
            + tls_policy(
                ca="group: '', kind: ConfigMap, name: root-ca}, "
                "{group: '', kind: ConfigMap, name: root-ca"
            ),
            {"CP0753 BackendTLSPolicy/default/shop.spec.validation.caCertificateRefs[1]"},
        ),
        (
            BOTH + tls_policy() + destination_rule("{tls: {mode: DISABLE}}"),
            {"CP0754 BackendTLSPolicy/default/shop.spec.targetRefs[0]"},
        ),
        (
            BOTH
            + tls_policy()
            + destination_rule(
                "{portLevelSettings: [{port: {number: 81}, outlierDetection: {interval: 1s}}]}"
            ),
            {"CP0754 BackendTLSPolicy/default/shop.spec.targetRefs[0]"},
        ),
        (
            BOTH
            + tls_policy(targets=["name: shop, sectionName: one"])
            + destination_rule(
                "{portLevelSettings: [{port: {number: 81}, outlierDetection: {interval: 1s}}]}"
            ),
            set(),
        ),
        (
            BOTH + tls_policy() + destination_rule("{outlierDetection: {interval: 1s}}"),
            set(),
        ),
        (service() + tls_policy(targets=["name: none"], annotations=IGNORED), set()),
    ],
    ids=[
        "nothing",
        "no authorities",
        "no Service",
        "no such port",
        "two policies for TLS",
        "two budgets",
        "a budget for no Service",
        "two ConfigMaps",
        "a rule without TLS",
        "a rule for a port without TLS",
        "a rule for another port",
        "a rule that says nothing of TLS",
        "a policy for others",
    ],
)
def test_what_is_wrong_is_reported_at_its_field(text: str, expected: set[str]) -> None:
    assert {found for found in Declared(text).reported() if "Policy/" in found} == expected
