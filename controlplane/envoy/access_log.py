"""Access logs: one line for each request or connection, written to a file of the proxy's.

Source: envoy/extensions/access_loggers/file/v3/file.proto; the default formats are Istio's
(``pilot/pkg/model/telemetry_logging.go``).
"""

import json
from typing import Final

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog as AccessLogMessage,
    AccessLogFilter,
    ResponseFlagFilter,
)
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from controlplane.envoy.packing import packed
from controlplane.model.access_log import AccessLog

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


def access_log(log: AccessLog) -> AccessLogMessage:
    """The log of requests (HTTP) or connections (TCP)."""
    return AccessLogMessage(
        name="envoy.access_loggers.file",
        typed_config=packed(FileAccessLog(path=log.path, log_format=_format(log))),
    )


def unmatched_log(log: AccessLog) -> AccessLogMessage:
    """The log of connections that match no filter chain; it belongs to the listener."""
    return AccessLogMessage(
        name="envoy.access_loggers.file",
        filter=AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=["NR"])),
        typed_config=packed(FileAccessLog(path=log.path, log_format=_format(log))),
    )


def _format(log: AccessLog) -> SubstitutionFormatString:
    if log.json is not None:
        fields = json.loads(log.json) if log.json else _FIELDS
        return SubstitutionFormatString(json_format=ParseDict(fields, Struct()))
    line = log.line or _LINE
    return SubstitutionFormatString(
        text_format_source=DataSource(inline_string=line if line.endswith("\n") else f"{line}\n")
    )
