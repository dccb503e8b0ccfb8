"""What the applications of Bookinfo answer: a request becomes an answer, by way of calls to others.

Source: https://github.com/istio/istio/tree/master/samples/bookinfo/src (Apache License 2.0)
"""

import http.client
import json
import os
import random
import re
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from pages import STYLE, index, product_page, sign, signed_in

PORT: Final = 9080
PRODUCT_PAGE_WAITS: Final = 3.0  # seconds, for each of its calls
RATINGS_DELAY: Final = 7.0  # seconds, of v-delayed
UNAVAILABLE_FOR: Final = 60.0  # seconds, of v-unavailable
PASSED_ON: Final = (
    *("x-request-id", "x-ot-span-context", "traceparent", "tracestate", "b3"),
    *("x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"),
    *("x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority"),
    *("x-cloud-trace-context", "grpc-trace-bin", "sw8"),
    *("end-user", "user-agent", "cookie", "authorization", "jwt"),
)
PRODUCTS: Final = (
    {
        "id": 0,
        "title": "The Comedy of Errors",
        "descriptionHtml": '<a href="https://en.wikipedia.org/wiki/The_Comedy_of_Errors">Wikipedia'
        "</a>: The Comedy of Errors is one of <b>William Shakespeare's</b> early plays, the "
        "shortest of all, and a farce of two pairs of twins who are mistaken for each other.",
    },
)
BOOK: Final = MappingProxyType(
    {
        "author": "William Shakespeare",
        "year": 1595,
        "type": "paperback",
        "pages": 200,
        "publisher": "PublisherA",
        "language": "English",
        "ISBN-10": "1234567890",
        "ISBN-13": "123-1234567890",
    }
)
REVIEWS: Final = (
    (
        "Reviewer1",
        "An extremely entertaining play by Shakespeare. The slapstick humour is refreshing!",
    ),
    (
        "Reviewer2",
        "Absolutely fun and entertaining. The play lacks thematic depth when compared to other "
        "plays by Shakespeare.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int = 200
    kind: str = "application/json"
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


Application = Callable[[Request], Answer]


def in_json(value: object, status: int = 200) -> Answer:
    return Answer(status=status, body=json.dumps(value))


NOT_FOUND: Final = in_json({"error": "not found"}, 404)


@dataclass(frozen=True, slots=True)
class Services:
    """Where each application is asked."""

    ports: Mapping[str, int] = field(default_factory=dict)
    """Those of this process."""

    def address(self, name: str) -> tuple[str, int]:
        if name in self.ports:
            return "127.0.0.1", self.ports[name]
        variable, domain = name.upper(), os.environ.get("SERVICES_DOMAIN")
        host = os.environ.get(f"{variable}_HOSTNAME", name)
        port = os.environ.get(f"{variable}_SERVICE_PORT", str(PORT))
        return f"{host}.{domain}" if domain else host, int(port)

    def asked(
        self, name: str, path: str, headers: Mapping[str, str], *, waits: float
    ) -> tuple[int, Any]:
        """Status and JSON of an answer; 500 and ``None`` where there is none within ``waits``.

        Every call has a connection of its own, so that each is balanced anew.
        """
        host, port = self.address(name)
        connection = http.client.HTTPConnection(host, port, timeout=waits)
        try:
            connection.request("GET", path, headers={**headers, "connection": "close"})
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if answer.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError) as fault:
            print(f"{name} {path}: {fault!r}", file=sys.stderr, flush=True)
            return 500, None
        finally:
            connection.close()


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name in PASSED_ON if (value := headers.get(name)) is not None}


def numbered(path: str, prefix: str) -> int | None:
    """The product of ``/prefix/ID``; ``None`` for every other path."""
    found = re.fullmatch(rf"/{prefix}/([0-9]+)", path)
    return int(found[1]) if found else None


def details(request: Request) -> Answer:
    if not request.path.startswith("/details"):
        return NOT_FOUND
    product = numbered(request.path, "details")
    if product is None:
        return in_json({"error": "please provide numeric product id"}, 400)
    return in_json({"id": product, **BOOK})


