"""Modules of WebAssembly in real Envoys, at a gateway: in order, edited, and where they fail."""

from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.image_registry import Registry, archive, docker_config, running_registry
from tests.support.mesh import Mesh
from tests.support.shop import SHOP, with_shop
from tests.support.wasm import digest, filter_module
from tests.unit.sources.test_key_fetch import issuer

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


def test_kept_connections_are_served_when_a_plugin_is_deleted(shop: Mesh, file: Path) -> None:
    shop.apply(SHOP + plugin("one", f"{{url: file://{file}}}"))
    kept = HTTPConnection(shop.workload.address, 8080)

    def status() -> int:
        kept.request("GET", "/", headers={"host": "shop.example.com"})
        answer = kept.getresponse()
        answer.read()
        return answer.status

    assert status() == 200
    shop.apply(SHOP)

    assert {status() for _ in range(500)} == {200}
    kept.close()


def test_a_module_may_become_one_for_connections_and_back(shop: Mesh, file: Path) -> None:
    of_requests = plugin("one", f"{{url: file://{file}, pluginConfig: {{a: b}}}}")

    shop.apply(SHOP + of_requests)
    shop.apply(SHOP + plugin("one", f"{{url: file://{file}, type: NETWORK}}"))
    shop.apply(SHOP + of_requests)

    assert seen(shop) == ['{"a":"b"}']
    assert shop.gateway.rejected() == {}


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


def test_a_module_comes_from_a_server_and_must_have_its_checksum(shop: Mesh) -> None:
    module = filter_module()
    pages = {"/a.wasm": (200, module.decode("latin-1"))}
    with issuer(pages) as at:
        spec = f"url: {at}/a.wasm, pluginConfig: {{a: b}}, sha256"
        shop.apply(SHOP + plugin("one", f"{{{spec}: {digest(module)}}}"))
        shop.until(lambda answer: answer.headers.get("x-filter") == '{"a":"b"}', URL)

        shop.apply(SHOP + plugin("one", f"{{{spec}: {'a' * 64}}}"))
        shop.until(lambda answer: answer.status == 403, URL)

    reported = shop.control_plane.command("status", "--admin", admin_of(shop))
    assert f"the module has the SHA-256 {digest(module)}, not {'a' * 64}" in " ".join(
        reported.split()
    )


def test_what_cannot_be_fetched_fails_alone_as_its_strategy_says(shop: Mesh, file: Path) -> None:
    gone = "url: http://127.0.0.1:9/a.wasm"
    there = plugin("there", f"{{url: file://{file}, pluginConfig: {{a: b}}}}")

    shop.apply(SHOP + there + plugin("gone", f"{{{gone}, failStrategy: FAIL_OPEN}}"))
    assert seen(shop) == ['{"a":"b"}']

    shop.apply(SHOP + there + plugin("gone", f"{{{gone}, match: [{{ports: [{{number: 8082}}]}}]}}"))
    assert seen(shop) == ['{"a":"b"}']
    assert shop.send("http://shop.example.com:8082/").status == 403


def test_an_image_comes_from_a_registry_that_wants_a_password(shop: Mesh) -> None:
    with running_registry(Registry(users={"me": "secret"})) as registry:
        registry.image("1.0", archive(filter_module()))
        secret = f"""
apiVersion: v1
kind: Secret
metadata: {{name: registry, namespace: istio-system}}
type: kubernetes.io/dockerconfigjson
stringData: {{.dockerconfigjson: '{docker_config(registry.host, "me", "secret")}'}}
---
"""
        image = f"oci://{registry.host}/filters/header:1.0"
        spec = f"{{url: '{image}', imagePullSecret: registry, pluginConfig: {{a: image}}}}"
        shop.apply(SHOP + secret + plugin("one", spec))
        shop.until(lambda answer: answer.headers.get("x-filter") == '{"a":"image"}', URL)


def test_a_module_that_is_none_for_proxies_fails_as_its_strategy_says(shop: Mesh) -> None:
    with issuer({"/a.wasm": (200, "\0asm\1\0\0\0")}) as at:
        shop.apply(SHOP + plugin("one", f"{{url: {at}/a.wasm, failStrategy: FAIL_OPEN}}"))
        assert shop.send(URL).status == 200

        shop.apply(SHOP + plugin("one", f"{{url: {at}/a.wasm}}"))
        assert shop.send(URL).status == 403


def test_the_configuration_of_modules_is_shown_without_their_bytes(shop: Mesh) -> None:
    pages = {"/a.wasm": (200, filter_module().decode("latin-1"))}
    with issuer(pages) as at:
        shop.apply(SHOP + plugin("one", f"{{url: {at}/a.wasm, pluginConfig: {{a: b}}}}"))
        shop.until(lambda answer: answer.headers.get("x-filter") == '{"a":"b"}', URL)

    shown = shop.control_plane.command(
        "config", "ingressgateway", "extensions", "--admin", admin_of(shop), "-o", "json"
    )

    assert "istio-system.one~istio-translated-wasmplugin" in shown
    assert len(shown) < 4_000, shown


def admin_of(mesh: Mesh) -> str:
    return f"127.0.0.1:{mesh.control_plane.admin_port}"
