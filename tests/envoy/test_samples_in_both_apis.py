"""The bookshop of samples/ answers alike in Istio's API and in the Gateway API."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.client import Answer
from tests.support.mesh import Mesh, Workload, running_mesh

pytestmark = pytest.mark.envoy

SAMPLES: Final = Path(__file__).parents[2] / "samples"
ISTIO: Final = SAMPLES / "mesh"
GATEWAY_API: Final = SAMPLES / "gateway-api"
UPSTREAMS: Final = {9081: "storefront", 9082: "catalog", 9083: "reviews-v1", 9084: "reviews-v2"}
OF_BOTH: Final = Workload(
    labels={"istio": "ingressgateway", "gateway.networking.k8s.io/gateway-name": "bookshop"}
)
"""A proxy that is selected in both APIs."""
READ: Final = ("location", "access-control-allow-origin", "access-control-max-age")
"""The headers of an answer that the two configurations decide."""
OURS: Final = {"origin": "https://bookshop.example"}
PREFLIGHT: Final = {**OURS, "access-control-request-method": "GET"}
REQUESTS: Final = (
    ("http://localhost:8080/", "GET", {}),
    ("http://localhost:8080/reviews", "GET", {"end-user": "jason"}),
    ("http://localhost:8080/reviews/7?page=2", "GET", {"end-user": "jason"}),
    ("http://localhost:8080/api/books?page=2", "GET", {}),
    ("http://localhost:8080/api/", "GET", {}),
    ("http://localhost:8080/api/books", "GET", OURS),
    ("http://localhost:8080/api/books", "GET", {"origin": "https://elsewhere.example"}),
    ("http://localhost:8080/api/books", "OPTIONS", PREFLIGHT),
    ("http://secure.bookshop.example:8080/pay?order=1", "GET", {}),
    ("https://bookshop.example:8443/", "GET", {}),
    ("https://bookshop.example:8443/api/books", "GET", {}),
)


@pytest.fixture(scope="module")
def bookshop(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("bookshop")
    files = texts(SAMPLES / "endpoints-loopback") | texts(ISTIO)
    with running_mesh(folder, files=files, workload=OF_BOTH) as mesh:
        for port, name in UPSTREAMS.items():
            mesh.upstreams.add(name, "127.0.0.1", port)
        secret = ("--secret", "istio-system/bookshop-certificate")
        state = ("--state", str(mesh.control_plane.state))
        certificate = mesh.control_plane.command("cert", "bookshop.example", *secret, *state)
        mesh.edited(lambda: mesh.write("certificate.yaml", certificate))
        mesh.until_upstream("storefront", "https://bookshop.example:8443/")
        yield mesh


def test_the_bookshop_answers_alike_in_both_apis(bookshop: Mesh) -> None:
    in_istio = [asked(bookshop, *request) for request in REQUESTS]
    reviews_in_istio = reviews(bookshop)

    move_to_gateway_api(bookshop)

    assert [asked(bookshop, *request) for request in REQUESTS] == in_istio
    in_gateway_api = reviews(bookshop)
    assert set(in_gateway_api) == set(reviews_in_istio) == {"reviews-v1", "reviews-v2"}
    assert 2 <= in_gateway_api["reviews-v2"] <= 50


def move_to_gateway_api(mesh: Mesh) -> None:
    """Replace Istio's Gateway and VirtualService; its DestinationRules stay."""
    for name in ("gateway.yaml", "routes.yaml"):
        mesh.edited(lambda name=name: mesh.delete(name))
    assert mesh.send("http://localhost:8080/").error == "refused"
    for name, text in texts(GATEWAY_API).items():
        mesh.edited(lambda name=name, text=text: mesh.write(f"gateway-api-{name}", text))
    mesh.until_upstream("storefront", "https://bookshop.example:8443/")


def asked(mesh: Mesh, url: str, method: str, headers: dict[str, str]) -> tuple[object, ...]:
    answer = mesh.send(url, method=method, headers=headers)
    path = answer.seen["path"] if answer.upstream else None
    return answer.status, answer.upstream, path, *(answer.headers.get(name) for name in READ)


def reviews(mesh: Mesh) -> Counter[str | None]:
    """Who answers 200 requests for reviews, nine of ten of which version 1 is to get."""
    answers: list[Answer] = [mesh.send("http://localhost:8080/reviews") for _ in range(200)]
    return Counter(answer.upstream for answer in answers)


def texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.yaml")}
