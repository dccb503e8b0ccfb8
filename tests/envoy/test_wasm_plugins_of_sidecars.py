"""Modules of WebAssembly at real sidecars, for what calls a workload and what it calls."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.envoy.test_sidecar_inbound import APP, GATEWAY
from tests.support.mesh_network import ran
from tests.support.sidecar_mesh import SidecarMesh, sidecar_mesh
from tests.support.wasm import filter_module, silent_module

pytestmark = pytest.mark.envoy

CURL = ("curl", "-sS", "--fail", "--max-time", "5", "http://10.96.0.1/")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SidecarMesh]:
    with sidecar_mesh(tmp_path_factory.mktemp("sidecars"), APP + GATEWAY) as running:
        running.upstreams.add("app", running.host.address, 8000)
        yield running


def plugin(folder: Path, module: bytes, name: str, spec: str) -> str:
    file = folder / f"{name}.wasm"
    file.write_bytes(module)
    return f"""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: {name}, namespace: default}}
spec: {{url: file://{file}, {spec}}}
---
"""


def called(mesh: SidecarMesh) -> dict[str, Any]:
    """What the application saw of a call of another workload.

    It is repeated where the sidecars' connection was just closed by an edit.
    """
    done = ran(mesh.client, *CURL, "--retry", "5")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_module_is_in_one_direction_or_both(mesh: SidecarMesh, tmp_path: Path) -> None:
    text = (APP + GATEWAY).replace("ADDRESS", mesh.host.address)
    of_server = plugin(
        tmp_path,
        filter_module("x-server"),
        "server",
        "selector: {matchLabels: {app: app}}, match: [{mode: SERVER}], pluginConfig: {a: in}",
    )
    of_client = plugin(
        tmp_path,
        filter_module("x-client"),
        "client",
        "match: [{mode: CLIENT, ports: [{number: 80}]}], pluginConfig: {a: out}",
    )

    mesh.apply(text + of_server + of_client)

    headers = called(mesh)["headers"]
    assert (headers["x-server"], headers["x-client"]) == ('{"a":"in"}', '{"a":"out"}')


def test_a_module_for_connections_decides_before_requests_are_read(
    mesh: SidecarMesh, tmp_path: Path
) -> None:
    text = (APP + GATEWAY).replace("ADDRESS", mesh.host.address)
    spec = "selector: {matchLabels: {app: app}}, type: NETWORK, match: [{mode: SERVER}]"

    mesh.apply(text)
    assert called(mesh)["name"] == "app"

    mesh.apply(text + plugin(tmp_path, silent_module(), "silent", spec))
    assert ran(mesh.client, *CURL).returncode, "no request came through"
