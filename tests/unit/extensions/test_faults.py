"""What is reported of WasmPlugins and TrafficExtensions."""

import base64

import pytest

from tests.support.declared import Declared
from tests.support.image_registry import docker_config

WORKLOADS = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web, namespace: default}
spec: {address: 10.0.1.1, labels: {app: web}}
---
"""
IMAGE = "url: oci://a.example/bb:1"


def plugin(spec: str, name: str = "p", namespace: str = "default") -> str:
    return f"""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{{spec}}}
---
"""


def secret(config: str, field: str = "stringData") -> str:
    return f"""
apiVersion: v1
kind: Secret
metadata: {{name: registry, namespace: default}}
type: kubernetes.io/dockerconfigjson
{field}: {{.dockerconfigjson: '{config}'}}
---
"""


def said(text: str) -> list[str]:
    return [f"{found.code} {found.message}" for found in Declared(WORKLOADS + text).diagnostics()]


@pytest.mark.parametrize(
    "spec",
    [
        IMAGE,
        "url: https://a.example/b.wasm",
        f"url: http://a.example/b.wasm, sha256: {'a' * 64}",
        "url: file:///opt/a.wasm",
        f"{IMAGE}, selector: {{matchLabels: {{app: web}}}}",
    ],
)
def test_nothing_is_wrong(spec: str) -> None:
    assert said(plugin(spec)) == []


def test_a_selector_that_nothing_has() -> None:
    (found,) = said(plugin(f"{IMAGE}, selector: {{matchLabels: {{app: wbe}}}}"))

    assert "no workload of default is declared that has app: wbe" in found


def test_a_gateway_that_is_not_declared() -> None:
    reference = "{group: gateway.networking.k8s.io, kind: Gateway, name: edge}"

    (found,) = said(plugin(f"{IMAGE}, targetRefs: [{reference}]"))

    assert found.startswith("CP0755 Gateway default/edge is not declared")


def test_plaintext_without_a_checksum() -> None:
    assert said(plugin("url: http://a.example/b.wasm")) == [
        "CP0583 the module comes from http://a.example/b.wasm over plaintext, and without sha256 "
        "any other one is taken for it"
    ]


def test_what_names_no_image() -> None:
    assert said(plugin("url: /opt/a.wasm")) == [
        'CP0217 "/opt/a.wasm" does not name an image, so it cannot be fetched'
    ]


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("/opt/a.wasm", "write file:// before the path of a file"),
        (
            "ghcr.io/Me/Plugin:1.0",
            "names of images are in lower case: write ghcr.io/me/plugin:1.0",
        ),
        ("oci://ghcr.io/me/p@sha256:1", "a digest is sha256: and 64 hexadecimal digits in lower"),
        ("oci://ghcr.io/me/p:a:b", "write oci://REGISTRY/REPOSITORY:TAG"),
    ],
)
def test_what_names_no_image_has_a_way_out(url: str, hint: str) -> None:
    (found,) = Declared(WORKLOADS + plugin(f'url: "{url}"')).diagnostics()

    assert found.hint is not None
    assert found.hint.startswith(hint)


def test_a_secret_that_is_not_declared_or_is_of_another_namespace() -> None:
    other = secret(docker_config("a.example", "me", "secret")).replace("default", "other")

    for text in ("", other):
        assert said(text + plugin(f"{IMAGE}, imagePullSecret: registry")) == [
            "CP0581 Secret default/registry is not declared, so the image is not fetched"
        ]


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.example", []),
        ("https://a.example/v2/", []),
        (
            "b.example",
            [
                "CP0581 Secret default/registry has nothing for a.example, so it is asked without "
                "credentials"
            ],
        ),
    ],
)
def test_a_secret_is_for_some_registries(host: str, expected: list[str], encoded: bool) -> None:
    config = docker_config(host, "me", "secret")
    data = base64.b64encode(config.encode()).decode()
    text = secret(data, "data") if encoded else secret(config)

    assert said(text + plugin(f"{IMAGE}, imagePullSecret: registry")) == expected


@pytest.mark.parametrize(
    ("one", "two", "ties"),
    [
        ("", "", True),
        ("priority: 1", "priority: 1", True),
        ("priority: 1", "priority: 2", False),
        ("priority: 0", "", False),
        ("phase: AUTHN", "phase: AUTHZ", False),
        ("phase: AUTHN", "phase: AUTHN", True),
        ("selector: {matchLabels: {app: web}}", "", True),
    ],
)
def test_extensions_of_equal_priority(one: str, two: str, ties: bool) -> None:
    found = said(plugin(f"{IMAGE}, {one}", "a") + plugin(f"{IMAGE}, {two}", "b"))

    assert found == (
        [
            "CP0582 WasmPlugin default/a has the same phase and priority, so only age and name "
            "decide that it comes first"
        ]
        if ties
        else []
    )


def test_what_one_is_configured_with_is_no_matter_of_the_others() -> None:
    given = Declared(plugin(f"{IMAGE}, pluginConfig: {{x: 1}}", "a") + plugin(IMAGE, "b"))
    given.diagnostics()
    given.graph.trace = []

    given.edit(plugin(f"{IMAGE}, pluginConfig: {{x: 2}}", "a"))
    given.diagnostics()

    ran = [each for each in given.graph.trace if each.startswith("extension_diagnostics(")]
    assert ran == ["extension_diagnostics(WasmPlugin/default/a)"]
