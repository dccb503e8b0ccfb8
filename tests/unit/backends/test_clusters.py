"""What becomes of Services, ServiceEntries and DestinationRules in a gateway's clusters."""

from typing import Any

import pytest

from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.mesh_config import MeshTls
from controlplane.kinds.istio.mesh_config import ProxyConfig
from controlplane.kinds.istio.mesh_config import ProxyHeaders
from controlplane.model.proxy import Client
from controlplane.model.proxy import Role
from tests.support.declared import Declared

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80, targetPort: 9080}]}
---
"""
NAME = "outbound|80||reviews.default.svc.cluster.local"


def entry(**fields: str) -> str:
    """A ServiceEntry for api.partner.com; fields in YAML's flow style."""
    body = {
        "hosts": "[api.partner.com]",
        "resolution": "STATIC",
        "ports": "[{number: 80, name: http, protocol: HTTP}]",
    } | fields
    lines = "\n".join(f"  {name}: {value}" for name, value in body.items())
    return (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: partner, namespace: default}}\nspec:\n{lines}\n---\n"
    )


PARTNER = "outbound|80||api.partner.com"


def rule(policy: str, *, host: str = "reviews", subsets: str = "[]") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: rule, namespace: default}}
spec:
  host: {host}
  trafficPolicy: {policy}
  subsets: {subsets}
---
"""


def cluster(text: str, name: str = NAME, mesh: MeshConfig | None = None) -> dict[str, Any]:
    return Declared(text, mesh=mesh).clusters()[name]


def test_a_service_gets_a_cluster_for_each_port_and_subset() -> None:
    subsets = "[{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]"

    names = sorted(Declared(SERVICE + rule("{tls: {}}", subsets=subsets)).clusters())

    assert names == [
        "BlackHoleCluster",
        "outbound|80|v1|reviews.default.svc.cluster.local",
        "outbound|80|v2|reviews.default.svc.cluster.local",
        "outbound|80||reviews.default.svc.cluster.local",
    ]


def test_a_cluster_says_what_it_is_of() -> None:
    found = cluster(SERVICE + rule("{tls: {}}"))

    assert found["metadata"]["filter_metadata"]["istio"] == {
        "config": "/apis/networking.istio.io/v1/namespaces/default/destination-rule/rule",
        "services": [
            {
                "host": "reviews.default.svc.cluster.local",
                "name": "reviews",
                "namespace": "default",
            }
        ],
    }


def test_endpoints_come_over_the_same_stream_and_are_waited_for() -> None:
    found = cluster(SERVICE)

    assert found["type"] == "EDS"
    assert found["eds_cluster_config"] == {
        "eds_config": {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    }


def test_the_black_hole_has_no_endpoints() -> None:
    assert cluster("", "BlackHoleCluster") == {
        "name": "BlackHoleCluster",
        "type": "STATIC",
        "connect_timeout": "10s",
    }


@pytest.mark.parametrize(
    ("resolution", "kind"),
    [("STATIC", "EDS"), ("NONE", "EDS"), ("DNS", "STRICT_DNS"), ("DNS_ROUND_ROBIN", "LOGICAL_DNS")],
)
def test_resolutions(resolution: str, kind: str) -> None:
    assert cluster(entry(resolution=resolution), PARTNER)["type"] == kind


def test_a_name_for_dns_without_endpoints_is_the_host_itself_at_the_target_port() -> None:
    ports = "[{number: 80, name: http, protocol: HTTP, targetPort: 8080}]"
    found = cluster(entry(resolution="DNS", ports=ports), PARTNER)

    assert found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] == {
        "socket_address": {"address": "api.partner.com", "port_value": 8080}
    }


def test_names_are_looked_up_often_whatever_their_time_to_live() -> None:
    found = cluster(entry(resolution="DNS"), PARTNER)

    assert "respect_dns_ttl" not in found
    assert found["dns_refresh_rate"] == "5s"
    assert found["dns_failure_refresh_rate"] == {"base_interval": "1s", "max_interval": "5s"}


def test_a_dns_subset_without_endpoints_has_no_cluster() -> None:
    subsets = "[{name: v9, labels: {version: v9}}]"
    text = entry(resolution="DNS") + rule("{tls: {}}", host="api.partner.com", subsets=subsets)

    assert sorted(Declared(text).clusters()) == ["BlackHoleCluster", PARTNER]


def test_dynamic_dns_looks_up_the_name_in_the_request() -> None:
    found = cluster(
        entry(hosts='["*.partner.com"]', resolution="DYNAMIC_DNS"), "outbound|80||*.partner.com"
    )

    assert "type" not in found
    assert found["lb_policy"] == "CLUSTER_PROVIDED"
    assert found["cluster_type"]["typed_config"]["dns_cache_config"] == {
        "name": "*.partner.com_dfp_dns_cache",
        "dns_lookup_family": "V4_ONLY",
    }


def test_an_alias_has_no_cluster_of_its_own() -> None:
    alias = """
