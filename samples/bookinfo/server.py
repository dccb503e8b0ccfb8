"""The four applications of Istio's Bookinfo in one program that needs nothing but Python.

    python server.py reviews-v2                  reviews, version v2, on port 9080
    python server.py productpage details=9081 reviews-v1=9082 ratings=9083
                                                 several in one process, each on its own port

Applications: productpage, details, reviews (v1: no stars, v2: black ones, v3: red ones), ratings
(v1; v-faulty: half of the answers are 503; v-delayed: half come after 7 s; v-unavailable: 503 in
every other minute). An application on the same command line is asked there; any other by its name,
on port 9080, or where DETAILS_HOSTNAME, DETAILS_SERVICE_PORT, REVIEWS_… and RATINGS_… say.

After SIGTERM it serves on for --drain seconds: /health answers 503 and connections are closed after
their answer, so that whoever balances the load stops choosing it. Requests under way are finished.

What is answered is what Istio's applications answer, their lessons included: productpage waits 3 s
for reviews and tries twice, reviews v2 waits 10 s for ratings and v3 2.5 s.
Source: https://github.com/istio/istio/tree/master/samples/bookinfo/src (Apache License 2.0)
"""

import argparse
import re
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Final
from urllib.parse import urlsplit

from applications import PORT, Answer, Application, Request, Services, application, in_json

LONGEST_BODY: Final = 65_536  # bytes
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
FINISH_WITHIN: Final = 15.0  # seconds for requests under way at the end; the longest takes 10


class Server(ThreadingHTTPServer):
    """One application on a port. ``is_draining``: SIGTERM came; ``under_way`` counts requests."""

    request_queue_size = 128
    daemon_threads = True
    is_draining = threading.Event()

    def __init__(self, host: str, port: int, name: str, answers: Application) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.under_way = 0
        self.counting = threading.Lock()
        super().__init__((host, port), type(name, (Handler,), {"name": name, "answers": answers}))

    def server_bind(self) -> None:
        """For IPv4 too, where the address is ``::``; http.server's own would ask DNS for a name."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    name: ClassVar[str]
    answers: ClassVar[Application]
    server: Server

    def answer(self) -> None:
        with self.server.counting:
            self.server.under_way += 1
        try:
            self._send(self._answered())
        finally:
            with self.server.counting:
                self.server.under_way -= 1

    def _answered(self) -> Answer:
        body = self._body()
        if body is None:
            self.close_connection = True
            return in_json({"error": f"the body is longer than {LONGEST_BODY} bytes"}, 413)
        path = urlsplit(self.path).path
        if path == "/health":
            if self.server.is_draining.is_set():
                return in_json({"status": f"{self.name} is about to end"}, 503)
            return in_json({"status": f"{self.name.capitalize()} is healthy"})
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, path=path, headers=headers, body=body)
        return type(self).answers(request)

    def _body(self) -> bytes | None:
        """``None``: longer than the limit."""
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            length = int(self.headers.get("content-length") or 0)
            return self.rfile.read(length) if length <= LONGEST_BODY else None
        body = b""
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            body += self.rfile.read(min(size, LONGEST_BODY))
            if len(body) >= LONGEST_BODY:
                return None
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return body

    def _send(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("content-type", f"{answer.kind}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.server.is_draining.is_set():
            self.send_header("connection", "close")  # which http.server obeys itself
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = answer  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: ARG002 - its name there
        print(f"{self.name} {self.command} {self.path} {args[1]}", flush=True)


def parsed(word: str) -> tuple[str, str, int]:
    """``reviews-v2=9083`` is (``reviews``, ``v2``, 9083)."""
    found = re.fullmatch(r"([a-z]+)(?:-(v[\w-]+))?(?:=(\d+))?", word)
    if found is None:
        raise argparse.ArgumentTypeError(f'"{word}" is not like "reviews-v2" or "ratings=9085"')
    return found[1], found[2] or "v1", int(found[3] or PORT)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("applications", nargs="+", metavar="NAME[-VERSION][=PORT]", type=parsed)
    parser.add_argument("--host", help="address to listen on; every one if unset")
    parser.add_argument("--drain", type=float, default=2.0, help="seconds; 2 if unset")
    options = parser.parse_args()
    several = len(options.applications) > 1
    found: dict[str, int] = {}
    for name, _, port in options.applications:
        found.setdefault(name, port)
    services = Services(found if several else {})
    host = options.host or ("127.0.0.1" if several else "::" if socket.has_ipv6 else "0.0.0.0")
    # Before there are threads, which inherit it: only the sigwait below takes these signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    servers = []
    for name, version, port in options.applications:
        try:
            server = Server(host, port, name, application(name, version, services))
        except ValueError as fault:
            sys.exit(str(fault))
        except OSError as fault:
            sys.exit(f"{name}: {host}:{port}: {fault.strerror}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"{name} {version} is on port {port}", flush=True)
        servers.append(server)
    if signal.sigwait(SIGNALS) == signal.SIGTERM:
        end_gracefully(servers, options.drain)


def end_gracefully(servers: list[Server], drain: float) -> None:
    Server.is_draining.set()
    time.sleep(drain)
    for server in servers:
        server.shutdown()
    deadline = time.monotonic() + FINISH_WITHIN
    while any(server.under_way for server in servers) and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == "__main__":
    main()
