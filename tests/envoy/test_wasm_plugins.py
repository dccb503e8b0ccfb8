"""Modules of WebAssembly in real Envoys, at a gateway: in order, edited, and where they fail."""

from pathlib import Path

import pytest

from tests.support.mesh import Mesh
from tests.support.shop import SHOP, with_shop
from tests.support.wasm import filter_module

pytestmark = pytest.mark.envoy

URL = "http://shop.example.com:8080/"


def plugin(name: str, spec: str) -> str:
    return f"""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: {name}, namespace: istio-system}}
spec: {spec}
---
"""


def script(name: str, code: str, spec: str = "") -> str:
    return f"""
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {{name: {name}, namespace: istio-system}}
spec:
  lua: {{inlineCode: '{code}'}}
  {spec}
---
"""


def adding(value: str) -> str:
    return f'function envoy_on_request(handle) handle:headers():add("x-filter", "{value}") end'


@pytest.fixture(scope="module")
def shop(mesh: Mesh) -> Mesh:
    return with_shop(mesh)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the proxy has a module."""
    found = tmp_path_factory.mktemp("modules") / "filter.wasm"
    found.write_bytes(filter_module())
    return found


def seen(mesh: Mesh, url: str = URL) -> list[str]:
    """What the modules put into the request, in their order."""
    answer = mesh.send(url)
    assert answer.status == 200
    headers = answer.seen["headers"]
    assert isinstance(headers, dict)
    return [value for value in headers.get("x-filter", "").split(",") if value]


def test_a_module_is_run_edited_and_taken_away(shop: Mesh, file: Path) -> None:
    shop.apply(SHOP + plugin("one", f"{{url: file://{file}, pluginConfig: {{a: first}}}}"))
    assert seen(shop) == ['{"a":"first"}']

    shop.apply(SHOP + plugin("one", f"{{url: file://{file}, pluginConfig: {{a: second}}}}"))
    assert seen(shop) == ['{"a":"second"}']

    shop.apply(SHOP)
    assert seen(shop) == []


def test_modules_and_scripts_are_run_by_phase_and_priority(shop: Mesh, file: Path) -> None:
    def of(spec: str) -> str:
        return f"{{url: file://{file}, {spec}}}"

    shop.apply(
        SHOP
        + plugin("last", of("pluginConfig: {a: 5}"))
        + plugin("higher", of("pluginConfig: {a: 4}, priority: 10"))
        + script("stats", adding("3"), "phase: STATS")
        + plugin("authz", of("pluginConfig: {a: 2}, phase: AUTHZ"))
        + plugin("authn", of("pluginConfig: {a: 1}, phase: AUTHN"))
    )

    assert seen(shop) == ['{"a":1}', '{"a":2}', "3", '{"a":4}', '{"a":5}']


@pytest.mark.parametrize(("phase", "status"), [("AUTHN", 200), ("AUTHZ", 200), ("STATS", 403)])
def test_a_policy_sees_what_the_phases_before_it_add(
    shop: Mesh, file: Path, phase: str, status: int
) -> None:
    policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: marked, namespace: istio-system}
spec: {rules: [{when: [{key: "request.headers[x-filter]", values: ['{"a":"b"}']}]}]}
---
"""

    spec = f"{{url: file://{file}, phase: {phase}, pluginConfig: {{a: b}}}}"
    shop.apply(SHOP + policy + plugin("one", spec))

    assert shop.send(URL).status == status


def test_a_module_is_at_the_ports_that_it_is_for(shop: Mesh, file: Path) -> None:
    match = "[{mode: CLIENT, ports: [{number: 8082}]}, {mode: SERVER}]"
    shop.apply(
        SHOP + plugin("one", f"{{url: file://{file}, match: {match}, pluginConfig: {{a: b}}}}")
    )

    assert seen(shop) == []
    assert seen(shop, "http://shop.example.com:8082/") == ['{"a":"b"}']