apiVersion: v1
kind: Service
metadata: {name: old, namespace: default}
spec: {type: ExternalName, externalName: reviews.default.svc.cluster.local}
"""
    assert sorted(Declared(SERVICE + alias).clusters()) == ["BlackHoleCluster", NAME]


@pytest.mark.parametrize(
    ("balancer", "policy", "config"),
    [
        ("{}", "LEAST_REQUEST", {}),
        ("{simple: ROUND_ROBIN}", None, {}),
        ("{simple: RANDOM}", "RANDOM", {}),
        (
            "{consistentHash: {useSourceIp: true}}",
            "RING_HASH",
            {"ring_hash_lb_config": {"minimum_ring_size": "1024"}},
        ),
        (
            "{consistentHash: {useSourceIp: true, ringHash: {minimumRingSize: 9000000}}}",
            "RING_HASH",
            {"ring_hash_lb_config": {"minimum_ring_size": "8388608"}},
        ),
        (
            "{consistentHash: {useSourceIp: true, maglev: {tableSize: 65537}}}",
            "MAGLEV",
            {"maglev_lb_config": {"table_size": "65537"}},
        ),
        (
            "{simple: ROUND_ROBIN, warmup: {duration: 30s, aggression: 2}}",
            None,
            {
                "round_robin_lb_config": {
                    "slow_start_config": {
                        "slow_start_window": "30s",
                        "aggression": {"default_value": 2.0},
                        "min_weight_percent": {"value": 10.0},
                    }
                }
            },
        ),
    ],
    ids=[
        "least requests unless said",
        "round robin is Envoy's default",
        "random",
        "a ring of 1024",
        "a ring no larger than Envoy takes",
        "maglev",
        "warm-up",
    ],
)
def test_balancers(balancer: str, policy: str | None, config: dict[str, Any]) -> None:
    found = cluster(SERVICE + rule(f"{{loadBalancer: {balancer}}}"))

    assert found.get("lb_policy") == policy
    assert {name: found[name] for name in found if name.endswith("lb_config")} == config | {
        "common_lb_config": {"healthy_panic_threshold": {}}
    }


def test_pools_set_limits_and_timeouts() -> None:
    pool = """
      tcp: {maxConnections: 3, connectTimeout: 2s, tcpKeepalive: {probes: 4, time: 1m}}
      http: {http1MaxPendingRequests: 5, maxRequestsPerConnection: 6, idleTimeout: 7s}
