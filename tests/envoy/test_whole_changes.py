"""A change over two files is served as a whole: no request of a real Envoy fails on its way."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.changing_mesh import gateway, route, rule
from tests.support.mesh import Mesh, running_mesh
from tests.support.traffic import steady_traffic

pytestmark = pytest.mark.envoy

SERVICE = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME, namespace: default}
spec:
  hosts: [NAME.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints:
  - {address: 127.0.0.1, ports: {http: 9001}, labels: {version: v1}}
  - {address: 127.0.0.1, ports: {http: 9002}, labels: {version: v2}}
"""
CHANGES = 10
BETWEEN = 0.01  # seconds between the two files of a change: more than one step of the watcher

Change = tuple[dict[str, str], dict[str, str]]
"""Two states of the files that differ, by name."""

SUBSETS: Change = (
    {
        "rule.yaml": rule("blue", "v1"),
        "route.yaml": route("blue"),
    },
    {
        "rule.yaml": rule("green", "v2"),
        "route.yaml": route("green"),
    },
)
SERVICES: Change = (
    {
        "service.yaml": SERVICE.replace("NAME", "rev"),
        "route.yaml": route(to="rev", at="gw"),
    },
    {
        "service.yaml": SERVICE.replace("NAME", "new"),
        "route.yaml": route(to="new", at="gw"),
    },
)
GATEWAYS: Change = (
    {
        "gateway.yaml": gateway("gw"),
        "route.yaml": route(to="rev", at="gw"),
    },
    {
        "gateway.yaml": gateway("other"),
        "route.yaml": route(to="rev", at="other"),
    },
)


@pytest.fixture
def mesh(network: None, tmp_path: Path) -> Iterator[Mesh]:
    with running_mesh(tmp_path) as running:
        for name, port in (("v1", 9001), ("v2", 9002)):
            running.upstreams.add(name, "127.0.0.1", port)
        running.write("gateway.yaml", gateway("gw"))
        running.write("service.yaml", SERVICE.replace("NAME", "rev"))
        yield running


@pytest.mark.parametrize("is_reversed", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(SUBSETS, id="a subset and the route to it"),
        pytest.param(SERVICES, id="a service and the route to it"),
        pytest.param(GATEWAYS, id="a Gateway and the route at it"),
    ],
)
def test_no_request_fails_while_a_change_comes_in_two_files(
    mesh: Mesh, change: Change, is_reversed: bool
) -> None:
    names = sorted(change[0], reverse=is_reversed)
    for name in names:
        mesh.write(name, change[0][name])
    mesh.until(lambda answer: answer.status == 200, "http://rev.example:8080/")

    with steady_traffic(mesh.workload.address, 8080, "rev.example") as traffic:
        for number in range(CHANGES):
            after = change[(number + 1) % 2]
            for name in names:
                mesh.write(name, after[name])
                threading.Event().wait(BETWEEN)

    assert traffic.answers["200"] > CHANGES
    assert traffic.failed == {}
