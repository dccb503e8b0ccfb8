"""A server that takes access logs: Envoy's ALS, and the log service of OpenTelemetry.

Source: envoy/service/accesslog/v3/als.proto,
opentelemetry/proto/collector/logs/v1/logs_service.proto
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry, TCPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage, StreamAccessLogsResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

_ALS: Final = "envoy.service.accesslog.v3.AccessLogService"
_OTLP: Final = "opentelemetry.proto.collector.logs.v1.LogsService"


@dataclass(frozen=True, slots=True)
class LogServices:
    """What arrived, the newest last; requests and connections with the name of their log."""

    requests: list[tuple[str, HTTPAccessLogEntry]] = field(default_factory=list)
    connections: list[tuple[str, TCPAccessLogEntry]] = field(default_factory=list)
    records: list[LogRecord] = field(default_factory=list)

    def stream(self, messages: Iterator[StreamAccessLogsMessage]) -> StreamAccessLogsResponse:
        log = ""
        for message in messages:
            log = message.identifier.log_name or log
            self.requests.extend((log, entry) for entry in message.http_logs.log_entry)
            self.connections.extend((log, entry) for entry in message.tcp_logs.log_entry)
        return StreamAccessLogsResponse()

    def export(self, request: ExportLogsServiceRequest) -> ExportLogsServiceResponse:
        for resource in request.resource_logs:
            for scope in resource.instrumentation_library_logs:
                self.records.extend(scope.logs)
        return ExportLogsServiceResponse()


@contextmanager
def running_log_services(address: str) -> Iterator[LogServices]:
    """Serve at ``HOST:PORT`` until the block ends."""
    services = LogServices()

    def stream(messages: Iterator[StreamAccessLogsMessage], _: Any) -> StreamAccessLogsResponse:
        return services.stream(messages)

    def export(request: ExportLogsServiceRequest, _: Any) -> ExportLogsServiceResponse:
        return services.export(request)

    handlers = (
        grpc.method_handlers_generic_handler(
            _ALS,
            {
                "StreamAccessLogs": grpc.stream_unary_rpc_method_handler(
                    stream,
                    request_deserializer=StreamAccessLogsMessage.FromString,
                    response_serializer=StreamAccessLogsResponse.SerializeToString,
                )
            },
        ),
        grpc.method_handlers_generic_handler(
            _OTLP,
            {
                "Export": grpc.unary_unary_rpc_method_handler(
                    export,
                    request_deserializer=ExportLogsServiceRequest.FromString,
                    response_serializer=ExportLogsServiceResponse.SerializeToString,
                )
            },
        ),
    )
    served = grpc.server(ThreadPoolExecutor(16))  # a stream of each worker keeps one
    served.add_generic_rpc_handlers(handlers)
    served.add_insecure_port(address)
    served.start()
    try:
        yield services
    finally:
        served.stop(0).wait()
