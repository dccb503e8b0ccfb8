"""What a BackendTLSPolicy makes of the connections to a Service."""

import pytest

from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.backend_policies import (
    cluster,
    config_map,
    destination_rule,
    sent,
    service,
    tls_policy,
)
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import EDGE

ROOT = "configmap://default/root-ca-cacert"
SYSTEM = "file-root:/etc/ssl/certs/ca-certificates.crt"
BOTH = service() + config_map()


def test_the_hostname_is_sent_and_verified() -> None:
    declared = Declared(BOTH + tls_policy())

    assert sent(cluster(declared)) == ("shop.internal", ROOT, ["shop.internal"])
    assert sent(cluster(declared, 81)) == ("shop.internal", ROOT, ["shop.internal"])


def test_alternative_names_are_verified_instead_of_the_hostname() -> None:
    names = "[{type: Hostname, hostname: a.internal}, {type: URI, uri: 'spiffe://x/shop'}]"
    declared = Declared(BOTH + tls_policy(names=names))

    assert sent(cluster(declared)) == ("shop.internal", ROOT, ["a.internal", "spiffe://x/shop"])


def test_the_systems_authorities_are_those_of_the_proxys_machine() -> None:
    declared = Declared(service() + tls_policy(ca=""))

    assert sent(cluster(declared)) == ("shop.internal", SYSTEM, ["shop.internal"])


@pytest.mark.parametrize(
    "others",
    [
        "",
        config_map(key="other.crt"),
        config_map(text="no certificate"),
    ],
    ids=["no ConfigMap", "no ca.crt in it", "no certificate in ca.crt"],
)
def test_without_authorities_no_connection_is_made(others: str) -> None:
    declared = Declared(service() + others + tls_policy())

    assert sent(cluster(declared)) == ("shop.internal", "invalid://", ["shop.internal"])


def test_authorities_of_another_kind_are_none() -> None:
    declared = Declared(BOTH + tls_policy(ca="group: '', kind: Secret, name: root-ca"))

    assert sent(cluster(declared)) == ("shop.internal", "invalid://", ["shop.internal"])


def test_what_is_declared_later_mends_a_policy() -> None:
    declared = Declared(service() + tls_policy())
    assert sent(cluster(declared)) == ("shop.internal", "invalid://", ["shop.internal"])

    declared.edit(config_map())

    assert sent(cluster(declared)) == ("shop.internal", ROOT, ["shop.internal"])


def test_authorities_that_go_while_connections_are_made_end_them() -> None:
    declared = Declared(BOTH + tls_policy())

    declared.remove(config_map())

    assert sent(cluster(declared)) == ("shop.internal", "invalid://", ["shop.internal"])


def test_a_policy_of_another_namespace_does_nothing() -> None:
    foreign = tls_policy().replace("namespace: default", "namespace: other")

    assert sent(cluster(Declared(BOTH + foreign))) is None


def test_a_policy_that_goes_leaves_plaintext() -> None:
    declared = Declared(BOTH + tls_policy())
    assert sent(cluster(declared)) is not None

    declared.remove(tls_policy())

    assert sent(cluster(declared)) is None


@pytest.mark.parametrize("target", ["name: pay", "name: shop, sectionName: three"])
def test_a_policy_without_its_target_does_nothing(target: str) -> None:
    declared = Declared(BOTH + tls_policy(targets=[target]))

    assert sent(cluster(declared)) is None


def test_a_policy_for_a_port_comes_before_one_for_the_service() -> None:
    one = tls_policy("b", targets=["name: shop, sectionName: one"], hostname="one.internal")
    whole = tls_policy("a", hostname="all.internal", created="2020-01-01T00:00:00Z")

    declared = Declared(BOTH + whole + one)

    assert sent(cluster(declared)) == ("one.internal", ROOT, ["one.internal"])
    assert sent(cluster(declared, 81)) == ("all.internal", ROOT, ["all.internal"])


def test_a_policy_for_a_port_leaves_the_others_alone() -> None:
    declared = Declared(BOTH + tls_policy(targets=["name: shop, sectionName: one"]))

    assert sent(cluster(declared)) is not None
    assert sent(cluster(declared, 81)) is None


@pytest.mark.parametrize(
    ("ages", "used"),
    [
        (("2024-01-01T00:00:00Z", "2023-01-01T00:00:00Z"), "b.internal"),
        (("2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"), "a.internal"),
        (("", "2024-01-01T00:00:00Z"), "b.internal"),
        (("", ""), "a.internal"),
    ],
    ids=["the older", "the older, other way round", "dated before undated", "by name"],
)
def test_of_two_policies_for_one_target_one_is_used(ages: tuple[str, str], used: str) -> None:
    policies = (
        tls_policy(name, hostname=f"{name}.internal", created=age)
        for name, age in zip("ab", ages, strict=True)
    )

    declared = Declared(BOTH + "".join(policies))

    assert sent(cluster(declared)) == (used, ROOT, [used])


