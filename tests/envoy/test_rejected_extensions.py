"""Modules that a real Envoy rejects: what takes their place, and that edits of the listeners with
them are in force.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from controlplane.admin.view import SyncState
from controlplane.envoy.extensions import wasm_extension
from controlplane.envoy.resource import Resource
from controlplane.model.authorization import Transport
from controlplane.model.extension import FileAtProxy, WasmConfiguration
from tests.envoy.test_wasm_plugins import plugin
from tests.support.client import Answer, send
from tests.support.mesh import CONTROLPLANE, ControlPlane, Workload
from tests.support.process import eventually
from tests.support.wasm import filter_module
from tests.support.xds_rig import Rig, listener

pytestmark = [pytest.mark.envoy, pytest.mark.usefixtures("network")]

EDGE = "127.0.0.2"
MISSING = "url: file:///nowhere/a.wasm"


def gateway(*ports: int) -> str:
    """A gateway that answers 200 by itself at each of these ports."""
    servers = ", ".join(
        f'{{port: {{number: {port}, name: "http-{port}", protocol: HTTP}}, hosts: ["*"]}}'
        for port in ports
    )
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{servers}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: greeting, namespace: istio-system}}
spec: {{hosts: ["*"], gateways: [gw], http: [{{directResponse: {{status: 200}}}}]}}
---
"""


def asked(port: int) -> Answer:
    return send(f"http://shop.example.com:{port}/", address=EDGE)


def rejects(control_plane: ControlPlane) -> list[str]:
    """The types of which the gateway rejects something."""
    types = (kind for proxy in control_plane.status().proxies for kind in proxy["types"])
    return [kind["type"] for kind in types if kind["rejections"]]


class Edge:
    """A gateway and its control plane, whose configuration is one file."""

    def __init__(self, folder: Path) -> None:
        self.control_plane = ControlPlane(folder)

    def apply(self, text: str) -> None:
        before = self.control_plane.status().revision
        (self.control_plane.config / "mesh.yaml").write_text(text, encoding="utf-8")
        eventually("the edit is answered", lambda: self.control_plane.status().answered(before))

    def status(self) -> str:
        at = f"127.0.0.1:{self.control_plane.admin_port}"
        command = [*CONTROLPLANE, "status", "--admin", at]
        return subprocess.run(command, capture_output=True, text=True).stdout


@contextmanager
def edge(folder: Path, text: str) -> Iterator[Edge]:
    found = Edge(folder)
    (found.control_plane.config / "mesh.yaml").write_text(text, encoding="utf-8")
    with found.control_plane.running(), found.control_plane.proxy(folder / "edge", Workload()):
        eventually("all is answered", lambda: found.control_plane.status().answered(0))
        yield found


@pytest.mark.parametrize(("strategy", "status"), [("FAIL_OPEN", 200), ("FAIL_CLOSE", 403)])
def test_its_strategy_decides_and_listeners_can_be_edited(
    tmp_path: Path, strategy: str, status: int
) -> None:
    file = tmp_path / "a.wasm"
    lacking = plugin("one", f"{{url: file://{file}, failStrategy: {strategy}}}")

    with edge(tmp_path, gateway(8080) + lacking) as running:
        eventually(f"8080 answers {status}", lambda: asked(8080).status == status)
        assert "rejects extension" in running.status()
        assert f"Invalid path: {file}" in running.status()
        assert f"{running.control_plane.config}/mesh.yaml:18 (WasmPlugin" in running.status()

        running.apply(gateway(8080, 8081) + lacking)
        assert [asked(8080).status, asked(8081).status] == [status, status]
        assert rejects(running.control_plane) == ["extension"]

        running.apply(gateway(8081) + lacking)
        assert [asked(8080).error, asked(8081).status] == ["refused", status]

        file.write_bytes(filter_module())
        there = plugin("one", f"{{url: file://{file}, pluginConfig: {{a: b}}}}")
        running.apply(gateway(8081) + there)
        assert asked(8081).headers["x-filter"] == '{"a":"b"}'
        assert rejects(running.control_plane) == []


