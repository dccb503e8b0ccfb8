"""A tiny HTTP service that answers who it is and what it was asked, in JSON.

    python server.py reviews-v1=9083 reviews-v2=9084      one process, several services
    python server.py --certificate c.pem --key k.pem --client-ca ca.pem b=tls:9443 c=mtls:9444

``tls:`` answers by TLS, ``mtls:`` demands a client certificate too. A name that ends in -v1, -v2, …
says the version. /health answers 200, /status/503 that status, /delay/1.5 waits so many seconds
first. Needs nothing but Python.
"""

import argparse
import json
import re
import signal
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import ClassVar

LONGEST_DELAY = 60.0  # seconds; a longer one would only tie up a thread


class Handler(BaseHTTPRequestHandler):
    """Answers every method alike; the subclass made by ``handler`` knows its name."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: ClassVar[str] = ""
    version: ClassVar[str] = ""

    def answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode("utf-8", errors="replace")
        status = 200
        match self.path.split("?")[0].strip("/").split("/"):
            case ["status", code] if code.isdecimal() and 200 <= int(code) <= 599:
                status = int(code)
            case ["delay", seconds] if seconds.replace(".", "", 1).isdecimal():
                time.sleep(min(float(seconds), LONGEST_DELAY))
        seen = {
            "name": self.service,
            "version": self.version,
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        if isinstance(self.connection, ssl.SSLSocket):
            names = (self.connection.getpeercert() or {}).get("subjectAltName", ())
            seen["tls"] = {
                "version": self.connection.version(),
                "server_name": getattr(self.connection, "asked_for", None),
                "client": [name for _, name in names],
            }
        if body:
            seen["body"] = body
        payload = json.dumps(seen, indent=1).encode() + b"\n"
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server calls
    do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: who wants to see requests reads the gateway's access log."""


def handler(name: str) -> type[Handler]:
    versioned = re.fullmatch(r"(.+)-(v\d+)", name)
    service, version = versioned.groups() if versioned else (name, "v1")
    return type(name, (Handler,), {"service": service, "version": version})


class Server(ThreadingTCPServer):
    """http.server's own would look its address up in DNS before it listens."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def listen(name: str, host: str, port: int, tls: ssl.SSLContext | None) -> None:
    """Start serving ``name`` on a thread; ``OSError`` where the port is taken."""
    server = Server((host, port), handler(name))
    if tls is not None:
        # The handshake waits for the connection's own thread, so that no client holds up others.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, name=name, daemon=True).start()


def server_tls(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def remember(connection: ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        connection.asked_for = name

    context.sni_callback = remember
    return context


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("services", nargs="+", metavar="NAME=PORT")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--certificate", help="PEM file for tls: and mtls:")
    parser.add_argument("--key", help="PEM file of the certificate's key")
    parser.add_argument("--client-ca", help="PEM file: who vouches for clients of mtls:")
    options = parser.parse_args()
    for service in options.services:
        name, _, where = service.partition("=")
        kind, _, port = where.rpartition(":")
        try:
            tls = server_tls(options.certificate, options.key) if kind else None
            if tls is not None and kind == "mtls":
                tls.load_verify_locations(options.client_ca)
                tls.verify_mode = ssl.CERT_REQUIRED
            listen(name, options.host, int(port), tls)
        except OSError as fault:
            sys.exit(f"{name}: {options.host}:{port}: {fault.strerror}")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()


if __name__ == "__main__":
    main()
