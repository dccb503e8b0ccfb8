"""What Envoy's own rules refuse never leaves."""

import pytest
from envoy.config.cluster.v3 import cluster_pb2, outlier_detection_pb2
from envoy.config.common.matcher.v3 import matcher_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3 import listener_components_pb2
from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import UInt32Value

from controlplane.envoy.resource import RuleBroken, TypeUrl, resource
from controlplane.envoy.rules import violations


def packed(message: Message) -> Any:
    any_ = Any()
    any_.Pack(message)
    return any_


@pytest.mark.parametrize(
    ("message", "broken"),
    [
        (cluster_pb2.Cluster(name="a"), []),
        (matcher_pb2.MatchPredicate(any_match=True), []),
        (matcher_pb2.MatchPredicate(any_match=False), ["any_match: must be True"]),
        (cluster_pb2.Cluster(), ["name: must keep min_len 1"]),
        (
            cluster_pb2.Cluster(name="a", connect_timeout=Duration(seconds=-1)),
            ["connect_timeout: must be gt 0s"],
        ),
        (
            cluster_pb2.Cluster(
                name="a",
                outlier_detection=outlier_detection_pb2.OutlierDetection(
                    max_ejection_percent=UInt32Value(value=101)
                ),
            ),
            ["outlier_detection.max_ejection_percent: must be lte 100"],
        ),
        (
            route_components_pb2.VirtualHost(name="a", domains=["b"], routes=[]),
            [],
        ),
        (
            route_components_pb2.VirtualHost(name="a"),
            ["domains: must have at least 1 items"],
        ),
        (
            route_components_pb2.RouteMatch(),
            ["path_specifier: one of its fields must be set"],
        ),
        (
            route_components_pb2.RedirectAction(host_redirect="a\nb"),
            ["host_redirect: must have no control characters"],
        ),
        (base_pb2.HeaderValue(key="a\nb"), ["key: must have no control characters"]),
        (
            listener_components_pb2.Filter(
                name="tcp", typed_config=packed(tcp_proxy_pb2.TcpProxy(cluster="a"))
            ),
            ["typed_config.stat_prefix: must keep min_len 1"],
        ),
    ],
    ids=lambda value: value.DESCRIPTOR.name if isinstance(value, Message) else str(value)[:40],
)
def test_broken_rules_are_named_with_their_field(message: Message, broken: list[str]) -> None:
    assert violations(message) == broken


def test_a_message_that_breaks_a_rule_becomes_no_resource() -> None:
    with pytest.raises(RuleBroken, match="name: must keep min_len 1"):
        resource(TypeUrl.CLUSTER, "a", cluster_pb2.Cluster())
