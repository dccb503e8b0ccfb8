"""Bookinfo with its sidecars, on hosts of its own: shares, replicas that come and go, restarts.

The lessons of docs/bookinfo.md are done in test_docs.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from samples.bookinfo import run
from samples.bookinfo.network import why_not
from samples.bookinfo.pages import sign
from tests.support.client import Answer, send
from tests.support.network import own_network
from tests.support.process import eventually

pytestmark = pytest.mark.envoy

RULES = run.HERE / "networking"
REVIEWS = "http://localhost:8080/api/v1/products/0/reviews"
DOOR = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: [reviews.example]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: door}
spec:
  hosts: [reviews.example]
  gateways: [door]
  http:
  - route: [{destination: {host: reviews, subset: v1}}]
"""
"""Reviews as the gateway reaches them, without an application that waits, or tries twice."""


@dataclass(frozen=True)
class Mesh:
    bookinfo: run.Bookinfo
    folder: Path
    """What is served besides the sample."""

    def apply(self, *names: str) -> None:
        files = [str(RULES / f"{name}.yaml") for name in names]
        command = [sys.executable, str(run.HERE / "apply.py"), "--to", str(self.folder), *files]
        subprocess.run(command, check=True, capture_output=True)

    def served_by(self, user: str = "") -> str:
        """The replica of reviews that answered, or the status."""
        answer = reviews(user)
        return str(answer.seen["podname"]) if answer.status == 200 else f"{answer.status}"

    def failures(self) -> list[str]:
        """The lines of the gateway's access log about requests that were not answered with 200."""
        log = self.bookinfo.logs / "istio-ingressgateway.log"
        lines = log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if "GET /reviews" in line and '1.1" 200 ' not in line]


def endpoints(subset: str) -> int:
    """How many of reviews the gateway's Envoy chooses from."""
    answer = send("http://127.0.0.1:15000/clusters?format=json", address="127.0.0.1")
    name = f"outbound|9080|{subset}|reviews.default.svc.cluster.local"
    clusters = [one for one in json.loads(answer.body)["cluster_statuses"] if one["name"] == name]
    hosts = [host for cluster in clusters for host in cluster.get("host_statuses", [])]
    return sum(host["health_status"].get("eds_health_status") == "HEALTHY" for host in hosts)


def reviews(user: str = "") -> Answer:
    headers = {"cookie": f"session={sign(user)}"} if user else {}
    return send(REVIEWS, address="127.0.0.1", headers=headers)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("bookinfo")
    (folder / "mesh").mkdir()
    with own_network(), run.running(folder / "work", folder / "mesh") as bookinfo:
        eventually("the page is open", run.is_open, within=60)
        yield Mesh(bookinfo, folder / "mesh")


@pytest.fixture(autouse=True)
def everybody_gets_v1(mesh: Mesh) -> None:
    mesh.apply("destination-rule-all", "virtual-service-all-v1")
    eventually("there is one replica of v1", lambda: endpoints("v1") == 1, within=20)
    eventually("v1 is asked", lambda: mesh.served_by() == "reviews-v1-1", within=20)


@contextmanager
def load(clients: int = 3) -> Iterator[Counter[str]]:
    """Requests for reviews without a pause; counts who served them, or what was said instead."""
    answers: Counter[str] = Counter()
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            answer = send("http://reviews.example:8080/reviews/0", address="127.0.0.1")
            who = answer.seen.get("podname") if answer.status == 200 else None
            answers[str(who or f"{answer.status} {answer.error} {answer.text}")] += 1

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_half_of_the_requests_go_to_v3_by_weight(mesh: Mesh) -> None:
    mesh.apply("virtual-service-reviews-50-v3")
    eventually("v3 is asked", lambda: mesh.served_by() == "reviews-v3-1", within=20)

    served = Counter(mesh.served_by() for _ in range(200))

    assert set(served) == {"reviews-v1-1", "reviews-v3-1"}
    assert 65 < served["reviews-v3-1"] < 135


def test_jason_is_recognised_behind_two_sidecars(mesh: Mesh) -> None:
    mesh.apply("virtual-service-reviews-jason-v2-v3")
    eventually("others get v3", lambda: mesh.served_by() == "reviews-v3-1", within=20)

    assert {mesh.served_by("jason") for _ in range(10)} == {"reviews-v2-1"}
    assert {mesh.served_by("john") for _ in range(10)} == {"reviews-v3-1"}


def test_replicas_come_and_go_under_load_without_a_failed_request(mesh: Mesh) -> None:
    (proxy,) = (one for one in run.proxies.SIDECARS if one.name == "reviews-v1")
    (mesh.folder / "door.yaml").write_text(DOOR, encoding="utf-8")
    door = "http://reviews.example:8080/reviews/0"
    eventually("it is open", lambda: send(door, address="127.0.0.1").status == 200, within=20)
    with load() as answers:
        for number in (2, 3):
            mesh.bookinfo.start_workload(proxy, f"reviews-v1-{number}", number)
        eventually("three answer", lambda: len(answers) == 3, within=30)

        gone = threading.Thread(target=mesh.bookinfo.stop_workload, args=("reviews-v1-3",))
        began = time.monotonic()
        gone.start()
        eventually("two are left", lambda: endpoints("v1") == 2, within=5)
        took = time.monotonic() - began
        gone.join()
        mesh.bookinfo.stop_workload("reviews-v1-2")

    assert set(answers) == {"reviews-v1-1", "reviews-v1-2", "reviews-v1-3"}, mesh.failures()
    assert took < 1.0


def test_an_envoy_that_is_killed_comes_back_with_all_it_had(mesh: Mesh) -> None:
    namespace = mesh.bookinfo.hosts["reviews-v1"].namespace
    listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True)
    (envoy,) = (
        pid for pid in map(int, listed.stdout.split()) if Path(f"/proc/{pid}").stat().st_uid == 1337
    )

    os.kill(envoy, signal.SIGKILL)

    eventually("it is missed", lambda: mesh.served_by() != "reviews-v1-1", within=5)
    eventually("it is back", lambda: mesh.served_by() == "reviews-v1-1", within=20)


def test_an_application_does_not_reach_the_admin_interface_of_its_sidecar(mesh: Mesh) -> None:
    host = mesh.bookinfo.hosts["details"]
    (socket,) = mesh.bookinfo.shared.glob("admin/details.sock")

    def asked_by(uid: int, *options: str) -> str:
        user = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--")
        ask = ("curl", "-sS", *options, "http://127.0.0.1:15000/ready")
        done = subprocess.run(host.command(*user, *ask), capture_output=True, text=True)
        return done.stdout.strip() or "none"

    assert asked_by(run.APPLICATION) == "none"
    assert asked_by(run.APPLICATION, "--unix-socket", str(socket)) == "none"
    assert asked_by(1337, "--unix-socket", str(socket)) == "LIVE"
