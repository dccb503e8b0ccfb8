"""What becomes of Services, ServiceEntries and DestinationRules in a gateway's clusters."""

from pathlib import Path
from typing import Any

import pytest

from controlplane.base.diagnostics import Report
from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.mesh_config import MeshTls
from controlplane.kinds.istio.mesh_config import ProxyConfig
from controlplane.kinds.istio.mesh_config import ProxyHeaders
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.model.proxy import IpFamily
from controlplane.model.proxy import Locality
from controlplane.model.proxy import ResolvedProxy
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


def mesh_of(text: str) -> MeshConfig:
    report = Report()
    found = decode_mesh_config(text, Path("mesh.yaml"), report)
    assert not list(report)
    return found


def part(found: dict[str, Any], path: str) -> object:
    """What is at ``path``, names with dots between them; ``None`` where something is missing.

    ``http`` is the cluster's options for HTTP.
    """
    value: Any = found
    if path.partition(".")[0] == "http":
        value, path = value.get("typed_extension_protocol_options", {}), path.removeprefix("http")
        value, path = value.get(HTTP_OPTIONS), path.removeprefix(".")
    for name in path.split(".") if path else ():
        value = value.get(name) if value is not None else None
    return value


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

    assert found["alt_stat_name"] == f"{NAME};"
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
        ("{simple: LEAST_REQUEST}", "LEAST_REQUEST", {}),
        ("{simple: LEAST_CONN}", "LEAST_REQUEST", {}),
        ("{simple: ROUND_ROBIN}", None, {}),
        ("{simple: RANDOM}", "RANDOM", {}),
        (
            "{consistentHash: {useSourceIp: true}}",
            "RING_HASH",
            {"ring_hash_lb_config": {"minimum_ring_size": "1024"}},
        ),
        ("{consistentHash: {useSourceIp: true, ringHash: {}}}", "RING_HASH", {}),
        (
            "{consistentHash: {useSourceIp: true, ringHash: {minimumRingSize: 7}}}",
            "RING_HASH",
            {"ring_hash_lb_config": {"minimum_ring_size": "7"}},
        ),
        (
            "{consistentHash: {useSourceIp: true, minimumRingSize: 8}}",
            "RING_HASH",
            {"ring_hash_lb_config": {"minimum_ring_size": "8"}},
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
        (
            "{simple: LEAST_REQUEST, warmup: {duration: 30s, minimumPercent: 20}}",
            "LEAST_REQUEST",
            {
                "least_request_lb_config": {
                    "slow_start_config": {
                        "slow_start_window": "30s",
                        "aggression": {"default_value": 1.0},
                        "min_weight_percent": {"value": 20.0},
                    }
                }
            },
        ),
        (
            "{warmupDurationSecs: 9s}",
            "LEAST_REQUEST",
            {
                "least_request_lb_config": {
                    "slow_start_config": {
                        "slow_start_window": "9s",
                        "aggression": {"default_value": 1.0},
                        "min_weight_percent": {"value": 10.0},
                    }
                }
            },
        ),
        ("{simple: RANDOM, warmup: {duration: 30s}}", "RANDOM", {}),
    ],
    ids=[
        "least requests unless said",
        "least requests",
        "least requests by its old name",
        "round robin is Envoy's default",
        "random",
        "a ring of 1024",
        "a ring of Envoy's own size",
        "a ring",
        "a ring by the old field",
        "a ring no larger than Envoy takes",
        "maglev",
        "warm-up",
        "warm-up from a share on",
        "warm-up by the old field",
        "no warm-up at random",
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


def unlimited(**limits: int) -> list[dict[str, int]]:
    names = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return [dict.fromkeys(names, 4294967295) | limits]


@pytest.mark.parametrize(
    ("pool", "path", "expected"),
    [
        (
            "tcp: {maxConnections: 0}, http: {http1MaxPendingRequests: 0, http2MaxRequests: 0,"
            " maxRetries: 0, maxRequestsPerConnection: 0}",
            "circuit_breakers.thresholds",
            unlimited(),
        ),
        ("http: {maxRequestsPerConnection: 0}", "http", None),
        (
            "http: {http2MaxRequests: 8, maxRetries: 9}",
            "circuit_breakers.thresholds",
            unlimited(max_requests=8, max_retries=9),
        ),
        ("tcp: {tcpKeepalive: {}}", "upstream_connection_options", {"tcp_keepalive": {}}),
        (
            "tcp: {tcpKeepalive: {interval: 5s}}",
            "upstream_connection_options.tcp_keepalive",
            {"keepalive_interval": 5},
        ),
        (
            "tcp: {maxConnectionDuration: 60s}",
            "http.common_http_protocol_options",
            {"max_connection_duration": "60s"},
        ),
        ("tcp: {idleTimeout: 7s}", "http.common_http_protocol_options", {"idle_timeout": "7s"}),
        (
            "tcp: {idleTimeout: 7s}, http: {idleTimeout: 8s}",
            "http.common_http_protocol_options",
            {"idle_timeout": "8s"},
        ),
        ("tcp: {idleTimeout: 0s}", "http.common_http_protocol_options", {"idle_timeout": "0s"}),
        (
            "http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 9,"
            " http2KeepAlive: {interval: 3s, timeout: 1s}}",
            "http.explicit_http_config.http2_protocol_options",
            {
                "max_concurrent_streams": 9,
                "connection_keepalive": {"interval": "3s", "timeout": "1s"},
            },
        ),
        (
            "http: {maxConcurrentStreams: 9, http2KeepAlive: {interval: 3s, timeout: 1s}}",
            "http",
            None,
        ),
        (
            "http: {useClientProtocol: true}",
            "http.use_downstream_protocol_config",
            {"http_protocol_options": {}, "http2_protocol_options": {}},
        ),
    ],
    ids=[
        "a limit of 0 is none",
        "and 0 requests for each connection are any number",
        "requests and retries",
        "probes as the operating system sends them",
        "probes at an interval",
        "connections that end",
        "an idle timeout of TCP serves HTTP",
        "unless HTTP has its own",
        "no idle timeout",
        "streams and pings of HTTP/2",
        "which are nothing to HTTP/1.1",
        "the client's protocol",
    ],
)
def test_pools(pool: str, path: str, expected: object) -> None:
    assert part(cluster(SERVICE + rule(f"{{connectionPool: {{{pool}}}}}")), path) == expected


@pytest.mark.parametrize(
    ("outlier", "path", "expected"),
    [
        (
            "interval: 3s, baseEjectionTime: 4s, maxEjectionPercent: 50",
            "outlier_detection",
            {
                "interval": "3s",
                "base_ejection_time": "4s",
                "max_ejection_percent": 50,
                "enforcing_success_rate": 0,
            },
        ),
        ("consecutiveErrors: 3", "outlier_detection", {"enforcing_success_rate": 0}),
        (
            "splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2",
            "outlier_detection",
            {
                "split_external_local_origin_errors": True,
                "consecutive_local_origin_failure": 2,
                "enforcing_consecutive_local_origin_failure": 100,
                "enforcing_local_origin_success_rate": 0,
                "enforcing_success_rate": 0,
            },
        ),
        ("minHealthPercent: 40", "common_lb_config.healthy_panic_threshold", {"value": 40.0}),
        (
            "outlierDetectionHttpErrorCodes: [501]",
            "http.outlier_detection.error_matcher.http_response_headers_match.headers",
            [{"name": ":status", "string_match": {"exact": "501"}}],
        ),
        (
            "outlierDetectionHttpErrorCodes: [501, 502]",
            "http.outlier_detection.error_matcher.or_match.rules",
            [
                {
                    "http_response_headers_match": {
                        "headers": [{"name": ":status", "string_match": {"exact": status}}]
                    }
                }
                for status in ("501", "502")
            ],
        ),
    ],
    ids=[
        "how often, how long and how many",
        "the old count means nothing",
        "failures to connect apart",
        "panic below a share",
        "a status that is an error",
        "several of them",
    ],
)
def test_outlier_detection(outlier: str, path: str, expected: object) -> None:
    found = cluster(SERVICE + rule(f"{{outlierDetection: {{{outlier}}}}}"))

    assert part(found, path) == expected


@pytest.mark.parametrize(
    ("settings", "policy", "path", "expected"),
    [
        ("connectTimeout: 3s", "{tls: {}}", "connect_timeout", "3s"),
        (
            "connectTimeout: 3s",
            "{connectionPool: {tcp: {connectTimeout: 4s}}}",
            "connect_timeout",
            "4s",
        ),
        (
            "tcpKeepalive: {probes: 9, time: 8s}",
            "{connectionPool: {tcp: {tcpKeepalive: {time: 7s}}}}",
            "upstream_connection_options.tcp_keepalive",
            {"keepalive_probes": 9, "keepalive_time": 7},
        ),
        (
            "tcpKeepalive: {interval: 6s, time: 8s}",
            "{connectionPool: {tcp: {tcpKeepalive: {probes: 2}}}}",
            "upstream_connection_options.tcp_keepalive",
            {"keepalive_probes": 2, "keepalive_time": 8, "keepalive_interval": 6},
        ),
        (
            "tcpKeepalive: {interval: 6s}",
            "{connectionPool: {tcp: {tcpKeepalive: {interval: 5s}}}}",
            "upstream_connection_options.tcp_keepalive",
            {"keepalive_interval": 5},
        ),
        (
            "tcpKeepalive: {probes: 9}",
            "{tls: {}}",
            "upstream_connection_options.tcp_keepalive",
            {"keepalive_probes": 9},
        ),
        (
            "h2UpgradePolicy: UPGRADE",
            "{tls: {}}",
            "http.explicit_http_config.http2_protocol_options",
            {},
        ),
        (
            "defaultTrafficPolicy: {connectionPool: {http: {maxRetries: 4}}}",
            "{tls: {}}",
            "circuit_breakers.thresholds",
            unlimited(max_retries=4),
        ),
        (
            "defaultTrafficPolicy: {outlierDetection: {interval: 4s}}",
            "{tls: {}}",
            "outlier_detection.interval",
            "4s",
        ),
        (
            "zoneAwareLbSetting: {minClusterSize: 3}",
            "{tls: {}}",
            "common_lb_config.zone_aware_lb_config",
            {"min_cluster_size": "3"},
        ),
        (
            "zoneAwareLbSetting: {}",
            "{loadBalancer: {zoneAwareLbSetting: {enabled: false}}}",
            "common_lb_config.zone_aware_lb_config",
            {"routing_enabled": {}},
        ),
        (
            "zoneAwareLbSetting: {}",
            "{loadBalancer: {localityLbSetting: {enabled: false}}}",
            "common_lb_config.zone_aware_lb_config",
            None,
        ),
        (
            "localityLbSetting: {distribute: [{from: '*', to: {'*': 100}}]}",
            "{tls: {}}",
            "common_lb_config.locality_weighted_lb_config",
            {},
        ),
        (
            "{}",
            "{loadBalancer: {localityLbSetting: {failoverPriority: [cell]}}, outlierDetection: {}}",
            "common_lb_config.locality_weighted_lb_config",
            {},
        ),
        (
            "{}",
            "{loadBalancer: {localityLbSetting: {failoverPriority: [cell]}}}",
            "common_lb_config.locality_weighted_lb_config",
            None,
        ),
        ("{}", "{outlierDetection: {}}", "common_lb_config.locality_weighted_lb_config", None),
    ],
    ids=[
        "its connect timeout",
        "before which the rule's goes",
        "its probes where the rule's say nothing",
        "and its times",
        "before which the rule's go",
        "its probes where there is no rule for them",
        "HTTP/2",
        "its pool",
        "its outlier detection",
        "its zones",
        "zones that the rule switches off",
        "localities of the rule before zones of the mesh",
        "its shares of localities",
        "labels weigh localities too",
        "but not without outlier detection",
        "distance alone weighs nothing",
    ],
)
def test_the_mesh_says_what_a_rule_does_not(
    settings: str, policy: str, path: str, expected: object
) -> None:
    assert part(cluster(SERVICE + rule(policy), mesh=mesh_of(settings)), path) == expected


@pytest.mark.parametrize(
    ("settings", "locality", "outlier", "expected"),
    [
        ("{}", "{}", "{}", {"1": 0, "2": 1, "3": 1}),
        ("localityLbSetting: {enabled: false}", "{}", "{}", {"1": 0, "2": 0, "3": 0}),
        ("{}", "{localityLbSetting: {enabled: false}}", "{}", {"1": 0, "2": 0, "3": 0}),
        ("{}", "{}", None, {"1": 0, "2": 0, "3": 0}),
        (
            "{}",
            "{localityLbSetting: {failover: [{from: r1, to: r3}]}}",
            "{}",
            {"1": 0, "2": 2, "3": 1},
        ),
        (
            "localityLbSetting: {failover: [{from: r1, to: r3}]}",
            "{}",
            "{}",
            {"1": 0, "2": 2, "3": 1},
        ),
        (
            "{}",
            "{localityLbSetting: {failoverPriority: ['cell=b']}}",
            "{}",
            {"1": 1, "2": 0, "3": 1},
        ),
        (
            "{}",
            "{zoneAwareLbSetting: {failover: [{from: r1, to: r3}]}}",
            "{}",
            {"1": 0, "2": 2, "3": 1},
        ),
        (
            "{}",
            "{zoneAwareLbSetting: {failoverPriority: ['cell=b']}}",
            "{}",
            {"1": 1, "2": 0, "3": 1},
        ),
        (
            "{}",
            "{localityLbSetting: {distribute: [{from: r1/*, to: {r2: 100}}]}}",
            None,
            {"2": 0},
        ),
    ],
    ids=[
        "the nearest first",
        "unless the mesh does not want it",
        "or the rule",
        "or nobody would see that they fail",
        "the region that a rule names",
        "the region that the mesh names",
        "the labels that a rule names",
        "a region beside zones",
        "labels beside zones",
        "a share of all for one",
    ],
)
def test_who_is_turned_to_first(
    settings: str, locality: str, outlier: str | None, expected: dict[str, int]
) -> None:
    endpoints = (
        "[{address: 10.0.0.1, locality: r1/z1}, {address: 10.0.0.2, locality: r2/z1,"
        " labels: {cell: b}}, {address: 10.0.0.3, locality: r3/z1}]"
    )
    ejecting = f", outlierDetection: {outlier}" if outlier is not None else ""
    policy = f"{{loadBalancer: {locality}{ejecting}}}"
    text = entry(endpoints=endpoints) + rule(policy, host="api.partner.com")
    here = ResolvedProxy(
        role=Role.GATEWAY, namespace=Namespace("default"), locality=Locality("r1", "z1")
    )

    groups = Declared(text, mesh=mesh_of(settings)).endpoints(here)[PARTNER]

    assert {
        member["endpoint"]["address"]["socket_address"]["address"][-1]: group.get("priority", 0)
        for group in groups
        for member in group["lb_endpoints"]
    } == expected


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


FOUR_PORTS = (
    "[{number: 80, name: http, protocol: HTTP}, {number: 81, name: grpc, protocol: GRPC},"
    " {number: 82, name: tcp, protocol: TCP}, {number: 83, name: auto}]"
)


@pytest.mark.parametrize(
    ("port", "mesh_offers", "own_offers"),
    [
        (80, ["istio-http/1.1", "istio"], None),
        (81, ["istio-h2", "istio", "h2"], ["h2"]),
        (82, ["istio"], None),
        (83, ["istio"], None),
    ],
    ids=["HTTP", "gRPC", "TCP", "not said"],
)
def test_what_is_offered_to_endpoints_by_the_protocol_of_the_port(
    port: int, mesh_offers: list[str], own_offers: list[str] | None
) -> None:
    name = f"outbound|{port}||api.partner.com"

    def offered(mode: str) -> object:
        policy = rule(f"{{tls: {{mode: {mode}}}}}", host="api.partner.com")
        found = cluster(entry(ports=FOUR_PORTS) + policy, name)
        return part(tls(found), "common_tls_context.alpn_protocols")

    assert offered("ISTIO_MUTUAL") == mesh_offers
    assert offered("SIMPLE") == own_offers


@pytest.mark.parametrize(
    ("settings", "sni", "names"),
    [
        (
            "",
            "outbound_.80_._.api.partner.com",
            ["a.com", "spiffe://cluster.local/ns/default/sa/web", "spiffe://old/ns/default/sa/web"],
        ),
        (", sni: b.com, subjectAltNames: [c.com]", "b.com", ["c.com"]),
    ],
    ids=["as the destination is declared", "as the rule says"],
)
def test_the_meshs_own_tls_is_demanded_of_every_endpoint_where_a_rule_wants_it(
    settings: str, sni: str, names: list[str]
) -> None:
    text = entry(
        endpoints="[{address: 10.0.0.1, serviceAccount: web}, {address: 10.0.0.2}]",
        subjectAltNames="[a.com]",
    ) + rule(f"{{tls: {{mode: ISTIO_MUTUAL{settings}}}}}", host="api.partner.com")
    found = cluster(text, PARTNER, mesh_of("trustDomainAliases: [old]"))

    context = tls(found)
    common = context["common_tls_context"]
    validation = common["combined_validation_context"]
    secret = common["tls_certificate_sds_secret_configs"][0]["name"]
    trust = validation["validation_context_sds_secret_config"]["name"]
    assert (secret, trust, context["sni"]) == ("default", "ROOTCA", sni)
    assert validation["default_validation_context"] == {
        "match_subject_alt_names": [{"exact": name} for name in names]
    }
    assert common["tls_params"] == {
        "tls_minimum_protocol_version": "TLSv1_2",
        "tls_maximum_protocol_version": "TLSv1_3",
    }
    source = common["tls_certificate_sds_secret_configs"][0]["sds_config"]
    assert source == {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    assert "transport_socket_matches" not in found


def test_the_meshs_own_tls_names_the_subset() -> None:
    text = SERVICE + rule("{tls: {mode: ISTIO_MUTUAL}}", subsets="[{name: v1}]")

    found = cluster(text, "outbound|80|v1|reviews.default.svc.cluster.local")

    assert tls(found)["sni"] == "outbound_.80_.v1_.reviews.default.svc.cluster.local"
    assert found["metadata"]["filter_metadata"]["istio"]["subset"] == "v1"


def test_a_port_has_a_pool_ejection_and_tls_of_its_own() -> None:
    own = (
        "{port: {number: 80}, connectionPool: {http: {maxRetries: 4}},"
        " outlierDetection: {interval: 4s}, tls: {mode: SIMPLE, sni: a.com}}"
    )

    found = cluster(SERVICE + rule(f"{{portLevelSettings: [{own}]}}"))

    assert part(found, "circuit_breakers.thresholds") == unlimited(max_retries=4)
    assert part(found, "outlier_detection.interval") == "4s"
    assert tls(found)["sni"] == "a.com"


def test_who_passes_through_to_the_mesh_chooses_no_endpoint_and_so_no_tls_by_it() -> None:
    text = entry(
        endpoints="[{address: 10.0.0.1, serviceAccount: web}]", location="MESH_INTERNAL"
    ) + rule("{loadBalancer: {simple: PASSTHROUGH}}", host="api.partner.com")

    found = cluster(text, PARTNER)

    assert tls(found)["sni"] == "outbound_.80_._.api.partner.com"
    assert "transport_socket_matches" not in found


@pytest.mark.parametrize(
    ("settings", "certificate", "trust"),
    [
        (
            "mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /ca, caCrl: /l",
            "file-cert:/c~/k",
            "file-root:/ca~/l",
        ),
        (
            "mode: MUTUAL, clientCertificate: /c, privateKey: /k",
            "file-cert:/c~/k",
            "file-root:/etc/ssl/certs/ca-certificates.crt",
        ),
        (
            "mode: MUTUAL, credentialName: c, insecureSkipVerify: true",
            "kubernetes://c",
            None,
        ),
        ("mode: SIMPLE, credentialName: c", None, "kubernetes://c-cacert"),
        ("mode: SIMPLE, credentialName: 'configmap://default/c'", None, "configmap://default/c"),
    ],
    ids=[
        "files and a revocation list",
        "the system's authorities for a certificate of files",
        "a secret's certificate, and nothing verified",
        "a secret's authority",
        "a ConfigMap's authority",
    ],
)
def test_where_certificates_and_authorities_come_from(
    settings: str, certificate: str | None, trust: str | None
) -> None:
    common = tls(cluster(SERVICE + rule(f"{{tls: {{{settings}}}}}")))["common_tls_context"]

    shown = [c["name"] for c in common.get("tls_certificate_sds_secret_configs", ())]
    path = "combined_validation_context.validation_context_sds_secret_config.name"
    assert shown == ([certificate] if certificate is not None else [])
    assert part(common, path) == trust
    assert ("validation_context" in common) is (trust is None)


@pytest.mark.parametrize(
    ("settings", "confirmed"),
    [("", None), (", sni: a.com", True), (", subjectAltNames: [a.com]", True)],
    ids=["names of the request", "a fixed name is sent", "a fixed name is proven"],
)
def test_dynamic_dns_with_fixed_names_is_confirmed_to_envoy(
    settings: str, confirmed: bool | None
) -> None:
    text = entry(hosts='["*.partner.com"]', resolution="DYNAMIC_DNS") + rule(
        f"{{tls: {{mode: SIMPLE{settings}}}}}", host='"*.partner.com"'
    )

    found = cluster(text, "outbound|80||*.partner.com")

    typed = found["cluster_type"]["typed_config"]
    assert typed.get("allow_insecure_cluster_options") is confirmed


def test_dynamic_dns_has_no_subsets() -> None:
    text = entry(hosts='["*.partner.com"]', resolution="DYNAMIC_DNS") + rule(
        "{tls: {}}", host='"*.partner.com"', subsets="[{name: v1}]"
    )

    assert sorted(Declared(text).clusters()) == ["BlackHoleCluster", "outbound|80||*.partner.com"]


HEADLESS = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: None, selector: {app: reviews}, ports: [{name: http, port: 80}]}
---
"""


def pod(name: str, address: str, labels: str) -> str:
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: default, labels: {{app: reviews{labels}}}}}
status: {{podIP: {address}}}
---
"""


CAPABLE = ", security.istio.io/tlsMode: istio"


@pytest.mark.parametrize(
    ("second", "encrypted"),
    [(CAPABLE, True), (", security.istio.io/tlsMode: disabled", False), ("", False)],
    ids=["all do", "one says no", "one says nothing"],
)
def test_a_headless_service_is_encrypted_where_all_endpoints_take_it(
    second: str, encrypted: bool
) -> None:
    text = HEADLESS + pod("a", "10.0.0.1", CAPABLE) + pod("b", "10.0.0.2", second)

    assert ("transport_socket_matches" in cluster(text)) is encrypted


@pytest.mark.parametrize(
    ("endpoint", "policy", "taken"),
    [
        ("", "", False),
        (", serviceAccount: a", "", True),
        (", labels: {security.istio.io/tlsMode: istio}", "", True),
        (", serviceAccount: a, labels: {security.istio.io/tlsMode: disabled}", "", False),
        (", serviceAccount: a", "{tls: {}}", False),
        (", serviceAccount: a", "{tls: {mode: SIMPLE}}", False),
        (", serviceAccount: a", "{tls: {mode: ISTIO_MUTUAL}}", True),
    ],
    ids=[
        "nothing is said",
        "an account is one of the mesh",
        "a label says so",
        "a label says no",
        "the rule wants plaintext",
        "the rule wants TLS of its own",
        "the rule wants the mesh's",
    ],
)
def test_endpoints_say_whether_they_take_the_meshs_own_tls(
    endpoint: str, policy: str, taken: bool
) -> None:
    text = entry(endpoints=f"[{{address: 10.0.0.1{endpoint}}}]", location="MESH_INTERNAL")
    ruled = rule(policy, host="api.partner.com") if policy else ""

    [group] = Declared(text + ruled).endpoints()[PARTNER]

    [member] = group["lb_endpoints"]
    said = part(member, "metadata.filter_metadata")
    assert said == ({"envoy.transport_socket_match": {"tlsMode": "istio"}} if taken else None)


def test_endpoints_have_weights_and_localities_their_sum() -> None:
    text = entry(
        endpoints="[{address: 10.0.0.1, weight: 3, locality: r1},"
        " {address: 10.0.0.2, weight: 0, locality: r1}, {address: 'unix:///a', locality: r2/z/s}]"
    )

    groups = Declared(text).endpoints()[PARTNER]

    assert [
        (
            group["locality"],
            group["load_balancing_weight"],
            [member["load_balancing_weight"] for member in group["lb_endpoints"]],
        )
        for group in groups
    ] == [
        ({"region": "r1"}, 4, [3, 1]),
        ({"region": "r2", "zone": "z", "sub_zone": "s"}, 1, [1]),
    ]


def test_endpoints_that_are_not_ready_are_left_out_where_envoy_may_panic() -> None:
    text = (
        SERVICE
        + """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, namespace: default, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2], conditions: {ready: false}}]
---
"""
    )

    def count(policy: str) -> int:
        [group] = Declared(text + rule(policy)).endpoints()[NAME]
        return len(group["lb_endpoints"])

    assert count("{outlierDetection: {}}") == 2
    assert count("{outlierDetection: {minHealthPercent: 1}}") == 1


@pytest.mark.parametrize(
    ("annotated", "endpoints", "kind", "family"),
    [
        (False, "[]", "STRICT_DNS", "V4_ONLY"),
        (True, "[]", "LOGICAL_DNS", "ALL"),
        (True, "[{address: a.com}, {address: b.com}]", "STRICT_DNS", "ALL"),
    ],
    ids=["not said", "one name", "Envoy takes one name only"],
)
def test_connections_to_all_addresses_of_a_name_may_race(
    annotated: bool, endpoints: str, kind: str, family: str
) -> None:
    text = entry(resolution="DNS", endpoints=endpoints)
    if annotated:
        racing = "annotations: {istio.io/connect-strategy: RACE_FIRST_TCP_CONNECT}"
        text = text.replace("namespace: default", f"namespace: default, {racing}")

    found = cluster(text, PARTNER)

    assert (found["type"], found.get("dns_lookup_family")) == (kind, family)


@pytest.mark.parametrize(
    ("families", "expected"),
    [
        ((IpFamily.IPV4,), "V4_ONLY"),
        ((IpFamily.IPV6,), "V6_ONLY"),
        ((IpFamily.IPV4, IpFamily.IPV6), "ALL"),
    ],
)
def test_names_are_looked_up_in_the_families_of_the_proxy(
    families: tuple[IpFamily, ...], expected: str
) -> None:
    client = ResolvedProxy(role=Role.GATEWAY, namespace=Namespace("default"), families=families)

    found = Declared(entry(resolution="DNS")).clusters(client)[PARTNER]

    assert found["dns_lookup_family"] == expected
    assert found["dns_jitter"] == "0.100s"
    assert found["typed_dns_resolver_config"]["typed_config"]["udp_max_queries"] == 100


def test_the_mesh_says_how_often_names_are_looked_up() -> None:
    found = cluster(entry(resolution="DNS"), PARTNER, mesh_of("dnsRefreshRate: 30s"))

    assert found["dns_refresh_rate"] == "30s"


def test_ports_of_udp_have_no_clusters_and_a_wildcard_keeps_its_name() -> None:
    ports = "[{number: 53, name: dns, protocol: UDP}, {number: 443, name: tls, protocol: TLS}]"

    names = sorted(
        Declared(entry(hosts='["*.a.com", b.com]', resolution="NONE", ports=ports)).clusters()
    )

    assert names == ["BlackHoleCluster", "outbound|443||*.a.com", "outbound|443||b.com"]


def test_a_cluster_outside_of_the_mesh_with_tls_of_its_own_says_so() -> None:
    found = cluster(entry() + rule("{tls: {mode: SIMPLE}}", host="api.partner.com"), PARTNER)

    said = found["metadata"]["filter_metadata"]["istio"]
    assert (said["external"], said["alpn_override"]) == (True, "false")


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


def test_proxy_protocol_goes_before_plaintext_too() -> None:
    found = cluster(SERVICE + rule("{proxyProtocol: {}, tls: {}}"))

    typed = found["transport_socket"]["typed_config"]
    raw = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
    assert typed["transport_socket"]["typed_config"] == {"@type": raw}
    assert typed["config"] == {}  # version 1 is the default


def test_a_retry_budget_is_a_share_of_the_requests_under_way() -> None:
    found = cluster(SERVICE + rule("{retryBudget: {percent: 25, minRetryConcurrency: 4}}"))

    assert found["circuit_breakers"]["thresholds"][0]["retry_budget"] == {
        "budget_percent": {"value": 25.0},
        "min_retry_concurrency": 4,
    }


SIDECAR = ResolvedProxy(role=Role.SIDECAR, namespace=Namespace("default"))


def test_a_sidecar_goes_where_its_application_was_going() -> None:
    ports = "[{number: 80, name: http, protocol: HTTP, targetPort: 8080}]"
    found = Declared(entry(resolution="NONE", ports=ports)).clusters(SIDECAR)[PARTNER]

    assert found["type"] == "ORIGINAL_DST"
    assert found["lb_policy"] == "CLUSTER_PROVIDED"
    assert found["original_dst_lb_config"] == {"upstream_port_override": 8080}


def test_a_credential_is_not_given_to_sidecars_that_are_not_selected() -> None:
    text = SERVICE + rule("{tls: {mode: SIMPLE, credentialName: partner}}")

    assert "transport_socket" not in Declared(text).clusters(SIDECAR)[NAME]
