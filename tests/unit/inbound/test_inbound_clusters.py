"""The clusters that lead to a sidecar's own workload."""

import msgspec
import pytest

from controlplane.envoy.resource import TypeUrl
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import IpFamily
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.declared import Declared
from tests.unit.inbound.given import SERVICE, cluster, sidecar

OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
BOTH = (IpFamily.IPV4, IpFamily.IPV6)
RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: app, namespace: default}
spec:
  host: app
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 7}}
    outlierDetection: {consecutive5xxErrors: 1}
    loadBalancer: {simple: RANDOM}
    portLevelSettings: [{port: {number: 83}, connectionPool: {tcp: {maxConnections: 3}}}]
---
"""


def test_the_workload_is_called_where_its_caller_was_going_from_an_address_left_alone() -> None:
    found = cluster("inbound|8001||")

    assert (found["type"], found["lb_policy"]) == ("ORIGINAL_DST", "CLUSTER_PROVIDED")
    assert found["cleanup_interval"] == "9223372035s"
    assert found["upstream_bind_config"] == {
        "source_address": {"address": "127.0.0.6", "port_value": 0}
    }
    assert found["alt_stat_name"] == "inbound|8001||;"
    assert found["metadata"]["filter_metadata"]["istio"]["services"] == [
        {"host": "app.default.svc.cluster.local", "name": "app", "namespace": "default"}
    ]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("inbound|8001||", None),
        ("inbound|8002||", "explicit_http_config"),
        ("inbound|8004||", "use_downstream_protocol_config"),
        ("InboundPassthroughCluster", "use_downstream_protocol_config"),
    ],
)
def test_the_port_decides_which_http_is_spoken(name: str, version: str | None) -> None:
    options = cluster(name).get("typed_extension_protocol_options", {})

    assert list(options.get(OPTIONS, {})) == (["@type", version] if version else [])


@pytest.mark.parametrize(
    ("families", "of_port", "of_others"),
    [
        ((IpFamily.IPV4,), ["127.0.0.6"], ["127.0.0.6"]),
        ((IpFamily.IPV6,), ["::6"], ["::6"]),
        (BOTH, ["127.0.0.6"], ["127.0.0.6", "::6"]),
    ],
)
def test_the_source_is_of_the_proxys_family(
    families: tuple[IpFamily, ...], of_port: list[str], of_others: list[str]
) -> None:
    def sources(name: str) -> list[str]:
        bound = cluster(name, proxy=sidecar(families=families))["upstream_bind_config"]
        others = [each["address"] for each in bound.get("extra_source_addresses", ())]
        return [each["address"] for each in (bound["source_address"], *others)]

    assert sources("inbound|8001||") == of_port
    assert sources("InboundPassthroughCluster") == of_others


def test_a_workload_may_listen_on_its_loopback_address() -> None:
    said = msgspec.convert({"inboundTrafficPolicy": {"mode": "LOCALHOST"}}, MeshConfig)

    found = cluster("inbound|8001||", mesh=said)

    assert found.get("type", "STATIC") == "STATIC"
    assert "upstream_bind_config" not in found
    endpoint = found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    assert endpoint["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 8001}
    assert cluster("InboundPassthroughCluster", mesh=said)["type"] == "ORIGINAL_DST"


def test_limits_of_a_rule_hold_for_the_workload_too_and_nothing_else_of_it() -> None:
    def limit(name: str) -> int:
        thresholds = cluster(name, SERVICE + RULE)["circuit_breakers"]["thresholds"]
        found: int = thresholds[0]["max_connections"]
        return found

    assert limit("inbound|8001||") == 7
    assert limit("inbound|8003||") == 3
    assert limit("InboundPassthroughCluster") == 4_294_967_295
    assert "outlier_detection" not in cluster("inbound|8001||", SERVICE + RULE)


def test_a_rule_that_selects_workloads_does_not_hold_for_what_calls_them() -> None:
    selecting = RULE.replace(
        "host: app", "host: app\n  workloadSelector: {matchLabels: {app: app}}"
    )

    found = cluster("inbound|8001||", SERVICE + selecting)

    assert found["circuit_breakers"]["thresholds"][0]["max_connections"] == 4_294_967_295


def test_a_cluster_comes_from_the_port_of_its_service_and_the_rule() -> None:
    declared = Declared(SERVICE + RULE)

    found = origins_by_name(declared.graph, declared.view(sidecar()), TypeUrl.CLUSTER)

    assert list(map(str, found["inbound|8003||"].origins)) == [
        "Service/default/app.spec.ports[2]",
        "DestinationRule/default/app.spec.trafficPolicy",
    ]