"""
    found = cluster(SERVICE + rule(f"\n    connectionPool:{pool}"))

    assert found["connect_timeout"] == "2s"
    assert found["circuit_breakers"]["thresholds"] == [
        {
            "max_connections": 3,
            "max_pending_requests": 5,
            "max_requests": 4294967295,
            "max_retries": 4294967295,
        }
    ]
    assert found["upstream_connection_options"] == {
        "tcp_keepalive": {"keepalive_probes": 4, "keepalive_time": 60}
    }
    assert found["typed_extension_protocol_options"][HTTP_OPTIONS][
        "common_http_protocol_options"
    ] == {"idle_timeout": "7s", "max_requests_per_connection": 6}


def test_outlier_detection_ejects_for_certain_or_not_at_all() -> None:
    found = cluster(
        SERVICE + rule("{outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 2}}")
    )

    assert found["outlier_detection"] == {
        "consecutive_5xx": 0,
        "enforcing_consecutive_5xx": 0,
        "consecutive_gateway_failure": 2,
        "enforcing_consecutive_gateway_failure": 100,
        "enforcing_success_rate": 0,
    }


def tls(found: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = found["transport_socket"]["typed_config"]
    return context


def test_without_a_rule_endpoints_of_the_mesh_get_mutual_tls_if_they_take_it() -> None:
    found = cluster(SERVICE)

    matches = found["transport_socket_matches"]
    context = matches[0]["transport_socket"]["typed_config"]
    assert [(m["name"], m["match"]) for m in matches] == [
        ("tlsMode-istio", {"tlsMode": "istio"}),
        ("tlsMode-disabled", {}),
    ]
    assert context["sni"] == "outbound_.80_._.reviews.default.svc.cluster.local"
    assert context["common_tls_context"]["alpn_protocols"] == ["istio-http/1.1", "istio"]


def test_the_identities_of_endpoints_are_demanded() -> None:
    found = cluster(
        entry(
            location="MESH_INTERNAL",
            endpoints="[{address: 10.0.0.1, serviceAccount: b}, "
            "{address: 10.0.0.2, serviceAccount: a}]",
        ),
        PARTNER,
    )

    context = found["transport_socket_matches"][0]["transport_socket"]["typed_config"]
    validation = context["common_tls_context"]["combined_validation_context"]
    assert validation["default_validation_context"]["match_subject_alt_names"] == [
        {"exact": "spiffe://cluster.local/ns/default/sa/a"},
        {"exact": "spiffe://cluster.local/ns/default/sa/b"},
    ]


@pytest.mark.parametrize(
    "text",
    [
        SERVICE + rule("{tls: {mode: DISABLE}}"),
        SERVICE + rule("{tls: {}}"),
        SERVICE.replace("10.0.0.1", "None"),
    ],
    ids=["DISABLE", "a mode that is left out", "a headless service without endpoints"],
)
def test_plaintext(text: str) -> None:
    found = cluster(text)

    assert "transport_socket" not in found
    assert "transport_socket_matches" not in found


def test_outside_of_the_mesh_is_plaintext_unless_a_rule_says_else() -> None:
    assert "transport_socket_matches" not in cluster(entry(), PARTNER)


def test_the_mesh_can_switch_automatic_mutual_tls_off() -> None:
    assert "transport_socket_matches" not in cluster(
        SERVICE, mesh=MeshConfig(enable_auto_mtls=False)
    )


def test_tls_without_sni_sends_and_proves_the_host_of_the_request() -> None:
    found = cluster(SERVICE + rule("{tls: {mode: SIMPLE}}"))

    context = tls(found)["common_tls_context"]
    options = found["typed_extension_protocol_options"][HTTP_OPTIONS]
    trust = context["combined_validation_context"]["validation_context_sds_secret_config"]
    assert trust["name"] == "file-root:/etc/ssl/certs/ca-certificates.crt"
    assert options["upstream_http_protocol_options"] == {
        "auto_sni": True,
        "auto_san_validation": True,
    }


def test_tls_with_sni_proves_the_names_given() -> None:
    policy = "{tls: {mode: SIMPLE, caCertificates: /ca.pem, sni: a.com, subjectAltNames: [b.com]}}"
    found = cluster(SERVICE + rule(policy))

    assert tls(found)["sni"] == "a.com"
    assert tls(found)["common_tls_context"]["combined_validation_context"] == {
        "default_validation_context": {"match_subject_alt_names": [{"exact": "b.com"}]},
        "validation_context_sds_secret_config": {
            "name": "file-root:/ca.pem",
            "sds_config": {"ads": {}, "resource_api_version": "V3"},
        },
    }
    assert "typed_extension_protocol_options" not in found


def test_credentials_are_asked_for_by_name() -> None:
    found = cluster(SERVICE + rule("{tls: {mode: MUTUAL, credentialName: partner}}"))

    context = tls(found)["common_tls_context"]
    source = {"ads": {}, "resource_api_version": "V3"}
    assert context["tls_certificate_sds_secret_configs"] == [
        {"name": "kubernetes://partner", "sds_config": source}
    ]
    assert context["combined_validation_context"]["validation_context_sds_secret_config"] == {
        "name": "kubernetes://partner-cacert",
        "sds_config": source,
    }


def test_nothing_is_verified_where_the_user_says_so() -> None:
    policy = "{tls: {mode: SIMPLE, insecureSkipVerify: true}}"
    found = cluster(
        entry(subjectAltNames="[a.com]") + rule(policy, host="api.partner.com"), PARTNER
    )

    assert tls(found)["common_tls_context"]["validation_context"] == {}


def test_the_names_of_a_service_entry_are_demanded_besides_the_host() -> None:
    policy = "{tls: {mode: SIMPLE, caCertificates: /ca.pem}}"
    found = cluster(
        entry(subjectAltNames="[a.com]") + rule(policy, host="api.partner.com"), PARTNER
    )

    context = tls(found)["common_tls_context"]["combined_validation_context"]
    validation = context["default_validation_context"]
    options = found["typed_extension_protocol_options"][HTTP_OPTIONS]
    assert validation["match_subject_alt_names"] == [{"exact": "a.com"}]
    assert options["upstream_http_protocol_options"]["auto_san_validation"] is True


def test_the_accounts_of_a_service_entrys_endpoints_are_demanded_too() -> None:
    policy = "{tls: {mode: SIMPLE, caCertificates: /ca.pem, sni: a.com}}"
    endpoints = "[{address: 10.0.0.1, serviceAccount: web}, {address: 10.0.0.2}]"
    found = cluster(entry(endpoints=endpoints) + rule(policy, host="api.partner.com"), PARTNER)

    context = tls(found)["common_tls_context"]["combined_validation_context"]
    assert context["default_validation_context"]["match_subject_alt_names"] == [
        {"exact": "spiffe://cluster.local/ns/default/sa/web"}
    ]


@pytest.mark.parametrize(
    ("policy", "subset", "expected"),
    [
        (
            "{loadBalancer: {simple: PASSTHROUGH}}",
            "{loadBalancer: {simple: RANDOM}}",
            "ORIGINAL_DST",
        ),
        (
            "{loadBalancer: {simple: RANDOM}}",
            "{loadBalancer: {simple: PASSTHROUGH}}",
            "ORIGINAL_DST",
        ),
        ("{loadBalancer: {simple: RANDOM}}", "{tls: {}}", "EDS"),
    ],
    ids=["of the rule", "of the subset", "of neither"],
)
def test_a_subset_below_passthrough_passes_through_too(
    policy: str, subset: str, expected: str
) -> None:
    subsets = f"[{{name: v1, trafficPolicy: {subset}}}]"
    found = cluster(
        SERVICE + rule(policy, subsets=subsets), "outbound|80|v1|reviews.default.svc.cluster.local"
    )

    assert found["type"] == expected


def test_a_path_that_no_socket_can_have_is_no_endpoint() -> None:
    text = entry(endpoints=f"[{{address: 'unix:///{'x' * 120}'}}, {{address: 'unix:///a'}}]")

    groups = Declared(text).endpoints()[PARTNER]

    assert [e["endpoint"]["address"] for e in groups[0]["lb_endpoints"]] == [
        {"pipe": {"path": "/a"}}
    ]


def test_a_server_name_longer_than_any_host_is_not_sent() -> None:
    host = ".".join(["a" * 60] * 4)
    found = cluster(entry(hosts=f"[{host}]", location="MESH_INTERNAL"), f"outbound|80||{host}")

    context = found["transport_socket_matches"][0]["transport_socket"]["typed_config"]
    assert "sni" not in context


def test_the_mesh_says_the_ciphers_of_tls_that_is_not_its_own() -> None:
    mesh = MeshConfig(
        tls_defaults=MeshTls(cipher_suites=("AES128-SHA", "NONE-OF-ENVOYS"), ecdh_curves=("P-256",))
    )
    found = cluster(SERVICE + rule("{tls: {mode: SIMPLE}}"), mesh=mesh)

    parameters = tls(found)["common_tls_context"]["tls_params"]
    assert parameters["cipher_suites"] == ["AES128-SHA"]
    assert parameters["ecdh_curves"] == ["P-256"]


def test_header_names_are_spelled_as_the_client_does_where_the_mesh_says_so() -> None:
    headers = ProxyHeaders(preserve_http1_header_case=True)
    mesh = MeshConfig(default_config=ProxyConfig(proxy_headers=headers))

    options = cluster(SERVICE, mesh=mesh)["typed_extension_protocol_options"][HTTP_OPTIONS]

    spelling = options["explicit_http_config"]["http_protocol_options"]["header_key_format"]
    assert spelling["stateful_formatter"]["name"] == "preserve_case"


def test_proxy_protocol_wraps_every_way_to_an_endpoint() -> None:
    found = cluster(SERVICE + rule("{proxyProtocol: {version: V2}}"))

    sockets = [match["transport_socket"] for match in found["transport_socket_matches"]]
    assert [socket["name"] for socket in sockets] == [
        "envoy.transport_sockets.upstream_proxy_protocol",
        "envoy.transport_sockets.upstream_proxy_protocol",
    ]
    assert sockets[1]["typed_config"]["config"] == {"version": "V2"}
    assert sockets[1]["typed_config"]["transport_socket"]["name"] == (
        "envoy.transport_sockets.raw_buffer"
    )


def test_a_retry_budget_is_a_share_of_the_requests_under_way() -> None:
    found = cluster(SERVICE + rule("{retryBudget: {percent: 25, minRetryConcurrency: 4}}"))

    assert found["circuit_breakers"]["thresholds"][0]["retry_budget"] == {
        "budget_percent": {"value": 25.0},
        "min_retry_concurrency": 4,
    }


SIDECAR = Client(role=Role.SIDECAR, namespace=Namespace("default"))


def test_a_sidecar_goes_where_its_application_was_going() -> None:
    ports = "[{number: 80, name: http, protocol: HTTP, targetPort: 8080}]"
    found = Declared(entry(resolution="NONE", ports=ports)).clusters(SIDECAR)[PARTNER]

    assert found["type"] == "ORIGINAL_DST"
    assert found["lb_policy"] == "CLUSTER_PROVIDED"
    assert found["original_dst_lb_config"] == {"upstream_port_override": 8080}


def test_a_credential_is_not_given_to_sidecars_that_are_not_selected() -> None:
    text = SERVICE + rule("{tls: {mode: SIMPLE, credentialName: partner}}")

    assert "transport_socket" not in Declared(text).clusters(SIDECAR)[NAME]
