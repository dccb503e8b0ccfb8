"""A collector that prints what it is sent, a line for each span or log: Zipkin's JSON on port 9411,
OpenTelemetry by gRPC on 4317 and by HTTP on 4318. To see what arrives, without a backend.

    python collector.py

Needs what controlplane needs.
"""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HOST = "127.0.0.1"
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
ZIPKIN = "/api/v2/spans"


def say(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)


def zipkin(body: bytes) -> Iterator[str]:
    for span in json.loads(body):
        service = span.get("localEndpoint", {}).get("serviceName", "")
        tags = " ".join(f"{k}={v}" for k, v in sorted(span.get("tags", {}).items()))
        yield f"zipkin span: {service}: {span.get('name', '')} {tags}"


def traces(body: bytes) -> Iterator[str]:
    for of_one in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = shown(of_one.resource.attributes).get("service.name", "")
        for library in of_one.instrumentation_library_spans:
            for span in library.spans:
                tags = " ".join(f"{k}={v}" for k, v in sorted(shown(span.attributes).items()))
                yield f"otlp span: {service}: {span.name} {tags}"


def logs(body: bytes) -> Iterator[str]:
    for of_one in ExportLogsServiceRequest.FromString(body).resource_logs:
        for library in of_one.instrumentation_library_logs:
            for record in library.logs:
                said = " ".join(f"{k}={v}" for k, v in sorted(shown(record.attributes).items()))
                yield f"otlp log: {record.body.string_value.strip()} {said}"


def shown(attributes) -> dict[str, str]:
    values = ((each.key, each.value) for each in attributes)
    return {
        key: str(getattr(value, value.WhichOneof("value") or "string_value"))
        for key, value in values
    }


class Calls(grpc.GenericRpcHandler):
    """Unary calls, whose messages stay bytes."""

    def service(self, details):
        readers: dict[str, Callable[[bytes], Iterator[str]]] = {TRACES: traces, LOGS: logs}
        read = readers.get(details.method)
        if read is None:
            return None

        def answer(body: bytes, _) -> bytes:
            say(read(body))
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


class Posts(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = b"".join(self.chunks())
        say(zipkin(body) if self.path == ZIPKIN else traces(body))
        self.send_response(202 if self.path == ZIPKIN else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def chunks(self) -> Iterator[bytes]:
        """The body, which Envoy sends in chunks."""
        length = self.headers["content-length"]
        if length is not None:
            yield self.rfile.read(int(length))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, *_) -> None:
        pass


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Calls()])
    server.add_insecure_port(f"{HOST}:4317")
    server.start()
    for port in (9411, 4318):
        web = ThreadingHTTPServer((HOST, port), Posts)
        threading.Thread(target=web.serve_forever, daemon=True).start()
    print("collecting", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
