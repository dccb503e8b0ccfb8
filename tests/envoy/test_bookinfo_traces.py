"""Bookinfo's traces, as Zipkin itself shows them."""

from collections.abc import Iterator

import pytest

from samples.bookinfo import run
from samples.bookinfo.network import why_not
from tests.support.client import send
from tests.support.network import own_network
from tests.support.process import eventually
from tests.support.zipkin import Span, Zipkin, is_up, needs_zipkin

pytestmark = pytest.mark.envoy

TRACE = "0123456789abcdef0123456789abcdef"
RULES = run.HERE / "networking"


@pytest.fixture(scope="module")
def zipkin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zipkin]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    needs_zipkin()
    folder = tmp_path_factory.mktemp("bookinfo")
    mesh = folder / "mesh"
    mesh.mkdir()
    for name in ("destination-rule-all", "virtual-service-reviews-v3"):
        (mesh / f"{name}.yaml").write_bytes((RULES / f"{name}.yaml").read_bytes())
    with own_network(), run.running(folder / "work", mesh, traces=True) as bookinfo:
        assert bookinfo.zipkin is not None
        found = Zipkin(bookinfo.zipkin.address, run.ZIPKIN_PORT)
        eventually("Zipkin is up", lambda: is_up(found), within=150)
        eventually("the page is open", run.is_open, within=90)
        yield found


def names(span: Span) -> tuple[str, str]:
    """Which workload saw what: ``reviews-v3``, ``SERVER``."""
    return span["localEndpoint"]["serviceName"].partition(".")[0], span["kind"]


def parents(spans: tuple[Span, ...], last: Span) -> list[tuple[str, str]]:
    """A span and those above it, the last first."""
    by_id = {span["id"]: span for span in spans}
    found = [names(last)]
    while (above := by_id.get(last.get("parentId", ""))) is not None:
        found.append(names(above))
        last = above
    return found


def test_a_page_is_one_trace_from_the_gateway_to_ratings(zipkin: Zipkin) -> None:
    context = {"x-b3-traceid": TRACE, "x-b3-spanid": TRACE[:16], "x-b3-sampled": "1"}

    answer = send(run.URL, address="127.0.0.1", headers=context)
    # gateway: 2; productpage: 1 + 2; details: 1; reviews: 1 + 1; ratings: 1
    spans = zipkin.trace_of(TRACE, 9, within=60)

    assert "glyphicon-star" in answer.text
    assert len(spans) == 9
    (ratings,) = (span for span in spans if names(span) == ("ratings-v1", "SERVER"))
    assert parents(spans, ratings) == [
        ("ratings-v1", "SERVER"),
        ("reviews-v3", "CLIENT"),
        ("reviews-v3", "SERVER"),
        ("productpage-v1", "CLIENT"),
        ("productpage-v1", "SERVER"),
        ("istio-ingressgateway", "CLIENT"),
        ("istio-ingressgateway", "SERVER"),
    ]
    (details,) = (span for span in spans if names(span) == ("details-v1", "SERVER"))
    assert parents(spans, details)[1:3] == [
        ("productpage-v1", "CLIENT"),
        ("productpage-v1", "SERVER"),
    ]
    assert ratings["tags"]["istio.canonical_service"] == "ratings"
    assert ratings["tags"]["istio.canonical_revision"] == "v1"
