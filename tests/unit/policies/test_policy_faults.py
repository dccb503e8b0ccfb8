"""AuthorizationPolicies that let through what they seem to refuse, or the other way round."""

from typing import Final

import pytest

from controlplane.kinds.istio.mesh_config import GatewayTopology, MeshConfig, ProxyConfig
from tests.support.checked import checked

WEB = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}PORTS]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web, namespace: shop}
spec: {address: 10.0.0.1, labels: {app: web}}
---
"""
STRICT = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {mtls: {mode: MODE}}
---
"""
GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
"""
BEHIND_ANOTHER: Final = MeshConfig(
    default_config=ProxyConfig(gateway_topology=GatewayTopology(num_trusted_proxies=1))
)


def policy(action: str, rules: str, selector: str = "app: web") -> str:
    return (
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
        "metadata: {name: p, namespace: shop}\n"
        f"spec: {{selector: {{matchLabels: {{{selector}}}}}, action: {action}, rules: {rules}}}\n"
        "---\n"
    )


def web(more_ports: str = "") -> str:
    return WEB.replace("PORTS", more_ports)


def mode(name: str) -> str:
    return STRICT.replace("MODE", name)


def found(text: str, mesh: MeshConfig | None = None) -> list[str]:
    lines = [line for line in checked(text, mesh=mesh) if "CP050" in line or "CP0324" in line]
    return [line.partition(" ")[2] for line in lines]


def codes(text: str) -> list[str]:
    return [line.split(":")[0].split()[-1] for line in found(text)]


def operation(fields: str) -> str:
    return f"[{{to: [{{operation: {{{fields}}}}}]}}]"


def source(fields: str) -> str:
    return f"[{{from: [{{source: {{{fields}}}}}]}}]"


def test_a_path_that_is_refused_exactly() -> None:
    assert found(web() + policy("DENY", operation("paths: [/admin]"))) == [
        "warning CP0501: only /admin itself is refused: /admin/ and /admin;x=1 are let through, "
        "which many servers take for the same -> allow what is meant with an ALLOW policy, or "
        "refuse every path that begins so: /admin*"
    ]


@pytest.mark.parametrize("path", ["/admin*", "*.php", "'/a/{*}'", "'*'"])
def test_other_forms_of_paths_have_no_other_spelling(path: str) -> None:
    assert found(web() + policy("DENY", operation(f"paths: [{path}]"))) == []


def test_a_path_that_is_allowed_exactly_is_as_it_is_meant() -> None:
    assert found(web() + policy("ALLOW", operation("paths: [/admin]"))) == []


def test_a_path_that_is_all_but_allowed() -> None:
    assert codes(web() + policy("ALLOW", operation("notPaths: [/admin]"))) == ["CP0501"]


def test_a_host_that_is_refused_without_port() -> None:
    assert found(web() + policy("DENY", operation("hosts: [secret.com]"))) == [
        "warning CP0502: only secret.com without a port is refused: a client that writes "
        "secret.com:80 is let through -> add secret.com:* to hosts"
    ]


def test_a_host_that_is_refused_with_every_port() -> None:
    text = policy("DENY", operation("hosts: [secret.com, 'secret.com:*']"))

    assert found(web() + text) == []


GUESTS = source("namespaces: [guests]")
NOT_GUESTS = source("notNamespaces: [guests]")


@pytest.mark.parametrize("accepted", ["PERMISSIVE", "DISABLE"])
def test_a_caller_without_certificate_is_not_refused_by_identity(accepted: str) -> None:
    assert found(web() + mode(accepted) + policy("DENY", GUESTS)) == [
        f"warning CP0504: plaintext is accepted here ({accepted}), and who calls so has no "
        "identity: namespaces lets it through -> demand certificates with a PeerAuthentication "
        "whose mtls.mode is STRICT"
    ]


def test_a_caller_without_certificate_is_none_of_those_that_are_not_allowed() -> None:
    assert codes(web() + policy("ALLOW", NOT_GUESTS)) == ["CP0504"]


def test_identities_that_nobody_can_show() -> None:
    assert found(web() + mode("DISABLE") + policy("ALLOW", GUESTS)) == [
        "warning CP0504: PeerAuthentication says DISABLE, so no caller shows a certificate and "
        "namespaces never matches -> accept mutual TLS (PERMISSIVE or STRICT)"
    ]


@pytest.mark.parametrize(("action", "rules"), [("DENY", GUESTS), ("ALLOW", NOT_GUESTS)])
def test_with_certificates_demanded_identities_are_as_they_are_meant(
    action: str, rules: str
) -> None:
    assert found(web() + mode("STRICT") + policy(action, rules)) == []


PORTS = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, mtls: {mode: MODE}, portLevelMtls: {8080: {mode: ON}}}
---
"""


