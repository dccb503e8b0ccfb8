"""The dashboard shows something: a real Prometheus reads a control plane and its Envoy."""

import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.envoy.test_up import GATEWAY, LOW_PORT, SERVICE, running_up
from tests.support.client import send
from tests.support.mesh import CONTROLPLANE
from tests.support.network import own_network
from tests.support.prometheus import expressions, is_ready, queried, running_prometheus
from tests.support.upstream import running_upstreams

pytestmark = pytest.mark.envoy

SHOWN_WITHIN = 60.0  # seconds
DOCS = Path(__file__).parents[2] / "docs" / "grafana"
DASHBOARD = DOCS / "controlplane.json"
ROUTES = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example]
  gateways: [front]
  http:
  - match: [{uri: {prefix: /broken}}]
    fault: {abort: {httpStatus: 500, percentage: {value: 100}}}
    route: [{destination: {host: blue.shop.svc.cluster.local}}]
  - match: [{uri: {prefix: /gone}}]
    route: [{destination: {host: gone.shop.svc.cluster.local}}]
  - route: [{destination: {host: blue.shop.svc.cluster.local}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: gone, namespace: shop}
spec:
  hosts: [gone.shop.svc.cluster.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, ports: {http: 1}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: empty, namespace: shop}
spec:
  hosts: [empty.shop.svc.cluster.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  workloadSelector: {labels: {app: empty}}
"""


def test_every_panel_of_the_dashboard_shows_something(tmp_path: Path) -> None:
    mesh = tmp_path / "mesh"
    mesh.mkdir()
    state = str(tmp_path / "state")
    config = yaml.safe_load((DOCS / "prometheus.yml").read_text(encoding="utf-8"))
    with (
        own_network(),
        running_upstreams() as upstreams,
        running_prometheus(tmp_path, config) as running,
    ):
        blue = SERVICE.format(name="blue", port=upstreams.add("blue", "127.0.0.1"))
        command = [*CONTROLPLANE, "cert", "shop.example", "--secret", "istio-system/shop"]
        secret = subprocess.run([*command, "--state", state], check=True, capture_output=True)
        (mesh / "mesh.yaml").write_text(f"{GATEWAY}---\n{ROUTES}---\n{blue}")
        (mesh / "secret.yaml").write_bytes(secret.stdout)
        with running_up(tmp_path, "--metrics-bind=127.0.0.1:15015") as up:
            up.prints(r"^  curl .*$")
            running.eventually("it is ready", is_ready)
            waiting, number = missing(), 0
            deadline = time.monotonic() + SHOWN_WITHIN
            while waiting and time.monotonic() < deadline:
                number += 1
                up.write("edit.yaml", LOW_PORT.replace("name: low", f"name: low-{number}"))
                for path in ("/", "/gone", "/broken"):
                    send(f"http://shop.example:8080{path}", address="127.0.0.1")
                waiting = missing()

            assert waiting == []


def missing() -> list[str]:
    """The panels that show nothing."""
    return [title for title, query in expressions(DASHBOARD) if not queried(query)]
