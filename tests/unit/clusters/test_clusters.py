"""What becomes of Services, ServiceEntries and DestinationRules in a gateway's clusters."""

import pytest

from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import MeshConfig, ProxyConfig, ProxyHeaders
from controlplane.model.proxy import IpFamily, ResolvedProxy, Role
from tests.support.declared import Declared
from tests.unit.clusters.given import (
    HTTP_OPTIONS,
    NAME,
    PARTNER,
    SERVICE,
    SIDECAR,
    cluster,
    entry,
    mesh_of,
    rule,
)


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


def test_header_names_are_spelled_as_the_client_does_where_the_mesh_says_so() -> None:
    headers = ProxyHeaders(preserve_http1_header_case=True)
    mesh = MeshConfig(default_config=ProxyConfig(proxy_headers=headers))

    options = cluster(SERVICE, mesh=mesh)["typed_extension_protocol_options"][HTTP_OPTIONS]

    spelling = options["explicit_http_config"]["http_protocol_options"]["header_key_format"]
    assert spelling["stateful_formatter"]["name"] == "preserve_case"


def test_a_retry_budget_is_a_share_of_the_requests_under_way() -> None:
    found = cluster(SERVICE + rule("{retryBudget: {percent: 25, minRetryConcurrency: 4}}"))

    assert found["circuit_breakers"]["thresholds"][0]["retry_budget"] == {
        "budget_percent": {"value": 25.0},
        "min_retry_concurrency": 4,
    }


def test_a_sidecar_goes_where_its_application_was_going() -> None:
    ports = "[{number: 80, name: http, protocol: HTTP, targetPort: 8080}]"
    found = Declared(entry(resolution="NONE", ports=ports)).clusters(SIDECAR)[PARTNER]

    assert found["type"] == "ORIGINAL_DST"
    assert found["lb_policy"] == "CLUSTER_PROVIDED"
    assert found["original_dst_lb_config"] == {"upstream_port_override": 8080}