@pytest.mark.parametrize(
    ("mode_of_others", "mode_of_port", "rules", "is_reported"),
    [
        ("STRICT", "PERMISSIVE", GUESTS, True),
        ("PERMISSIVE", "STRICT", GUESTS, False),
        ("STRICT", "DISABLE", operation("ports: ['9090']")[:-2] + ", " + GUESTS[2:], False),
        ("PERMISSIVE", "STRICT", operation("ports: ['9090']")[:-2] + ", " + GUESTS[2:], True),
    ],
)
def test_what_a_port_accepts_decides_whether_callers_have_identities(
    mode_of_others: str, mode_of_port: str, rules: str, is_reported: bool
) -> None:
    peers = PORTS.replace("MODE", mode_of_others).replace("ON}", mode_of_port + "}")
    lines = checked(web() + peers + policy("DENY", rules))

    assert any("CP0504" in line for line in lines) is is_reported


def test_callers_without_certificate_are_refused_where_identities_are_allowed() -> None:
    assert found(web() + policy("ALLOW", GUESTS)) == []


def test_the_port_of_a_service_is_not_the_workload_s() -> None:
    assert found(web() + policy("ALLOW", operation("ports: ['80']"))) == [
        "warning CP0505: no Service leads to port 80 of these workloads, so the rule never "
        "matches what calls them through a Service (Service shop/web leads to 8080) -> write 8080, "
        "where port 80 of web.shop arrives"
    ]


def test_the_port_of_the_workload_is_as_it_is_meant() -> None:
    assert found(web() + policy("ALLOW", operation("ports: ['8080']"))) == []


TCP = ", {name: tcp-db, port: 5432}"


def test_rules_about_requests_where_none_are_read() -> None:
    assert found(web(TCP) + policy("ALLOW", operation("methods: [GET]"))) == [
        "warning CP0506: the rule allows nothing at port 5432 (TCP) of these workloads, of which "
        "no requests are read -> name the ports that the rule is for (to[].operation.ports)"
    ]


def test_rules_about_requests_that_mark_connections() -> None:
    (line,) = found(web(TCP) + policy("AUDIT", operation("methods: [GET]")))

    assert "CP0506: the rule is about every connection to port 5432 (TCP)" in line


def test_what_a_rule_of_deny_does_to_connections_is_reported_once() -> None:
    text = web(TCP) + policy("DENY", operation("methods: [GET]"))

    assert found(text) == []
    assert len([line for line in checked(text) if "CP0224" in line]) == 1


def test_rules_about_requests_at_a_port_of_tcp_that_they_name() -> None:
    assert codes(web(TCP) + policy("ALLOW", operation("methods: [GET], ports: ['5432']"))) == [
        "CP0506"
    ]
    unnamed = "[{to: [{operation: {ports: ['8080']}}, {operation: {methods: [GET]}}]}]"
    assert codes(web(TCP) + policy("ALLOW", unnamed)) == ["CP0506"]


STREAMS = GATEWAY.replace("name: http, protocol: HTTP", "name: tcp, protocol: TCP")
BY_NAME = STREAMS.replace("istio: ingressgateway", "gateway.networking.k8s.io/gateway-name: front")


def test_rules_about_requests_at_streams_of_a_gateway() -> None:
    assert codes(STREAMS + policy("ALLOW", operation("methods: [GET]"), INGRESS)) == ["CP0506"]
    at = "[{group: gateway.networking.k8s.io, kind: Gateway, name: front}]"
    referring = policy("ALLOW", operation("methods: [GET]")).replace(
        "selector: {matchLabels: {app: web}}", f"targetRefs: {at}"
    )
    assert codes(BY_NAME + referring) == ["CP0506"]


def test_rules_that_name_their_ports_are_as_they_are_meant() -> None:
    rules = operation("methods: [GET], ports: ['8080']")

    assert found(web(TCP) + policy("ALLOW", rules)) == []


def test_a_policy_that_selects_nobody() -> None:
    (line,) = found(web() + policy("ALLOW", "[{}]", "app: wbe"))

    assert line.startswith("warning CP0324: no workload of shop is declared that has app: wbe")
    assert line.endswith("-> write app: web")


INGRESS = "istio: ingressgateway"


def test_a_policy_of_gateways_selects_what_a_gateway_does() -> None:
    assert found(GATEWAY + policy("ALLOW", source("namespaces: [guests]"), INGRESS)) == []


def test_addresses_of_another_proxy() -> None:
    rules = source("ipBlocks: [10.0.0.0/8]")

    assert found(GATEWAY + policy("DENY", rules, INGRESS), BEHIND_ANOTHER) == [
        "warning CP0503: ipBlocks is about the address that the connection comes from, and by "
        "gatewayTopology of MeshConfig that is another proxy's -> write remoteIpBlocks for the "
        "client's address"
    ]
    assert found(GATEWAY + policy("DENY", rules, INGRESS)) == []
