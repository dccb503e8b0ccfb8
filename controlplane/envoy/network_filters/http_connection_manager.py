"""``envoy.filters.network.http_connection_manager``: connections are read as HTTP and routed.

Source: envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.
"""

from collections.abc import Mapping
from typing import Final, assert_never

from envoy.config.core.v3.protocol_pb2 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
)
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from controlplane.envoy.access_log import access_log
from controlplane.envoy.config_source import ads
from controlplane.envoy.header_case import preserved_case
from controlplane.envoy.http_filters.chain import http_filters
from controlplane.envoy.metrics_log import request_metrics
from controlplane.envoy.optional import opt
from controlplane.envoy.packing import packed
from controlplane.envoy.policy_configs import PolicyConfigs
from controlplane.envoy.routes.table import inline_table
from controlplane.envoy.tracing import request_id_extension, tracing
from controlplane.model.http_settings import (
    CertificateDetails,
    EscapedSlashes,
    ForwardedCertificate,
    Http2Limits,
    HttpSettings,
    Timeouts,
    UnderscoreHeaders,
)
from controlplane.model.plan.network_filters import (
    HttpConnectionManager,
    InlineTable,
    NamedTable,
    RouteSource,
)

_SPOKEN_OF: Final = (ForwardedCertificate.SANITIZE_SET, ForwardedCertificate.APPEND_FORWARD)
"""Where the proxy writes the client's certificate itself, so that the details matter."""

_FORWARDED: Final[
    Mapping[ForwardedCertificate, hcm.HttpConnectionManager.ForwardClientCertDetails]
] = {
    ForwardedCertificate.SANITIZE: hcm.HttpConnectionManager.SANITIZE,
    ForwardedCertificate.FORWARD_ONLY: hcm.HttpConnectionManager.FORWARD_ONLY,
    ForwardedCertificate.APPEND_FORWARD: hcm.HttpConnectionManager.APPEND_FORWARD,
    ForwardedCertificate.SANITIZE_SET: hcm.HttpConnectionManager.SANITIZE_SET,
    ForwardedCertificate.ALWAYS_FORWARD_ONLY: hcm.HttpConnectionManager.ALWAYS_FORWARD_ONLY,
}
_SLASHES: Final[Mapping[EscapedSlashes, hcm.HttpConnectionManager.PathWithEscapedSlashesAction]] = {
    EscapedSlashes.KEEP_UNCHANGED: hcm.HttpConnectionManager.KEEP_UNCHANGED,
    EscapedSlashes.REJECT_REQUEST: hcm.HttpConnectionManager.REJECT_REQUEST,
    EscapedSlashes.UNESCAPE_AND_REDIRECT: hcm.HttpConnectionManager.UNESCAPE_AND_REDIRECT,
    EscapedSlashes.UNESCAPE_AND_FORWARD: hcm.HttpConnectionManager.UNESCAPE_AND_FORWARD,
}
_UNDERSCORES: Final[
    Mapping[UnderscoreHeaders, HttpProtocolOptions.HeadersWithUnderscoresAction]
] = {
    UnderscoreHeaders.ALLOW: HttpProtocolOptions.ALLOW,
    UnderscoreHeaders.REJECT_REQUEST: HttpProtocolOptions.REJECT_REQUEST,
    UnderscoreHeaders.DROP_HEADER: HttpProtocolOptions.DROP_HEADER,
}


def http_connection_manager(manager: HttpConnectionManager, policies: PolicyConfigs) -> Filter:
    return Filter(
        name="envoy.filters.network.http_connection_manager",
        typed_config=packed(_manager(manager, policies)),
    )


