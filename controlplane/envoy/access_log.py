"""Access logs: a record of each request or connection, in a file of the proxy's or sent to a
service.

Source: envoy/extensions/access_loggers/{file,grpc,open_telemetry}; the default formats are Istio's
(``pilot/pkg/model/telemetry_logging.go``).
"""

import json
from collections.abc import Iterable
from typing import Final, assert_never

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog as AccessLogMessage,
    AccessLogFilter,
    AndFilter,
    ExtensionFilter,
    ResponseFlagFilter,
)
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import (
    CommonGrpcAccessLogConfig,
    HttpGrpcAccessLogConfig,
    TcpGrpcAccessLogConfig,
)
from envoy.extensions.access_loggers.open_telemetry.v3.logs_service_pb2 import (
    OpenTelemetryAccessLogConfig,
)
from envoy.extensions.formatter.req_without_query.v3.req_without_query_pb2 import ReqWithoutQuery
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList

from controlplane.envoy.packing import packed
from controlplane.model.access_log import (
    AccessLog,
    ConnectionLog,
    FileLog,
    Logger,
    LogService,
    OpenTelemetryLog,
    RequestLog,
)

_FIELDS: Final = {
    "start_time": "%START_TIME%",
    "route_name": "%ROUTE_NAME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
}
_LINE: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% '
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% '
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% "
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)


_WITHOUT_QUERY: Final = "%REQ_WITHOUT_QUERY"
_NO_CHAIN: Final = "NR"  # response flag of a connection that no filter chain takes


def access_log(log: AccessLog) -> AccessLogMessage:
    """The log of requests (HTTP) or connections (TCP)."""
    filters = () if log.expression is None else (_matching(log.expression),)
    return _logged(log.logger, filters)


def unmatched_log(log: AccessLog) -> AccessLogMessage:
    """The log of connections that match no filter chain; it belongs to the listener."""
    unmatched = AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=[_NO_CHAIN]))
    if log.expression is None:
        return _logged(log.logger, (unmatched,))
    return _logged(log.logger, (unmatched, _matching(log.expression)))


def _logged(logger: Logger, filters: tuple[AccessLogFilter, ...]) -> AccessLogMessage:
    name, config = _logger(logger)
    return AccessLogMessage(
        name=name,
        filter=_all_of(filters) if filters else None,
        typed_config=packed(config),
    )


def _all_of(filters: tuple[AccessLogFilter, ...]) -> AccessLogFilter:
    if len(filters) == 1:
        return filters[0]
    return AccessLogFilter(and_filter=AndFilter(filters=filters))


def _matching(expression: str) -> AccessLogFilter:
    return AccessLogFilter(
        extension_filter=ExtensionFilter(
            name="envoy.access_loggers.extension_filters.cel",
            typed_config=packed(ExpressionFilter(expression=expression)),
        )
    )


def _logger(logger: Logger) -> tuple[str, Message]:
    """The name of an access logger and its configuration."""
    match logger:
        case FileLog():
            return "envoy.access_loggers.file", FileAccessLog(
                path=logger.path, log_format=_format(logger)
            )
        case RequestLog():
            return "envoy.access_loggers.http_grpc", HttpGrpcAccessLogConfig(
                common_config=_service(logger.service),
                additional_request_headers_to_log=logger.request_headers,
                additional_response_headers_to_log=logger.response_headers,
                additional_response_trailers_to_log=logger.response_trailers,
            )
        case ConnectionLog():
            return "envoy.access_loggers.tcp_grpc", TcpGrpcAccessLogConfig(
                common_config=_service(logger.service)
            )
        case OpenTelemetryLog():
            return "envoy.access_loggers.open_telemetry", _open_telemetry(logger)
    assert_never(logger)


def _service(service: LogService) -> CommonGrpcAccessLogConfig:
    return CommonGrpcAccessLogConfig(
        log_name=service.log,
        grpc_service=GrpcService(
            envoy_grpc=GrpcService.EnvoyGrpc(
                cluster_name=service.cluster, authority=service.authority
            )
        ),
        transport_api_version=ApiVersion.V3,
        filter_state_objects_to_log=service.filter_state,
    )


def _open_telemetry(log: OpenTelemetryLog) -> OpenTelemetryAccessLogConfig:
    body = log.body or _LINE
    return OpenTelemetryAccessLogConfig(
        common_config=_service(log.service),
        disable_builtin_labels=True,
        body=AnyValue(string_value=body),
        attributes=KeyValueList(
            values=[
                KeyValue(key=key, value=AnyValue(string_value=value))
                for key, value in log.attributes
            ]
        )
        if log.attributes
        else None,
        formatters=_formatters((body, *(value for _, value in log.attributes))),
    )


def _format(log: FileLog) -> SubstitutionFormatString:
    if log.json is not None:
        fields = json.loads(log.json) if log.json else _FIELDS
        return SubstitutionFormatString(
            json_format=ParseDict(fields, Struct()),
            omit_empty_values=log.omits_empty,
            formatters=_formatters((log.json,)),
        )
    line = log.line or _LINE
    return SubstitutionFormatString(
        text_format_source=DataSource(inline_string=line if line.endswith("\n") else f"{line}\n"),
        omit_empty_values=log.omits_empty,
        formatters=_formatters((line,)),
    )


def _formatters(formats: Iterable[str]) -> tuple[TypedExtensionConfig, ...]:
    """The extensions that have commands which are not Envoy's own."""
    if not any(_WITHOUT_QUERY in each for each in formats):
        return ()
    return (
        TypedExtensionConfig(
            name="envoy.formatter.req_without_query", typed_config=packed(ReqWithoutQuery())
        ),
    )