def test_an_older_policy_without_authorities_does_not_give_way() -> None:
    old = tls_policy("old", ca="group: '', kind: Secret, name: x", created="2020-01-01T00:00:00Z")

    declared = Declared(BOTH + old + tls_policy("young"))

    assert sent(cluster(declared)) == ("shop.internal", "invalid://", ["shop.internal"])


def test_a_policy_that_others_carry_out_is_ignored() -> None:
    ignored = tls_policy(annotations="{istio.io/ignore-policy-attachment: 'TRUE'}")

    assert sent(cluster(Declared(BOTH + ignored))) is None


def test_a_policy_is_for_sidecars_too() -> None:
    declared = Declared(BOTH + tls_policy())
    clusters = declared.clusters()  # those of another namespace

    found = clusters["outbound|80||shop.default.svc.cluster.local"]

    assert sent(found) == ("shop.internal", ROOT, ["shop.internal"])


def test_a_policy_for_a_service_entry_is_for_its_hosts() -> None:
    entry = (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        "metadata: {name: shop, namespace: default}\n"
        "spec:\n  hosts: [shop.example.com, '*.shop.example.com']\n  resolution: NONE\n"
        "  ports: [{number: 80, name: one, protocol: HTTP}]\n---\n"
    )
    policy = tls_policy().replace(
        "group: '', kind: Service", "group: networking.istio.io, kind: ServiceEntry"
    )

    clusters = Declared(entry + config_map() + policy).clusters(EDGE)

    expected = ("shop.internal", ROOT, ["shop.internal"])
    assert sent(clusters["outbound|80||shop.example.com"]) == expected
    assert sent(clusters["outbound|80||*.shop.example.com"]) == expected


def test_a_destination_rule_says_what_the_policy_does_not() -> None:
    rule = destination_rule("{connectionPool: {tcp: {maxConnections: 7}}}")

    found = cluster(Declared(BOTH + tls_policy() + rule))

    assert sent(found) == ("shop.internal", ROOT, ["shop.internal"])
    assert found["circuit_breakers"]["thresholds"][0]["max_connections"] == 7


def test_the_tls_of_a_destination_rule_comes_before_the_policys() -> None:
    rule = destination_rule("{tls: {mode: SIMPLE, sni: rule.internal}}")

    declared = Declared(BOTH + tls_policy() + rule)

    assert sent(cluster(declared)) == ("rule.internal", SYSTEM, [])


def test_ports_of_a_destination_rule_and_of_policies_fill_each_other() -> None:
    rule = destination_rule(
        "{portLevelSettings: [{port: {number: 80}, connectionPool: {tcp: {maxConnections: 7}}}]}"
    )
    policy = tls_policy(targets=["name: shop, sectionName: one"])

    found = cluster(Declared(BOTH + policy + rule))

    assert sent(found) == ("shop.internal", ROOT, ["shop.internal"])
    assert found["circuit_breakers"]["thresholds"][0]["max_connections"] == 7


def test_subsets_of_a_destination_rule_inherit_the_policys_tls() -> None:
    rule = destination_rule(
        "{outlierDetection: {interval: 1s}}", "subsets: [{name: v1, labels: {version: v1}}]"
    )

    clusters = Declared(BOTH + tls_policy() + rule).clusters(EDGE)

    found = clusters["outbound|80|v1|shop.default.svc.cluster.local"]
    assert sent(found) == ("shop.internal", ROOT, ["shop.internal"])


@pytest.mark.parametrize(
    "rule",
    [
        destination_rule("{outlierDetection: {interval: 1s}}", "exportTo: ['.']"),
        destination_rule("{outlierDetection: {interval: 1s}}", "exportTo: [default, edge]"),
    ],
)
def test_a_rule_that_is_exported_otherwise_decides_alone_where_it_is_seen(rule: str) -> None:
    declared = Declared(BOTH + tls_policy() + rule)

    assert sent(cluster(declared)) is None


def test_where_rules_are_private_by_default_so_is_a_policy() -> None:
    mesh = MeshConfig(default_destination_rule_export_to=(".",))
    declared = Declared(BOTH + tls_policy(), mesh=mesh)
    name = "outbound|80||shop.default.svc.cluster.local"

    assert sent(declared.clusters(EDGE)[name]) is not None
    assert sent(declared.clusters()[name]) is None
