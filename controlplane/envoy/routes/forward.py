"""Where a request goes, and how: Envoy's RouteAction.

Source: envoy/config/route/v3/route_components.proto (``RouteAction``, ``WeightedCluster``).
"""

from datetime import timedelta
from typing import Final

from envoy.config.route.v3.route_components_pb2 import (
    RouteAction,
    WeightedCluster as WeightedClusterMessage,
)
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from controlplane.envoy.fraction import runtime_fraction
from controlplane.envoy.http_filters.offered_protocols import switched_on
from controlplane.envoy.routes.hash_policy import hash_policy
from controlplane.envoy.routes.headers import header_options
from controlplane.envoy.routes.retry import retry_policy
from controlplane.envoy.text_matcher import substitution
from controlplane.model.routing import (
    ForwardTo,
    Mirror,
    ReplacePrefix,
    ReplaceRegex,
    WeightedCluster,
)

UNLIMITED: Final = timedelta(0)  # Envoy: a timeout of zero is none
_WITHOUT_END: Final = RouteAction.MaxStreamDuration(
    max_stream_duration=UNLIMITED, grpc_timeout_header_max=UNLIMITED
)
MISSING_CLUSTER: Final = {
    503: RouteAction.SERVICE_UNAVAILABLE,
    500: RouteAction.INTERNAL_SERVER_ERROR,
}
MAX_TOTAL_WEIGHT: Final = 2**32 - 1  # Envoy: the weights' sum fits into uint32


def route_action(forward: ForwardTo) -> RouteAction:
    """Envoy's action. A client's grpc-timeout is honoured up to the route's own timeout."""
    target, rewrite = forward.target, forward.path_rewrite
    timeout = UNLIMITED if forward.timeout is None else forward.timeout
    return RouteAction(
        cluster=target if isinstance(target, str) else None,
        cluster_not_found_response_code=MISSING_CLUSTER[forward.missing_status],
        weighted_clusters=None if isinstance(target, str) else weighted_clusters(target),
        prefix_rewrite=rewrite.text if isinstance(rewrite, ReplacePrefix) else None,
        regex_rewrite=substitution(rewrite) if isinstance(rewrite, ReplaceRegex) else None,
        host_rewrite_literal=forward.host_rewrite,
        append_x_forwarded_host=forward.appends_forwarded_host,
        timeout=timeout,
        retry_policy=retry_policy(forward.retry) if forward.retry else None,
        request_mirror_policies=[mirror_policy(mirror) for mirror in forward.mirrors],
        hash_policy=[hash_policy(policy) for policy in forward.hash_policies],
        max_grpc_timeout=None if forward.ignores_stream_limit else timeout,
        max_stream_duration=_WITHOUT_END if forward.ignores_stream_limit else None,
    )


def weighted_clusters(clusters: tuple[WeightedCluster, ...]) -> WeightedClusterMessage:
    total = sum(cluster.weight for cluster in clusters)
    return WeightedClusterMessage(
        clusters=[
            WeightedClusterMessage.ClusterWeight(
                name=cluster.cluster,
                weight=UInt32Value(value=_fitting(cluster.weight, total)),
                request_headers_to_add=header_options(cluster.request_headers.put),
                request_headers_to_remove=cluster.request_headers.removed,
                response_headers_to_add=header_options(cluster.response_headers.put),
                response_headers_to_remove=cluster.response_headers.removed,
                host_rewrite_literal=cluster.host_rewrite,
                typed_per_filter_config=switched_on(cluster.offer),
            )
            for cluster in clusters
        ]
    )


def _fitting(weight: int, total: int) -> int:
    """``weight`` as it is, or its share of what Envoy can add up."""
    return weight if total <= MAX_TOTAL_WEIGHT else weight * MAX_TOTAL_WEIGHT // total


def mirror_policy(mirror: Mirror) -> RouteAction.RequestMirrorPolicy:
    """A copy keeps the request's own Host (Envoy would append ``-shadow``) and is not traced."""
    return RouteAction.RequestMirrorPolicy(
        cluster=mirror.cluster,
        runtime_fraction=runtime_fraction(mirror.parts_per_million),
        trace_sampled=BoolValue(value=False),
        disable_shadow_host_suffix_append=True,
    )
