"""``docker compose --profile bookinfo up``: the lessons' ground, and replicas that come and go."""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.compose import BookinfoRig, running_bookinfo_rig
from tests.support.process import eventually

pytestmark = pytest.mark.compose

STRICT = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""
ASK_DETAILS = "import urllib.request as r; print(r.urlopen('http://details:9080/details/0').status)"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BookinfoRig]:
    with running_bookinfo_rig(tmp_path_factory.mktemp("bookinfo")) as running:
        yield running


def test_the_page_is_made_by_all_versions_of_reviews(rig: BookinfoRig) -> None:
    stars: dict[str, int] = {}

    def are_by_all_versions() -> bool:
        page = rig.page().text
        if (found := re.search(r"reviews-v\d", page)) is not None:
            stars[found[0]] = page.count("glyphicon-star")
        return stars == {"reviews-v1": 0, "reviews-v2": 9, "reviews-v3": 9}

    # Pages have no stars as long as the replica of ratings is not registered.
    try:
        eventually("each version has served its stars", are_by_all_versions, within=60)
    except AssertionError as late:
        raise AssertionError(f"{late}: {stars}") from late


def test_rules_that_are_applied_hold_for_the_next_requests(rig: BookinfoRig) -> None:
    rig.apply("destination-rule-all", "virtual-service-all-v1", "virtual-service-reviews-test-v2")

    eventually("others see v1", lambda: rig.versions(6) == {"reviews-v1"}, within=10)
    assert rig.versions(6, user="jason") == {"reviews-v2"}


def test_strict_mutual_tls_refuses_a_client_without_a_sidecar(rig: BookinfoRig) -> None:
    def plaintext() -> str:
        return rig.compose(
            "exec",
            "-T",
            "bookinfo-outside",
            "python",
            "-c",
            f"""
try:
    {ASK_DETAILS}
except OSError as fault:
    print('refused')
""",
        ).strip()

    assert plaintext() == "200"

    rig.mesh("strict.yaml", STRICT)

    eventually("it is refused", lambda: plaintext() == "refused", within=20)
    assert "Book Details" in rig.page().text
    rig.mesh("strict.yaml", None)
    eventually("it is taken again", lambda: plaintext() == "200", within=20)


def test_replicas_come_and_go_under_load_without_a_failed_request(rig: BookinfoRig) -> None:
    rig.apply("destination-rule-all", "virtual-service-all-v1")
    eventually("everybody sees v1", lambda: rig.versions(6) == {"reviews-v1"}, within=10)

    with load(rig) as answers:
        rig.scale("reviews-v1", 3)
        eventually("the new ones answer", lambda: len(rig.replicas()) == 3, within=30)
        rig.scale("reviews-v1", 2)
        eventually("one is gone", lambda: rig.endpoints("v1") == 2, within=1)
        rig.scale("reviews-v1", 1)

    assert set(answers) == {200}
    assert answers[200] > 100


@contextmanager
def load(rig: BookinfoRig) -> Iterator[Counter[int]]:
    """Requests for reviews one after the other, by three clients; counts the statuses."""
    answers: Counter[int] = Counter()
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            answers[rig.get("/api/v1/products/0/reviews").status] += 1

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_neither_the_application_nor_envoy_has_rights(rig: BookinfoRig) -> None:
    show = "cat /proc/[0-9]*/status"
    shown = rig.compose("exec", "-T", "details", "sh", "-c", show)

    found = {
        name: (uid, caps)
        for name, uid, caps in re.findall(
            r"^Name:\s+(\w+)$.*?^Uid:\s+(\d+).*?^CapEff:\s+(\w+)", shown, re.MULTILINE | re.DOTALL
        )
    }
    assert found["envoy"] == ("1337", "0" * 16)
    assert ("10002", "0" * 16) in found.values()


def test_workloads_are_registered_with_a_certificate_of_their_account(rig: BookinfoRig) -> None:
    shown = json.loads(
        rig.compose(
            *("exec", "-T", "bookinfo-controlplane"), "controlplane", "status", "-o", "json"
        )
    )

    proxies = {proxy["proxy"]["name"].rpartition("-")[0] for proxy in shown["proxies"]}
    assert proxies >= {"details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v3"}
