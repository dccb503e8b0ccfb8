"""The samples of rate limits, through a real Envoy and a server that speaks its API."""

from pathlib import Path

import pytest

from tests.support.mesh import Mesh
from tests.support.rate_limit_server import Limit, RateLimitServer, running
from tests.support.shop import SHOP, with_shop

pytestmark = pytest.mark.envoy

SAMPLES = Path(__file__).parents[2] / "samples/rate-limit"
URL = "http://shop.example.com:8080"


@pytest.fixture(scope="module")
def shop(mesh: Mesh) -> Mesh:
    return with_shop(mesh)


def test_a_proxy_counts_by_itself(shop: Mesh) -> None:
    shop.apply(SHOP + (SAMPLES / "local.yaml").read_text(encoding="utf-8"))

    answers = [shop.send(f"{URL}/") for _ in range(12)]

    assert [answer.status for answer in answers] == [200] * 10 + [429] * 2
    assert answers[-1].text == "local_rate_limited"
    assert answers[-1].headers["x-local-rate-limit"] == "true"
    assert shop.send("http://shop.example.com:8082/").status == 200, "another port has no limit"


def test_one_server_counts_for_all(shop: Mesh) -> None:
    limits = {(("PATH", "/busy"),): Limit(3, "day"), (("PATH", ""),): Limit(1_000, "day")}
    with running(RateLimitServer("gateway", limits), "127.0.0.1:8081") as server:
        shop.apply(SHOP + (SAMPLES / "global.yaml").read_text(encoding="utf-8"))
        shop.until(lambda answer: answer.status == 200, f"{URL}/other")

        answers = [shop.send(f"{URL}/busy") for _ in range(5)]

        assert [answer.status for answer in answers] == [200] * 3 + [429] * 2
        assert answers[-1].headers["x-envoy-ratelimited"] == "true"
        assert shop.send(f"{URL}/other").status == 200
        assert (("PATH", "/busy"),) in server.asked


def test_without_the_server_nobody_gets_in(shop: Mesh) -> None:
    shop.apply(SHOP)
    shop.apply(SHOP + (SAMPLES / "global.yaml").read_text(encoding="utf-8"))

    shop.until(lambda answer: answer.status == 500, f"{URL}/")
