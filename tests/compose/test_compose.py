"""``docker compose up`` as a user sees it: requests, an edit, what the containers may do."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.client import send
from tests.support.compose import LOOPBACK, Rig, running_rig
from tests.support.process import eventually

pytestmark = pytest.mark.compose


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("compose")) as running:
        yield running


def test_each_path_of_the_bookshop_leads_to_its_service(rig: Rig) -> None:
    assert rig.get("/").upstream == "storefront"
    assert rig.get("/api/books").seen["path"] == "/books"
    tester = rig.get("/reviews", end_user="jason").seen
    assert (tester["name"], tester["version"]) == ("reviews", "v2")
    assert rig.get("/", x_break="yes").status == 503


def test_https_shows_a_certificate_that_our_root_vouches_for(rig: Rig) -> None:
    answer = send(
        f"https://bookshop.example:{rig.https_port}/about",
        address=LOOPBACK,
        trust=rig.root_certificate(),
    )

    assert answer.status == 200


def test_partners_are_spoken_to_by_tls_through_the_egress_gateway(rig: Rig) -> None:
    eventually("a partner is reached", lambda: rig.leave("shipping.example").status == 200)

    payments = rig.leave("payments.example").seen["tls"]
    assert isinstance(payments, dict)
    assert payments["client"] == ["egress.bookshop.example"]
    assert rig.leave("elsewhere.example").status == 404
    log = rig.compose("logs", "egressgateway")
    eventually("it is logged", lambda: "elsewhere" in rig.compose("logs", "egressgateway"))
    assert "PRIVATE" not in log


def test_the_control_plane_tells_what_partners_present(rig: Rig) -> None:
    shown = rig.compose("exec", "-T", "controlplane", "controlplane", "status", "--tls")

    assert "2 upstreams, 2 Secrets" in shown


def test_an_edit_in_the_mounted_folder_answers_the_next_requests(rig: Rig) -> None:
    routes = rig.folder / "samples/mesh/routes.yaml"
    before = routes.read_text(encoding="utf-8")
    draft = routes.with_name(".routes.yaml.new")
    draft.write_text(before.replace('string: "The bookshop', 'string: "Closed'), encoding="utf-8")

    draft.rename(routes)

    rig.until("the edit is in force", "/about", 200, "Closed", within=10)


def test_every_container_becomes_healthy(rig: Rig) -> None:
    rig.compose("up", "--detach", "--wait", "--wait-timeout", "60")


def test_services_are_the_containers_of_their_names(rig: Rig) -> None:
    shown = rig.compose(
        *("exec", "-T", "controlplane", "controlplane", "config", "ingressgateway", "endpoints")
    )

    assert shown.count("--resolve-services") >= 4  # storefront, catalog, and both of reviews
    assert rig.get("/reviews", end_user="jason").seen["version"] == "v2"


def test_containers_that_come_back_at_other_addresses_are_found(rig: Rig) -> None:
    rig.compose("rm", "--stop", "--force", "storefront", "catalog")
    for name in ("storefront", "catalog"):  # the first gets the lowest address that is free
        rig.compose("up", "--detach", "--no-deps", name)

    for path, name in (("/", "storefront"), ("/api/books", "catalog")):
        rig.until(f"{name} answers", path, 200, f'"name": "{name}"', within=60)


def test_a_prometheus_in_the_network_gets_metrics_and_nothing_else(rig: Rig) -> None:
    ask = "import urllib.request as r; print(r.urlopen('http://{}').read().decode())"
    answers = [
        rig.compose("exec", "-T", "catalog", "python", "-c", ask.format(where))
        for where in ("controlplane:15015/metrics", "ingressgateway:15090/stats/prometheus")
    ]

    assert "\npilot_xds 2.0\n" in answers[0]
    assert "envoy_server_live{} 1" in answers[1]


def test_status_in_the_container_shows_the_gateway_in_sync(rig: Rig) -> None:
    shown = json.loads(
        rig.compose("exec", "-T", "controlplane", "controlplane", "status", "-o", "json")
    )

    assert "ingressgateway" in json.dumps(shown)


def test_the_gateway_holds_no_key_of_the_authority(rig: Rig) -> None:
    files = rig.compose("exec", "-T", "ingressgateway", "bash", "-c", "ls / /bootstrap")
    bootstrap = rig.compose(
        "exec", "-T", "ingressgateway", "bash", "-c", "cat /bootstrap/ingressgateway.json"
    )

    assert "state" not in files.split()
    assert re.search(r"PRIVATE KEY", bootstrap) is None


@pytest.mark.parametrize(
    "service", ["controlplane", "egressgateway", "ingressgateway", "outside", "bookshop-reviews-v1"]
)
def test_no_container_has_privileges(rig: Rig, service: str) -> None:
    status = rig.compose(
        "exec", "-T", service, "bash", "-c", "cat /proc/self/status; touch /here 2>&1 || true"
    )

    uid = re.search(r"Uid:\s+(\d+)", status)
    assert uid is not None
    assert uid[1] != "0"
    assert re.search(r"CapBnd:\s+0+$", status, re.MULTILINE)
    assert re.search(r"NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert "Read-only file system" in status
