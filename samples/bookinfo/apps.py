"""The four applications of Bookinfo, on this machine, small and without anything to install.

    python apps.py     productpage on port 9080, details on 9081, reviews v1 to v3 on 9082 to 9084,
                       ratings on 9085; Ctrl-C stops them

productpage asks details and reviews, and reviews v2 and v3 ask ratings, as in Istio's sample.
"""

import json
import threading
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

PORTS: Final = MappingProxyType(
    {
        "productpage": 9080,
        "details": 9081,
        "reviews-v1": 9082,
        "reviews-v2": 9083,
        "reviews-v3": 9084,
        "ratings": 9085,
    }
)
PASSED_ON: Final = ("x-request-id", "end-user", "traceparent", "user-agent")
BOOK: Final = {
    "id": 0,
    "author": "William Shakespeare",
    "year": 1595,
    "type": "paperback",
    "pages": 200,
    "publisher": "PublisherA",
    "language": "English",
}
REVIEWS: Final = (
    ("Reviewer1", "An extremely entertaining play by Shakespeare."),
    ("Reviewer2", "Absolutely fun and entertaining."),
)
COLOURS: Final = MappingProxyType({"v2": "black", "v3": "red"})
Headers = Mapping[str, str]
Answer = tuple[str, str]
"""Content type and body."""


def asked(name: str, path: str, headers: Headers) -> Any:
    """What an application answers to ``path``, with the headers that are passed on."""
    own = {key: headers[key] for key in PASSED_ON if key in headers}
    request = urllib.request.Request(f"http://127.0.0.1:{PORTS[name]}{path}", headers=own)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def in_json(value: object) -> Answer:
    return "application/json", json.dumps(value)


def details(_path: str, _headers: Headers) -> Answer:
    return in_json(BOOK)


def ratings(_path: str, _headers: Headers) -> Answer:
    return in_json({"id": 0, "ratings": {"Reviewer1": 5, "Reviewer2": 4}})


def reviews(version: str) -> Callable[[str, Headers], Answer]:
    def answer(_path: str, headers: Headers) -> Answer:
        found: list[dict[str, object]] = [{"reviewer": who, "text": text} for who, text in REVIEWS]
        if version in COLOURS:
            stars = asked("ratings", "/ratings/0", headers)["ratings"]
            for review in found:
                rating = {"stars": stars[str(review["reviewer"])], "color": COLOURS[version]}
                review["rating"] = rating
        return in_json({"id": "0", "podname": f"reviews-{version}", "reviews": found})

    return answer


def productpage(path: str, headers: Headers) -> Answer:
    if path.startswith("/api/v1/products"):
        return in_json([{"id": 0, "title": "The Comedy of Errors"}])
    book = asked("details", "/details/0", headers)
    found = asked("reviews-v1", "/reviews/0", headers)
    rows = "".join(f"<tr><td>{escape(k)}<td>{escape(str(v))}" for k, v in book.items())
    quotes = "".join(
        f"<blockquote>{escape(review['text'])}<footer>{escape(review['reviewer'])}</footer>"
        for review in found["reviews"]
    )
    title = "Simple Bookstore App"
    return "text/html", (
        f"<!DOCTYPE html><title>{title}</title><h1>The Comedy of Errors</h1>"
        f"<table>{rows}</table>{quotes}<p>Reviews served by: {found['podname']}\n"
    )


APPLICATIONS: Final[Mapping[str, Callable[[str, Headers], Answer]]] = MappingProxyType(
    {
        "productpage": productpage,
        "details": details,
        "ratings": ratings,
        **{f"reviews-{version}": reviews(version) for version in ("v1", "v2", "v3")},
    }
)


def serving(name: str) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            kind, text = APPLICATIONS[name](urlsplit(self.path).path, self.headers)
            body = text.encode()
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # its name there
            """Say nothing: the gateway has the log."""

    return ThreadingHTTPServer(("127.0.0.1", PORTS[name]), Handler)


def main() -> None:
    servers = [serving(name) for name in APPLICATIONS]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(*(f"{name} is on port {port}" for name, port in PORTS.items()), sep="\n", flush=True)
    with suppress(KeyboardInterrupt):
        servers[0].serve_forever()


if __name__ == "__main__":
    main()
