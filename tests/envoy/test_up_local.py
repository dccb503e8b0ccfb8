"""A folder of a cluster's YAML and processes on this machine: the way to the first answers."""

import subprocess
from pathlib import Path

import pytest

from tests.envoy.test_up import running_up
from tests.support.mesh import CONTROLPLANE
from tests.support.network import own_network
from tests.support.process import eventually
from tests.support.upstream import running_upstreams

pytestmark = pytest.mark.envoy

DUMP = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: [shop.example]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop.example]
  gateways: [front]
  http:
  - match: [{uri: {prefix: /beta}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - route: [{destination: {host: reviews, subset: v1}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1}
spec:
  selector: {matchLabels: {app: reviews, version: v1}}
  template: {metadata: {labels: {app: reviews, version: v1}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v2}
spec:
  selector: {matchLabels: {app: reviews, version: v2}}
  template: {metadata: {labels: {app: reviews, version: v2}}}
"""


def answer(path: str) -> tuple[str, str]:
    """The status, and who answers."""
    command = ["curl", "-s", "-w", "%{http_code}", "-H", "Host: shop.example"]
    got = subprocess.run(
        [*command, f"http://127.0.0.1:8080{path}"], capture_output=True, text=True, check=False
    ).stdout
    return got[-3:], next((name for name in ("old", "beta") if f'"{name}"' in got), "")


def test_processes_stand_for_the_subsets_that_options_name(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "dump.yaml").write_text(DUMP)
    with own_network(), running_upstreams() as upstreams:
        old, beta = (upstreams.add(name, "127.0.0.1") for name in ("old", "beta"))
        options = (f"--local=reviews=127.0.0.1:{old}", f"--local=reviews/v2={beta}")
        with running_up(tmp_path, *options) as up:
            up.prints(r"^  curl .*$")

            assert [answer("/"), answer("/beta")] == [("200", "old"), ("200", "beta")]

            up.write("dump.yaml", DUMP.replace("version: v2", "version: v3"))
            up.prints(r"^reloaded in .*$")

            assert [answer("/"), answer("/beta")] == [("200", "old"), ("200", "beta")]


def test_what_the_command_prints_is_served_when_it_is_put_into_the_folder(tmp_path: Path) -> None:
    config = tmp_path / "mesh"
    config.mkdir()
    (config / "dump.yaml").write_text(DUMP)
    with own_network(), running_upstreams() as upstreams:
        old = upstreams.add("old", "127.0.0.1")
        with running_up(tmp_path) as up:
            up.prints(r"^  curl .*$")
            assert answer("/")[0] == "503"

            command = [*CONTROLPLANE, "endpoints", str(config), "--port-start", str(old)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True)
            up.write("endpoints.yaml", printed.stdout)

            up.prints(r"^reloaded in .*$")
            eventually("it answers", lambda: answer("/") == ("200", "old"))
