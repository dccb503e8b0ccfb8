"""The bookshop of samples/ through a real Envoy, as ``make demo`` serves it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mesh import Mesh, running_mesh

pytestmark = pytest.mark.envoy

SAMPLES = Path(__file__).parents[2] / "samples"
UPSTREAMS = {9081: "storefront", 9082: "catalog", 9083: "reviews-v1", 9084: "reviews-v2"}
NAMES = ("bookshop.example", "secure.bookshop.example", "localhost")


@pytest.fixture(scope="module")
def bookshop(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    files = {
        file.name: file.read_text(encoding="utf-8")
        for folder in ("mesh", "endpoints-loopback")
        for file in (SAMPLES / folder).glob("*.yaml")
    }
    with running_mesh(tmp_path_factory.mktemp("bookshop"), files=files) as mesh:
        for port, name in UPSTREAMS.items():
            mesh.upstreams.add(name, "127.0.0.1", port)
        state = ("--state", str(mesh.control_plane.state))
        secret = mesh.control_plane.command(
            "cert", *NAMES, "--secret", "istio-system/bookshop-certificate", *state
        )
        mesh.write("certificate.yaml", secret)
        mesh.until_upstream("storefront", "http://localhost:8080/")
        yield mesh


def test_each_path_leads_to_its_service(bookshop: Mesh) -> None:
    assert bookshop.send("http://localhost:8080/about").text.startswith("The bookshop")
    assert bookshop.send("http://bookshop.example:8080/x").upstream == "storefront"
    books = bookshop.send("http://localhost:8080/api/books").seen
    assert (books["name"], books["path"]) == ("catalog", "/books")


def test_testers_get_the_second_version_of_the_reviews(bookshop: Mesh) -> None:
    tester = {"end-user": "jason"}

    versions = {
        bookshop.send("http://localhost:8080/reviews", headers=tester).upstream for _ in range(10)
    }

    assert versions == {"reviews-v2"}


def test_one_in_ten_reviews_comes_from_the_second_version(bookshop: Mesh) -> None:
    counted = Counter(bookshop.send("http://localhost:8080/reviews").upstream for _ in range(200))

    assert set(counted) == {"reviews-v1", "reviews-v2"}
    assert 2 <= counted["reviews-v2"] <= 50


def test_a_fault_is_injected_on_demand(bookshop: Mesh) -> None:
    answer = bookshop.send("http://localhost:8080/", headers={"x-break": "yes"})

    assert (answer.status, answer.text) == (503, "fault filter abort")


def test_the_secure_name_is_sent_to_https(bookshop: Mesh) -> None:
    answer = bookshop.send("http://secure.bookshop.example/pay?order=1", port=8080)

    assert answer.status == 301
    assert answer.headers["location"] == "https://secure.bookshop.example/pay?order=1"


def test_https_shows_a_certificate_of_the_authority(bookshop: Mesh) -> None:
    root = bookshop.control_plane.command(
        "cert", "--trust", "--state", str(bookshop.control_plane.state)
    )

    answer = bookshop.until(
        lambda answer: answer.status == 200,
        "https://secure.bookshop.example:8443/about",
        trust=root,
    )

    assert answer.text.startswith("The bookshop")


def test_a_browser_of_another_origin_may_not_read_the_api(bookshop: Mesh) -> None:
    ours, other = (
        bookshop.send("http://localhost:8080/api/books", headers={"origin": origin}).headers
        for origin in ("https://bookshop.example", "https://elsewhere.example")
    )

    assert ours["access-control-allow-origin"] == "https://bookshop.example"
    assert "access-control-allow-origin" not in other


def test_an_edit_moves_the_next_requests(bookshop: Mesh) -> None:
    routes = (SAMPLES / "mesh/routes.yaml").read_text(encoding="utf-8")

    bookshop.write("routes.yaml", routes.replace("host: storefront", "host: catalog"))

    bookshop.until_upstream("catalog", "http://localhost:8080/")
    bookshop.write("routes.yaml", routes)
    bookshop.until_upstream("storefront", "http://localhost:8080/")
