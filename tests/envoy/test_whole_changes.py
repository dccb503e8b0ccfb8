"""A change over two files is served as a whole: no request of a real Envoy fails on its way."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mesh import Mesh, running_mesh
from tests.support.traffic import steady_traffic

pytestmark = pytest.mark.envoy

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: NAME, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
"""
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
RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rev, namespace: default}
spec:
  host: rev.example
  subsets: [{name: SUBSET, labels: {version: VERSION}}]
"""
ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: rev, namespace: default}
spec:
  hosts: [rev.example]
  gateways: [istio-system/GATEWAY]
  http:
  - route: [{destination: {host: SERVICE.example}}]
"""
TO_SUBSET = ROUTE.replace("SERVICE.example", "rev.example, subset: SUBSET")
CHANGES = 10
BETWEEN = 0.01  # seconds between the two files of a change: more than one step of the watcher

Change = tuple[dict[str, str], dict[str, str]]
"""Two states of the files that differ, by name."""

SUBSETS: Change = (
    {
        "rule.yaml": RULE.replace("SUBSET", "blue").replace("VERSION", "v1"),
        "route.yaml": TO_SUBSET.replace("SUBSET", "blue").replace("GATEWAY", "gw"),
    },
    {
        "rule.yaml": RULE.replace("SUBSET", "green").replace("VERSION", "v2"),
        "route.yaml": TO_SUBSET.replace("SUBSET", "green").replace("GATEWAY", "gw"),
    },
)
SERVICES: Change = (
    {
        "service.yaml": SERVICE.replace("NAME", "rev"),
        "route.yaml": ROUTE.replace("SERVICE", "rev").replace("GATEWAY", "gw"),
    },
    {
        "service.yaml": SERVICE.replace("NAME", "new"),
        "route.yaml": ROUTE.replace("SERVICE", "new").replace("GATEWAY", "gw"),
    },
)
GATEWAYS: Change = (
    {
        "gateway.yaml": GATEWAY.replace("NAME", "gw"),
        "route.yaml": ROUTE.replace("SERVICE", "rev").replace("GATEWAY", "gw"),
    },
    {
        "gateway.yaml": GATEWAY.replace("NAME", "other"),
        "route.yaml": ROUTE.replace("SERVICE", "rev").replace("GATEWAY", "other"),
    },
)


@pytest.fixture
def mesh(network: None, tmp_path: Path) -> Iterator[Mesh]:
    with running_mesh(tmp_path) as running:
        for name, port in (("v1", 9001), ("v2", 9002)):
            running.upstreams.add(name, "127.0.0.1", port)
        running.write("gateway.yaml", GATEWAY.replace("NAME", "gw"))
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
