"""The applications of Bookinfo: what they answer, pass on, and do when they end."""

import http.client
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.bookinfo import FOLDER, running_bookinfo
from tests.support.client import Answer, send
from tests.support.envoy import free_port
from tests.support.process import Running

Ports = dict[str, int]


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    names = ("productpage", "details", "reviews-v2", "reviews-v1", "reviews-v3", "ratings")
    with running_bookinfo(tmp_path_factory.mktemp("bookinfo"), *names) as (_, found):
        yield found


def ask(port: int, path: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(f"http://127.0.0.1:{port}{path}", address="127.0.0.1", headers=named)


def post(port: int, path: str, body: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", path, body=body, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer


def cookie(port: int, user: str) -> str:
    said = post(port, "/login", f"username={user}&passwd=x").getheader("set-cookie") or ""
    return said.partition(";")[0]


def test_the_page_shows_the_book_and_the_stars_of_its_reviews(ports: Ports) -> None:
    page = ask(ports["productpage"], "/productpage").text

    assert "<title>Simple Bookstore App</title>" in page
    assert "The Comedy of Errors" in page
    assert "PublisherA" in page
    assert page.count('<font color="black">') == 2
    assert sum("glyphicon-star" in line for line in page.splitlines()) == 5 + 4
    assert len(re.findall("Reviews served by: reviews-v2", page)) == 2


@pytest.mark.parametrize(
    ("name", "rating"),
    [
        ("reviews-v1", None),
        ("reviews-v2", {"stars": 5, "color": "black"}),
        ("reviews-v3", {"stars": 5, "color": "red"}),
    ],
)
def test_each_version_of_reviews_has_its_stars(ports: Ports, name: str, rating: object) -> None:
    found = json.loads(ask(ports[name], "/reviews/0").text)

    assert found["id"] == "0"
    assert found["podname"].startswith(name)
    assert found["clustername"] == "null"
    assert found["reviews"][0].get("rating") == rating


def test_details_are_those_of_the_tutorial(ports: Ports) -> None:
    assert json.loads(ask(ports["details"], "/details/0").text) == {
        "id": 0,
        "author": "William Shakespeare",
        "year": 1595,
        "type": "paperback",
        "pages": 200,
        "publisher": "PublisherA",
        "language": "English",
        "ISBN-10": "1234567890",
        "ISBN-13": "123-1234567890",
    }
    assert ask(ports["details"], "/details/x").status == 400


def test_posted_ratings_are_kept(ports: Ports) -> None:
    posted = json.dumps({"Reviewer1": 1, "Reviewer2": 2})
    chunked = iter([posted[:7].encode(), posted[7:].encode()])

    assert post(ports["ratings"], "/ratings/7", posted).status == 200
    assert post(ports["ratings"], "/ratings/8", chunked).status == 200  # type: ignore[arg-type]  # http.client sends an iterator chunked
    for product in (7, 8):
        found = json.loads(ask(ports["ratings"], f"/ratings/{product}").text)
        assert found == {"id": product, "ratings": {"Reviewer1": 1, "Reviewer2": 2}}
    assert post(ports["ratings"], "/ratings/9", "{").status == 400


def test_the_api_answers_as_the_services(ports: Ports) -> None:
    page = ports["productpage"]

    assert json.loads(ask(page, "/api/v1/products").text)[0]["title"] == "The Comedy of Errors"
    assert json.loads(ask(page, "/api/v1/products/0").text)["pages"] == 200
    assert json.loads(ask(page, "/api/v1/products/0/reviews").text)["id"] == "0"
    assert json.loads(ask(page, "/api/v1/products/0/ratings").text)["ratings"]["Reviewer2"] == 4


def test_who_signs_in_is_named_until_signing_out(ports: Ports) -> None:
    page = ports["productpage"]
    answer = post(page, "/login", "username=jason&passwd=x", referer="http://shop/productpage?u=1")
    session = (answer.getheader("set-cookie") or "").partition(";")[0]

    assert (answer.status, answer.getheader("location")) == (302, "/productpage")
    assert "jason" in ask(page, "/productpage", cookie=session).text
    assert 'name="login_form"' in ask(page, "/productpage").text
    left = ask(page, "/logout", cookie=session)
    assert left.status == 302
    assert "Max-Age=0" in left.headers["set-cookie"]


def test_a_session_is_believed_only_with_its_signature(ports: Ports) -> None:
    forged = cookie(ports["productpage"], "john").replace("am9obg", "amFzb24")  # jason

    assert "am" in forged
    assert "jason" not in ask(ports["productpage"], "/productpage", cookie=forged).text


def test_a_name_is_text_in_the_page_not_markup(ports: Ports) -> None:
    session = cookie(ports["productpage"], "%3Cscript%3Ealert(1)%3C%2Fscript%3E")

    page = ask(ports["productpage"], "/productpage", cookie=session).text

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("referer", ["https://evil.example//evil.example/", "//evil.example/x", ""])
def test_signing_in_leads_to_no_other_server(ports: Ports, referer: str) -> None:
    answer = post(ports["productpage"], "/login", "username=a", referer=referer)

    location = answer.getheader("location") or ""
    assert location.startswith("/")
    assert not location.startswith("//")


def test_every_application_is_healthy(ports: Ports) -> None:
    assert {ask(port, "/health").status for port in ports.values()} == {200}
    assert ask(ports["ratings"], "/other").status == 404


class Stub:
    """Stands for reviews or ratings: answers ``status`` after ``delay`` and keeps the headers."""

    def __init__(self, status: int = 200, delay: float = 0.0) -> None:
        self.seen: list[dict[str, str]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.seen.append({name.lower(): value for name, value in self.headers.items()})
                time.sleep(delay)
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def asking(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stub: Stub, called: str, name: str
) -> Iterator[int]:
    """The port of ``name`` alone, for which ``stub`` is the service ``called``."""
    monkeypatch.setenv(f"{called}_HOSTNAME", "127.0.0.1")
    monkeypatch.setenv(f"{called}_SERVICE_PORT", str(stub.port))
    with running_bookinfo(folder, name) as (_, ports):
        yield ports[name]
    stub.close()


def test_reviews_that_fail_are_asked_for_twice_and_then_excused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = Stub(status=503)
    with asking(tmp_path, monkeypatch, stub, "REVIEWS", "productpage") as port:
        page = ask(port, "/productpage")

        assert page.status == 200
        assert "Error fetching product reviews!" in page.text
        assert "product reviews are currently unavailable for this book" in page.text
        assert len(stub.seen) == 2
        assert ask(port, "/api/v1/products/0/reviews").status == 503


def test_reviews_say_where_ratings_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with asking(tmp_path, monkeypatch, Stub(status=500), "RATINGS", "reviews-v2") as port:
        found = json.loads(ask(port, "/reviews/0").text)

    error = {"error": "Ratings service is currently unavailable"}
    assert [review["rating"] for review in found["reviews"]] == [error, error]


def test_v3_of_reviews_waits_less_long_for_ratings_than_a_slow_one_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with asking(tmp_path, monkeypatch, Stub(delay=3.2), "RATINGS", "reviews-v3") as port:
        began = time.monotonic()
        answer = ask(port, "/reviews/0")

        assert "currently unavailable" in answer.text
        assert 2.4 < time.monotonic() - began < 3.1


HEADERS = {
    "x-request-id": "1",
    "traceparent": "2",
    "x-b3-traceid": "3",
    "b3": "4",
    "sw8": "5",
    "user-agent": "6",
    "authorization": "7",
    "jwt": "8",
    "x-datadog-trace-id": "9",
    "grpc-trace-bin": "10",
}


def test_headers_of_traces_and_of_the_user_are_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = Stub()
    with asking(tmp_path, monkeypatch, stub, "RATINGS", "reviews-v2") as port:
        url = f"http://127.0.0.1:{port}/reviews/0"
        send(url, address="127.0.0.1", headers={**HEADERS, "end-user": "jason", "x-other": "no"})

    (seen,) = stub.seen
    assert HEADERS.items() <= seen.items()
    assert seen["end-user"] == "jason"
    assert "x-other" not in seen


def test_only_the_session_says_who_the_end_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = Stub()
    with asking(tmp_path, monkeypatch, stub, "REVIEWS", "productpage") as port:
        ask(port, "/api/v1/products/0/reviews", end_user="mallory")
        ask(port, "/api/v1/products/0/reviews", cookie=cookie(port, "jason"))

    assert "end-user" not in stub.seen[0]
    assert stub.seen[-1]["end-user"] == "jason"


def test_after_sigterm_requests_are_served_while_health_says_no(tmp_path: Path) -> None:
    with running_bookinfo(tmp_path, "details", drain=1.0) as (child, ports):
        port = ports["details"]
        ends: list[int] = []
        ending = threading.Thread(target=lambda: ends.append(child.terminate()))
        ending.start()
        child.eventually("health says no", lambda: ask(port, "/health").status == 503)

        answer = ask(port, "/details/0")

        assert answer.status == 200
        assert answer.headers["connection"] == "close"
        ending.join()
        assert ends == [0]
        assert ask(port, "/details/0").error == "refused"


def test_a_request_under_way_is_finished_after_sigterm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = Stub(delay=1.0)
    monkeypatch.setenv("RATINGS_HOSTNAME", "127.0.0.1")
    monkeypatch.setenv("RATINGS_SERVICE_PORT", str(stub.port))
    with running_bookinfo(tmp_path, "reviews-v2") as (child, ports):
        answers: list[Answer] = []
        asking_it = threading.Thread(
            target=lambda: answers.append(ask(ports["reviews-v2"], "/reviews/0"))
        )
        asking_it.start()
        child.eventually("it is under way", lambda: len(stub.seen) == 1)

        assert child.terminate(signal.SIGTERM) == 0
        asking_it.join()

    assert [answer.status for answer in answers] == [200]
    stub.close()


def test_one_application_alone_listens_on_every_address(tmp_path: Path) -> None:
    port = free_port()
    command = ["python3", str(FOLDER / "server.py"), f"details={port}"]
    with Running(command, tmp_path / "log") as child:
        child.eventually("it listens", lambda: "is on port" in child.last_words())
        with socket.create_connection(("127.0.0.2", port), timeout=5):
            pass


def test_a_name_that_is_no_application_is_refused(tmp_path: Path) -> None:
    with Running(["python3", str(FOLDER / "server.py"), "shop"], tmp_path / "log") as child:
        assert child.wait() == 1
    assert "applications are productpage, details, reviews and ratings" in child.last_words()