def _manager(manager: HttpConnectionManager, policies: PolicyConfigs) -> hcm.HttpConnectionManager:
    settings = manager.settings
    timeouts, paths, hides_server = settings.timeouts, settings.paths, settings.server_name is None
    forwarded = settings.forwarded_certificate
    return hcm.HttpConnectionManager(
        codec_type=hcm.HttpConnectionManager.AUTO,
        stat_prefix=manager.stat_prefix,
        rds=_named_table(manager.routes),
        route_config=_inline_table(manager.routes),
        http_filters=http_filters(manager.filters, policies),
        tracing=opt(tracing, settings.tracing),
        common_http_protocol_options=_common_options(timeouts, settings.underscore_headers),
        http_protocol_options=_http1_options(settings),
        http2_protocol_options=_http2_options(settings.http2),
        server_name=settings.server_name,
        server_header_transformation=hcm.HttpConnectionManager.PASS_THROUGH
        if hides_server
        else hcm.HttpConnectionManager.OVERWRITE,
        stream_idle_timeout=timeouts.stream_idle,
        request_timeout=timeouts.request,
        request_headers_timeout=timeouts.request_headers,
        drain_timeout=timeouts.drain,
        access_log=[
            *map(access_log, manager.access_logs),
            *(request_metrics(manager.metrics) if manager.metrics is not None else ()),
        ],
        use_remote_address=BoolValue(value=settings.uses_remote_address),
        xff_num_trusted_hops=settings.trusted_hops,
        forward_client_cert_details=_FORWARDED[forwarded],
        set_current_client_cert_details=_details(settings.certificate_details)
        if forwarded in _SPOKEN_OF
        else None,
        proxy_100_continue=True,
        generate_request_id=None if settings.generates_request_id else BoolValue(value=False),
        upgrade_configs=[hcm.HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],
        normalize_path=BoolValue(value=paths.normalized),
        merge_slashes=paths.merges_slashes,
        path_with_escaped_slashes_action=_SLASHES[paths.escaped_slashes],
        append_x_forwarded_port=settings.appends_forwarded_port,
        request_id_extension=request_id_extension(settings.tracing),
    )


def _named_table(routes: RouteSource) -> hcm.Rds | None:
    match routes:
        case NamedTable(name=name):
            return hcm.Rds(config_source=ads(), route_config_name=name)
        case InlineTable():
            return None
    assert_never(routes)


def _inline_table(routes: RouteSource) -> RouteConfiguration | None:
    match routes:
        case NamedTable():
            return None
        case InlineTable():
            return inline_table(
                routes.name,
                routes.virtual_host,
                routes.route,
                tells_attempt=routes.tells_attempt,
            )
    assert_never(routes)


def _common_options(
    timeouts: Timeouts, underscores: UnderscoreHeaders | None
) -> HttpProtocolOptions | None:
    if (timeouts.idle, timeouts.connection, timeouts.stream, underscores) == (None,) * 4:
        return None
    return HttpProtocolOptions(
        idle_timeout=timeouts.idle,
        max_connection_duration=timeouts.connection,
        max_stream_duration=timeouts.stream,
        headers_with_underscores_action=None if underscores is None else _UNDERSCORES[underscores],
    )


def _http1_options(settings: HttpSettings) -> Http1ProtocolOptions:
    return Http1ProtocolOptions(
        accept_http_10=settings.accepts_http_10,
        header_key_format=preserved_case() if settings.keeps_header_case else None,
    )


def _http2_options(limits: Http2Limits) -> Http2ProtocolOptions | None:
    if limits == Http2Limits():
        return None
    return Http2ProtocolOptions(
        max_concurrent_streams=_number(limits.concurrent_streams),
        initial_stream_window_size=_number(limits.stream_window),
        initial_connection_window_size=_number(limits.connection_window),
    )


def _number(value: int | None) -> UInt32Value | None:
    return None if value is None else UInt32Value(value=value)


def _details(
    details: CertificateDetails,
) -> hcm.HttpConnectionManager.SetCurrentClientCertDetails:
    return hcm.HttpConnectionManager.SetCurrentClientCertDetails(
        subject=BoolValue(value=details.subject),
        cert=details.certificate,
        chain=details.chain,
        dns=details.dns,
        uri=details.uri,
    )
