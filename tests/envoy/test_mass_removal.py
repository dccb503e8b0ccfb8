"""Whatever happens to a mesh's folder, requests are answered until a removal is confirmed."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.mesh import ControlPlane, Mesh, Workload
from tests.support.process import eventually
from tests.support.traffic import steady_traffic
from tests.support.upstream import running_upstreams

pytestmark = pytest.mark.envoy

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
"""
HOST = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME, namespace: default}
spec:
  hosts: [NAME.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, ports: {http: 9001}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: default}
spec:
  hosts: [NAME.example]
  gateways: [istio-system/gw]
  http:
  - route: [{destination: {host: NAME.example}}]
"""
HOSTS = tuple(f"s{i}" for i in range(8))


def unlinked(folder: Path) -> None:
    for file in sorted(folder.glob("*.yaml")):
        file.unlink()


def emptied(folder: Path) -> None:
    for file in sorted(folder.glob("*.yaml")):
        file.write_text("")


def removed(folder: Path) -> None:
    shutil.rmtree(folder)


def removed_and_made_again(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def moved(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def replaced_by_an_empty_one(folder: Path) -> None:
    moved(folder)
    folder.mkdir()


def fill(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "gateway.yaml").write_text(GATEWAY)
    for name in HOSTS:
        (folder / f"{name}.yaml").write_text(HOST.replace("NAME", name))


@pytest.fixture
def mesh(network: None, tmp_path: Path) -> Iterator[Mesh]:
    plane = ControlPlane(tmp_path, guards_removals=True)
    fill(plane.config)
    workload = Workload()
    with ExitStack() as stack:
        upstreams = stack.enter_context(running_upstreams())
        upstreams.add("v1", "127.0.0.1", 9001)
        stack.enter_context(plane.running())
        gateway = stack.enter_context(plane.proxy(tmp_path / "gateway", workload))
        running = Mesh(control_plane=plane, gateway=gateway, workload=workload, upstreams=upstreams)
        running.until(lambda answer: answer.status == 200, "http://s7.example:8080/")
        yield running


def held(mesh: Mesh) -> int:
    return len(json.loads(mesh.control_plane.admin("/api/v1/status").body)["held_removals"])


@pytest.mark.parametrize(
    "accident",
    [unlinked, emptied, removed, removed_and_made_again, moved, replaced_by_an_empty_one],
)
def test_no_request_fails_when_the_files_vanish(
    mesh: Mesh, accident: Callable[[Path], None]
) -> None:
    folder = mesh.control_plane.config
    with steady_traffic(mesh.workload.address, 8080, "s3.example") as traffic:
        before = mesh.control_plane.status().revision
        accident(folder)
        folder.mkdir(exist_ok=True)
        (folder / "new.yaml").write_text(HOST.replace("NAME", "new"))
        eventually(
            "what is added beside is served",
            lambda: (
                mesh.control_plane.status().answered(before)
                and mesh.send("http://new.example:8080/").status == 200
            ),
        )
        threshold = traffic.answers["200"] + 500
        eventually("requests go on", lambda: traffic.answers["200"] > threshold)

    assert traffic.failed == {}
    assert mesh.send("http://s0.example:8080/").status == 200


def test_a_held_removal_is_served_after_a_restart_and_goes_when_it_is_confirmed(
    network: None, tmp_path: Path
) -> None:
    plane = ControlPlane(tmp_path, guards_removals=True)
    fill(plane.config)
    with plane.running():
        pass
    unlinked(plane.config)

    with plane.running():
        assert len(json.loads(plane.admin("/api/v1/status").body)["held_removals"]) == 17
    with plane.running():
        said = plane.command("confirm", "--admin", f"127.0.0.1:{plane.admin_port}")
        after = json.loads(plane.admin("/api/v1/status").body)

    assert said.splitlines()[-1] == "17 objects removed"
    assert (after["objects"], after["held_removals"]) == (0, [])
    with plane.running():
        assert json.loads(plane.admin("/api/v1/status").body)["objects"] == 0
