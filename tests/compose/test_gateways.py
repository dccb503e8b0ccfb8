"""Gateways in compose: a runner without access to the engine of containers runs their Envoys."""

import re
from collections.abc import Iterator

import pytest

from tests.support.client import send
from tests.support.compose import LOOPBACK, GatewaysRig, running_gateways_rig

pytestmark = pytest.mark.compose

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec:
  gatewayClassName: istio
  listeners:
  - {{name: http, port: {port}, protocol: HTTP}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: {name}}}]
  rules:
  - backendRefs: [{{name: {service}, port: 9080}}]
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewaysRig]:
    with running_gateways_rig(tmp_path_factory.mktemp("gateways")) as running:
        yield running


def declare(rig: GatewaysRig, name: str, port: int, service: str = "storefront") -> None:
    rig.write(f"{name}.yaml", GATEWAY.format(name=name, port=port, service=service))


def answers(rig: GatewaysRig, port: int, name: str) -> bool:
    try:
        answer = send(f"http://any.example:{port}/", address=LOOPBACK)
    except OSError:
        return False
    return answer.status == 200 and answer.seen["name"] == name


def test_a_gateway_answers_on_a_published_port_until_it_is_deleted(rig: GatewaysRig) -> None:
    first, second = rig.ports
    declare(rig, "front", first)
    declare(rig, "back", second, "catalog")
    rig.until("both answer", lambda: answers(rig, first, "storefront"))
    rig.until("both answer", lambda: answers(rig, second, "catalog"))

    rig.delete("back.yaml")

    rig.until("one is gone", lambda: rig.envoys() == 1)
    assert answers(rig, first, "storefront")
    assert "gateway_stopped gateway=back-istio.default" in rig.log()


def test_a_restart_of_the_control_plane_leaves_the_envoys_alone(rig: GatewaysRig) -> None:
    first, _ = rig.ports
    declare(rig, "front", first)
    rig.until("it answers", lambda: answers(rig, first, "storefront"))
    before = rig.log().count("gateway_started")

    rig.compose("stop", "--timeout", "2", "controlplane")
    while_away = answers(rig, first, "storefront")
    rig.compose("start", "controlplane")
    declare(rig, "front", first, "catalog")

    rig.until("an edit arrives", lambda: answers(rig, first, "catalog"))
    assert while_away
    assert rig.log().count("gateway_started") == before


def test_a_port_that_is_not_published_is_reported(rig: GatewaysRig) -> None:
    declare(rig, "elsewhere", 9999)

    ranges = "-".join(map(str, rig.ports))
    said = f"port 9999 is not published by the runner, which has {ranges}"
    rig.until("it is reported", lambda: said in rig.compose("logs", "controlplane"))
    rig.delete("elsewhere.yaml")


def test_the_runner_has_no_privileges_and_no_key_of_the_authority(rig: GatewaysRig) -> None:
    status = rig.compose(
        *("exec", "-T", "gateways", "bash", "-c"),
        "cat /proc/self/status; ls /state 2>&1; touch /here 2>&1 || true",
    )

    assert re.search(r"Uid:\s+1337", status) is not None
    assert re.search(r"CapBnd:\s+0+$", status, re.MULTILINE)
    assert re.search(r"NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert "Read-only file system" in status
    assert "'/state': Permission denied" in status