def test_what_worked_before_works_on_and_listeners_can_be_edited(tmp_path: Path) -> None:
    file = tmp_path / "a.wasm"
    file.write_bytes(filter_module())
    good = plugin("one", f"{{url: file://{file}, pluginConfig: {{a: b}}}}")

    with edge(tmp_path, gateway(8080) + good) as running:
        running.apply(gateway(8080) + plugin("one", f"{{{MISSING}}}"))
        running.apply(gateway(8080, 8081) + plugin("one", f"{{{MISSING}}}"))

        assert [asked(port).headers.get("x-filter") for port in (8080, 8081)] == ['{"a":"b"}'] * 2
        assert rejects(running.control_plane) == ["extension"]


def test_each_of_several_is_rejected_for_itself(tmp_path: Path) -> None:
    file = tmp_path / "a.wasm"
    file.write_bytes(filter_module())
    there = f"url: file://{file}"
    text = (
        plugin("first", f"{{{MISSING}, failStrategy: FAIL_OPEN, priority: 4}}")
        + plugin("second", f"{{{there}, pluginConfig: {{a: b}}, priority: 3}}")
        + plugin("third", f"{{{MISSING}, failStrategy: FAIL_OPEN, priority: 2}}")
    )

    with edge(tmp_path, gateway(8080) + text) as running:
        running.apply(gateway(8080, 8081) + text)

        assert asked(8081).headers.get("x-filter") == '{"a":"b"}'
        assert "first" in running.status()
        assert "third" in running.status()
        assert "extension extensions.istio.io/trafficextension/istio-system.second" not in (
            running.status()
        )


@pytest.mark.parametrize(("strategy", "answers"), [("FAIL_OPEN", True), ("FAIL_CLOSE", False)])
def test_a_module_for_connections_is_replaced_too(
    tmp_path: Path, strategy: str, answers: bool
) -> None:
    lacking = plugin("one", f"{{{MISSING}, type: NETWORK, failStrategy: {strategy}}}")

    with edge(tmp_path, gateway(8080) + lacking) as running:
        running.apply(gateway(8080, 8081) + lacking)

        assert [asked(port).status == 200 for port in (8080, 8081)] == [answers, answers]
        assert rejects(running.control_plane) == ["extension"]


def test_what_was_rejected_is_tried_again_when_the_proxy_reconnects(tmp_path: Path) -> None:
    file = tmp_path / "a.wasm"
    text = gateway(8080) + plugin("one", f"{{url: file://{file}, pluginConfig: {{a: b}}}}")
    control_plane = ControlPlane(tmp_path)
    (control_plane.config / "mesh.yaml").write_text(text, encoding="utf-8")

    with ExitStack() as stack:
        with ExitStack() as first:
            first.enter_context(control_plane.running())
            stack.enter_context(control_plane.proxy(tmp_path / "edge", Workload()))
            eventually("calls are refused", lambda: asked(8080).status == 403)
        with control_plane.running():
            eventually("it is answered again", lambda: rejects(control_plane) == ["extension"])
            assert asked(8080).status == 403
        file.write_bytes(filter_module())
        with control_plane.running():
            eventually("it works", lambda: asked(8080).headers.get("x-filter") == '{"a":"b"}')
            eventually("nothing is rejected", lambda: rejects(control_plane) == [])


@pytest.mark.parametrize("api_type", ["DELTA_GRPC", "GRPC"])
async def test_both_variants_of_the_protocol_have_it(tmp_path: Path, api_type: str) -> None:
    rig = Rig(tmp_path, api_type)
    bad = [missing("one"), missing("two")]
    async with rig.running():
        await rig.give(*rig.world(), listener("l", rig.port, extensions=("one", "two")), *bad)
        assert await rig.ask("/shop") == "403"

        named = listener("l", rig.port, "edited", extensions=("two",))
        await rig.give(*rig.world(), named, *bad)
        edited = rig.status.types

        await rig.give(*rig.world())
        assert await rig.ask("/shop") == "200 a"

    assert [each.state for each in edited if each.type == "listener"] == [SyncState.SYNCED]
    (extension,) = [each for each in edited if each.type == "extension"]
    assert [each.name for each in extension.rejections] == ["one", "two"]


def missing(name: str) -> Resource:
    """The configuration of a module whose file nobody has."""
    code = FileAtProxy("/nowhere/a.wasm")
    wasm = WasmConfiguration(name=name, title=name, transport=Transport.HTTP, code=code)
    return wasm_extension(wasm, code)
