"""What traffic policies make of a cluster: balancing, pools, ejection, and what the mesh adds."""

from typing import Any

import pytest

from controlplane.base.names import Namespace
from controlplane.model.proxy import Locality, ResolvedProxy, Role
from tests.support.declared import Declared
from tests.unit.clusters.given import (
    HTTP_OPTIONS,
    PARTNER,
    SERVICE,
    cluster,
    entry,
    mesh_of,
    part,
    rule,
    unlimited,
)


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
