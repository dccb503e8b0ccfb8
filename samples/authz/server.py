"""A server of external authorization to copy: it admits whoever sends ``x-ext-authz: allow``.

It speaks both protocols that Envoy has for this: HTTP, where the status of the answer decides, and
gRPC (``envoy.service.auth.v3.Authorization``). Connections that carry no requests are admitted by
gRPC if they come from an address that ``--admit`` names.

    python samples/authz/server.py --http 8000 --grpc 9000
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3.external_auth_pb2 import (
    CheckRequest,
    CheckResponse,
    DeniedHttpResponse,
    OkHttpResponse,
)
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.rpc.code_pb2 import OK, PERMISSION_DENIED
from google.rpc.status_pb2 import Status

HEADER = "x-ext-authz"
RESULT = "x-ext-authz-check-result"
RECEIVED = "x-ext-authz-check-received"
METHOD = "/envoy.service.auth.v3.Authorization/Check"
REFUSED = f"denied by ext_authz for not found header `{HEADER}: allow` in the request"


def is_admitted(headers: dict[str, str]) -> bool:
    """The rule to replace by your own; the names of headers are in lower case."""
    return HEADER in headers and headers[HEADER] == "allow"


class HttpCheck(BaseHTTPRequestHandler):
    """Every method and path is a check; 200 admits, every other status refuses."""

    protocol_version = "HTTP/1.1"

    def check(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers["content-length"]) if "content-length" in headers else 0
        body = self.rfile.read(length).decode("utf-8", "replace")
        admits = is_admitted(headers)
        said = b"" if admits else REFUSED.encode()
        self.send_response(200 if admits else 403)
        self.send_header(RESULT, "allowed" if admits else "denied")
        self.send_header(RECEIVED, f"{self.command} {self.path} {body}")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *arguments: object) -> None:
        print(f"HTTP {format % arguments}", flush=True)


for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(HttpCheck, f"do_{method}", HttpCheck.check)


class GrpcCheck(grpc.GenericRpcHandler):
    """The one method of Envoy's service."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = frozenset(addresses)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method != METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(
            self.check,
            request_deserializer=CheckRequest.FromString,
            response_serializer=CheckResponse.SerializeToString,
        )

    def check(self, request: CheckRequest, _: grpc.ServicerContext) -> CheckResponse:
        source = request.attributes.source.address.socket_address.address
        http = request.attributes.request.http
        admits = is_admitted(dict(http.headers)) if http.method else source in self.addresses
        print(f"gRPC {http.method or source} {http.path}: {admits}", flush=True)
        body = http.body or http.raw_body.decode("utf-8", "replace")
        headers = [
            _header(RESULT, "allowed" if admits else "denied"),
            _header(RECEIVED, f"{http.method} {http.path} {body}"),
        ]
        if admits:
            return CheckResponse(
                status=Status(code=OK), ok_response=OkHttpResponse(headers=headers)
            )
        return CheckResponse(
            status=Status(code=PERMISSION_DENIED),
            denied_response=DeniedHttpResponse(
                status=HttpStatus(code=403), headers=headers, body=REFUSED
            ),
        )


def _header(name: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(header=HeaderValue(key=name, value=value))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="0.0.0.0")
    parser.add_argument("--http", type=int, default=8000, help="the port for HTTP")
    parser.add_argument("--grpc", type=int, default=9000, help="the port for gRPC")
    parser.add_argument("--admit", action="append", default=[], help="an address for TCP")
    options = parser.parse_args()
    checks = grpc.server(ThreadPoolExecutor(max_workers=8))
    checks.add_generic_rpc_handlers((GrpcCheck(options.admit),))
    checks.add_insecure_port(f"{options.address}:{options.grpc}")
    checks.start()
    server = ThreadingHTTPServer((options.address, options.http), HttpCheck)
    print(f"checks by HTTP on {options.http}, by gRPC on {options.grpc}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        checks.stop(grace=None)


if __name__ == "__main__":
    main()
