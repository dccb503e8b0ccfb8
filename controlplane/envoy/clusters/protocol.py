"""Which HTTP version the endpoints of a cluster are sent, and how.

Source: envoy/extensions/upstreams/http/v3/http_protocol_options.proto.
"""

from collections.abc import Mapping
from typing import Final

from envoy.config.common.matcher.v3.matcher_pb2 import HttpHeadersMatch, MatchPredicate
from envoy.config.core.v3.protocol_pb2 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions as CommonOptions,
    KeepaliveSettings,
    UpstreamHttpProtocolOptions,
)
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.any_pb2 import Any as Packed

from controlplane.envoy.header_case import preserved_case
from controlplane.envoy.optional import opt, uint32
from controlplane.envoy.packing import packed
from controlplane.model.cluster import Cluster, HttpVersion
from controlplane.model.tls_upstream import OnEveryEndpoint, Originate
from controlplane.model.traffic_policy import ConnectionPool, Http2Keepalive

EXTENSION: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def extension_options(cluster: Cluster) -> Mapping[str, Packed]:
    """The options under their name; none where every option has Envoy's default."""
    common = _common(cluster.pool)
    upstream = names_from_request(cluster)
    statuses = cluster.outlier.error_statuses if cluster.outlier is not None else ()
    if (
        cluster.http_version is HttpVersion.HTTP1
        and common is None
        and upstream is None
        and not statuses
        and not cluster.keeps_header_case
    ):
        return {}
    options = HttpProtocolOptions(
        common_http_protocol_options=common,
        upstream_http_protocol_options=upstream,
        explicit_http_config=_explicit(cluster),
        use_downstream_protocol_config=_as_client(cluster),
        outlier_detection=_errors(statuses) if statuses else None,
    )
    return {EXTENSION: packed(options)}


def _common(pool: ConnectionPool) -> CommonOptions | None:
    """The idle timeout for TCP serves HTTP where HTTP has none of its own."""
    idle = pool.http_idle_timeout if pool.http_idle_timeout is not None else pool.tcp_idle_timeout
    if idle is None and not pool.max_requests_per_connection and not pool.max_connection_duration:
        return None
    return CommonOptions(
        idle_timeout=idle,
        max_connection_duration=pool.max_connection_duration,
        max_requests_per_connection=opt(uint32, pool.max_requests_per_connection),
    )


def names_from_request(cluster: Cluster) -> UpstreamHttpProtocolOptions | None:
    """Without ``sni`` the request's host is sent, and may have to be proven."""
    tls = cluster.tls
    if not isinstance(tls, OnEveryEndpoint) or not isinstance(tls.tls, Originate) or tls.tls.sni:
        return None
    return UpstreamHttpProtocolOptions(auto_sni=True, auto_san_validation=tls.tls.proves_host)


def _explicit(cluster: Cluster) -> HttpProtocolOptions.ExplicitHttpConfig | None:
    match cluster.http_version:
        case HttpVersion.HTTP1:
            return HttpProtocolOptions.ExplicitHttpConfig(http_protocol_options=_http1(cluster))
        case HttpVersion.HTTP2:
            return HttpProtocolOptions.ExplicitHttpConfig(
                http2_protocol_options=Http2ProtocolOptions(
                    max_concurrent_streams=opt(uint32, cluster.pool.max_concurrent_streams),
                    connection_keepalive=opt(_keepalive, cluster.pool.http2_keepalive),
                )
            )
        case HttpVersion.AS_CLIENT:
            return None


def _as_client(cluster: Cluster) -> HttpProtocolOptions.UseDownstreamHttpConfig | None:
    if cluster.http_version is not HttpVersion.AS_CLIENT:
        return None
    return HttpProtocolOptions.UseDownstreamHttpConfig(
        http_protocol_options=_http1(cluster), http2_protocol_options=Http2ProtocolOptions()
    )


def _http1(cluster: Cluster) -> Http1ProtocolOptions:
    return Http1ProtocolOptions(
        header_key_format=preserved_case() if cluster.keeps_header_case else None
    )


def _keepalive(keepalive: Http2Keepalive) -> KeepaliveSettings:
    return KeepaliveSettings(interval=keepalive.interval, timeout=keepalive.timeout)


def _errors(statuses: tuple[int, ...]) -> HttpProtocolOptions.OutlierDetection:
    """Only answers with one of ``statuses`` count as errors."""
    rules = [MatchPredicate(http_response_headers_match=_status(status)) for status in statuses]
    return HttpProtocolOptions.OutlierDetection(
        error_matcher=(
            rules[0]
            if len(rules) == 1
            else MatchPredicate(or_match=MatchPredicate.MatchSet(rules=rules))
        )
    )


def _status(status: int) -> HttpHeadersMatch:
    return HttpHeadersMatch(
        headers=[HeaderMatcher(name=":status", string_match=StringMatcher(exact=str(status)))]
    )