class Ratings:
    """Ratings in memory: POST changes those of a product."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._began = time.monotonic()
        self._posted: dict[int, object] = {}

    def __call__(self, request: Request) -> Answer:
        if not request.path.startswith("/ratings"):
            return NOT_FOUND
        product = numbered(request.path, "ratings")
        if product is None:
            return in_json({"error": "please provide numeric product ID"}, 400)
        if request.method == "POST":
            try:
                self._posted[product] = json.loads(request.body)
            except ValueError:
                return in_json({"error": "please provide valid ratings JSON"}, 400)
        elif self._fails():
            return in_json({"error": "Service unavailable"}, 503)
        elif self._version == "v-delayed" and random.random() <= 0.5:
            time.sleep(RATINGS_DELAY)
        rated = self._posted.get(product, {"Reviewer1": 5, "Reviewer2": 4})
        return in_json({"id": product, "ratings": rated})

    def _fails(self) -> bool:
        match self._version:
            case "v-faulty":
                return random.random() <= 0.5
            case "v-unavailable":
                return (time.monotonic() - self._began) // UNAVAILABLE_FOR % 2 == 1
        return False


def reviews(version: str, services: Services) -> Application:
    colour = {"v2": "black", "v3": "red"}.get(version)

    def rating(stars: object) -> dict[str, object]:
        if isinstance(stars, int):
            return {"stars": stars, "color": colour}
        return {"error": "Ratings service is currently unavailable"}

    def answer(request: Request) -> Answer:
        product = numbered(request.path, "reviews")
        if product is None:
            return NOT_FOUND
        found: list[dict[str, object]] = [{"reviewer": who, "text": text} for who, text in REVIEWS]
        if colour is not None:
            headers, waits = passed_on(request.headers), 10.0 if colour == "black" else 2.5
            _, given = services.asked("ratings", f"/ratings/{product}", headers, waits=waits)
            rated = given.get("ratings") if isinstance(given, dict) else None
            stars = rated if isinstance(rated, dict) else {}
            for review in found:
                review["rating"] = rating(stars.get(review["reviewer"]))
        name, host = f"reviews-{version}", os.environ.get("HOSTNAME") or socket.gethostname()
        return in_json(
            {
                "id": str(product),
                "podname": host if host.startswith(name) else f"{name}-{host}",
                "clustername": os.environ.get("CLUSTER_NAME", "null"),
                "reviews": found,
            }
        )

    return answer


class ProductPage:
    """The page, the session, and the API."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def __call__(self, request: Request) -> Answer:
        path = request.path.rstrip("/") or "/"
        match request.method, path.split("/")[1:]:
            case "POST", ["login"]:
                user = parse_qs(request.body.decode("utf-8", "replace")).get("username", [""])[0]
                return self._back(request, f"session={sign(user)}; HttpOnly; Path=/; SameSite=Lax")
            case _, ["logout"]:
                return self._back(request, "session=; Max-Age=0; HttpOnly; Path=/; SameSite=Lax")
            case _, [""] | ["index.html"]:
                return Answer(kind="text/html", body=index())
            case _, ["static", "bookinfo.css"]:
                return Answer(kind="text/css", body=STYLE)
            case _, ["productpage"]:
                return self._page(request)
            case _, ["api", "v1", "products"]:
                return in_json(PRODUCTS)
            case _, ["api", "v1", "products", product]:
                return self._api("details", product, request)
            case _, ["api", "v1", "products", product, "reviews" | "ratings" as part]:
                return self._api(part, product, request)
        return NOT_FOUND

    def _back(self, request: Request, cookie: str) -> Answer:
        """To the page that the browser came from, on this server whatever its Referer says."""
        before = urlsplit(request.headers.get("referer") or "").path
        path = before if re.match(r"/(?!/)", before) else "/productpage"
        return Answer(
            status=302, kind="text/html", headers=(("location", path), ("set-cookie", cookie))
        )

    def _headers(self, request: Request) -> dict[str, str]:
        """Those that are passed on; who the user is, only the session says."""
        headers = passed_on(request.headers)
        headers.pop("end-user", None)
        user = signed_in(request.headers.get("cookie") or "")
        return {**headers, "end-user": user} if user else headers

    def _asked(self, name: str, product: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        path, waits = f"/{name}/{product}", PRODUCT_PAGE_WAITS
        status, found = self._services.asked(name, path, headers, waits=waits)
        if name == "reviews" and status != 200:  # the fault that the fault injection lesson finds
            status, found = self._services.asked(name, path, headers, waits=waits)
        if status == 200:
            return status, found
        return status, {"error": f"Sorry, product {name} are currently unavailable for this book."}

    def _api(self, name: str, product: str, request: Request) -> Answer:
        status, found = self._asked(name, product, self._headers(request))
        return in_json(found, status)

    def _page(self, request: Request) -> Answer:
        headers = self._headers(request)
        page = product_page(
            user=headers.get("end-user", ""),
            product=PRODUCTS[0],
            details=self._asked("details", "0", headers),
            reviews=self._asked("reviews", "0", headers),
        )
        return Answer(kind="text/html", body=page)


def application(name: str, version: str, services: Services) -> Application:
    match name:
        case "productpage":
            return ProductPage(services)
        case "details":
            return details
        case "reviews":
            return reviews(version, services)
        case "ratings":
            return Ratings(version)
    raise ValueError(f"{name}: applications are productpage, details, reviews and ratings")
