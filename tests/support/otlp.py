"""A receiver of OpenTelemetry's protocol: traces and logs, by gRPC and by HTTP.

The messages are those that come with Envoy's, which are of before spans had scopes: on the wire
they are the same.
Source: opentelemetry-proto, ``collector/trace/v1``, ``collector/logs/v1``; OTLP/HTTP with protobuf.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

_SERVICES: Final[Mapping[str, tuple[type[Message], type[Message]]]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": (
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
    ),
    "opentelemetry.proto.collector.logs.v1.LogsService": (
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
    ),
}
_REQUESTS: Final = tuple(request for request, _ in _SERVICES.values())


@dataclass(frozen=True, kw_only=True)
class Span:
    """``headers`` are those of the request that brought it."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    tags: dict[str, str]
    resource: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True)
class Received:
    """What came, the newest last, each with the headers of its request and where it was sent to."""

    requests: list[tuple[Message, dict[str, str], str]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, request: Message, headers: dict[str, str], to: str) -> None:
        with self._lock:
            self.requests.append((request, headers, to))

    @property
    def spans(self) -> tuple[Span, ...]:
        with self._lock:
            found = tuple(self.requests)
        return tuple(
            _span(span, part.resource, headers)
            for request, headers, _ in found
            if isinstance(request, ExportTraceServiceRequest)
            for part in request.resource_spans
            for scope in part.instrumentation_library_spans
            for span in scope.spans
        )

    @property
    def logs(self) -> tuple[Any, ...]:
        """The records of logs, as opentelemetry-proto has them."""
        with self._lock:
            found = tuple(self.requests)
        return tuple(
            record
            for request, _, _ in found
            if isinstance(request, ExportLogsServiceRequest)
            for part in request.resource_logs
            for scope in part.instrumentation_library_logs
            for record in scope.logs
        )


@contextmanager
def running_otlp_grpc(address: str, port: int) -> Iterator[Received]:
    received = Received()
    server = grpc.server(ThreadPoolExecutor(2))
    for service, (request, response) in _SERVICES.items():
        method = grpc.unary_unary_rpc_method_handler(
            _taker(received, service, response),
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )
        handler = grpc.method_handlers_generic_handler(service, {"Export": method})
        server.add_generic_rpc_handlers((handler,))
    assert server.add_insecure_port(f"{address}:{port}") == port
    server.start()
    try:
        yield received
    finally:
        server.stop(None).wait()


@contextmanager
def running_otlp_http(address: str, port: int) -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = self.headers["content-length"]
            body = self.rfile.read(int(length)) if length else b"".join(self.chunks())
            kind = _REQUESTS[1] if self.path.endswith("/logs") else _REQUESTS[0]
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.add(kind.FromString(body), headers, self.path)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def chunks(self) -> Iterator[bytes]:
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def log_message(self, *_: Any) -> None:
            """Nothing: tests look at what was received."""

    server = ThreadingHTTPServer((address, port), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()


def _taker(
    received: Received, service: str, response: type[Message]
) -> Callable[[Message, grpc.ServicerContext], Message]:
    def take(request: Message, context: grpc.ServicerContext) -> Message:
        metadata = {key: str(value) for key, value in context.invocation_metadata()}
        received.add(request, metadata, service)
        return response()

    return take


def _span(span: Any, resource: Any, headers: dict[str, str]) -> Span:
    of_resource = _attributes(resource.attributes)
    return Span(
        service=of_resource.get("service.name", ""),
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        tags=_attributes(span.attributes),
        resource=of_resource,
        headers=headers,
    )


def _attributes(pairs: Any) -> dict[str, str]:
    """Texts as they are, everything else as Python prints it."""
    return {
        pair.key: str(getattr(pair.value, pair.value.WhichOneof("value") or "string_value"))
        for pair in pairs
    }
