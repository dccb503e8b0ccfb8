"""Access logs of Telemetries that do not do what they say."""

from typing import Any

import pytest

from controlplane.kinds.istio.extension_providers import (
    ExtensionProvider,
    FileAccessLog,
    HttpAccessLog,
    LogFormat,
    OpenTelemetryAccessLog,
    Prometheus,
)
from controlplane.kinds.istio.mesh_config import DefaultProviders, MeshConfig, ProxyConfig
from controlplane.kinds.istio.proxy_config import RemoteService
from controlplane.translate.istio.cel_attributes import unknown_attributes
from controlplane.translate.istio.cel_filter import filter_fault
from tests.support.cel_filters import ACCEPTED, REFUSED
from tests.support.declared import Declared

SERVICE = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: logs, namespace: infra}
spec:
  hosts: [logs.example.com]
  ports:
  - {number: 4317, name: grpc, protocol: GRPC}
  - {number: 80, name: http, protocol: HTTP}
  resolution: STATIC
  endpoints: [{address: 192.0.2.1}]
"""
AT = "Telemetry/istio-system/t.spec.accessLogging"


def als(name: str, service: str = "logs.example.com", port: int = 4317) -> ExtensionProvider:
    return ExtensionProvider(name=name, envoy_http_als=HttpAccessLog(service=service, port=port))


def mesh(*providers: ExtensionProvider, **fields: Any) -> MeshConfig:
    return MeshConfig(extension_providers=providers, **fields)


MESH = mesh(
    ExtensionProvider(name="stdout", envoy_file_access_log=FileAccessLog()),
    ExtensionProvider(name="metrics", prometheus=Prometheus()),
    ExtensionProvider(name="faulty"),
    als("als"),
    als("unknown", "nobody.example.com"),
    als("no-port", port=1),
    als("http", port=80),
)


def telemetry(logging: str, namespace: str = "istio-system") -> str:
    return f"""---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: t, namespace: {namespace}}}
spec: {{accessLogging: [{logging}]}}
"""


def said(text: str, of_mesh: MeshConfig = MESH) -> list[str]:
    """Codes and places of what is said of Telemetries and of MeshConfig, with the hints."""
    found = Declared(SERVICE + text, mesh=of_mesh).diagnostics()
    return [
        f"{each.code} {each.place}" + (f" ({each.hint})" if each.hint else "")
        for each in found
        if "Telemetry" in str(each.place) or "mesh" in str(each.place)
    ]


NAME = f"{AT}[0].providers[0].name"
KNOWN = "providers of logs are stdout, als, unknown, no-port, http and envoy"


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        pytest.param("stdout", [], id="a file"),
        pytest.param("STDOUT", [], id="in any case"),
        pytest.param("envoy", [], id="the one that is built in"),
        pytest.param("als", [], id="a service"),
        pytest.param("stdotu", [f'CP0804 {NAME} (write "stdout")'], id="a slip"),
        pytest.param(
            "metrics",
            [f"CP0804 {NAME} ({KNOWN})"],
            id="for something else",
        ),
        pytest.param("unknown", [f"CP0804 {NAME}"], id="a service that nobody declares"),
        pytest.param("no-port", [f"CP0804 {NAME}"], id="a port that the service does not have"),
        pytest.param(
            "http",
            [
                f"CP0804 {NAME} (declare it as GRPC (the port's name, or its appProtocol or "
                "protocol))"
            ],
            id="a port for something else than gRPC",
        ),
    ],
)
def test_a_provider_that_gets_no_logs_is_reported(provider: str, expected: list[str]) -> None:
    assert said(telemetry(f"{{providers: [{{name: {provider}}}]}}")) == expected


def test_a_provider_with_a_fault_is_one_that_gets_no_logs() -> None:
    (found,) = said(telemetry("{providers: [{name: faulty}]}"))

    assert found.startswith(f"CP0804 {NAME}")


@pytest.mark.parametrize(
    ("logging", "of_mesh", "codes"),
    [
        pytest.param("{}", mesh(), ["CP0805"], id="no provider"),
        pytest.param(
            "{providers: [{name: envoy}]}, {disabled: true}", mesh(), [], id="an entry before it"
        ),
        pytest.param(
            "{filter: {expression: response.code == 1}}",
            mesh(default_providers=DefaultProviders(access_logging=("envoy",))),
            [],
            id="by default",
        ),
        pytest.param("{disabled: true}", mesh(), [], id="nothing is switched off"),
        pytest.param(
            "{disabled: true}", mesh(access_log_file="/dev/stdout"), ["CP0805"], id="not that file"
        ),
    ],
)
def test_an_entry_without_a_provider_is_reported(
    logging: str, of_mesh: MeshConfig, codes: list[str]
) -> None:
    assert [each.partition(" ")[0] for each in said(telemetry(logging), of_mesh)] == codes


def test_providers_of_the_mesh_are_inherited() -> None:
    root = telemetry("{providers: [{name: envoy}]}")

    assert said(root + telemetry("{disabled: true}", "default"), mesh(access_log_file="/a")) == []


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("response.code >= 400 && has(request.headers.x)", None),
        ("[1].all(x, x == 1)", "CP0806"),
        ("request.path.lowerAscii() == 'a'", "CP0806"),
        ("request.path.matches('(')", "CP0806"),
        ("response.status >= 400", "CP0807"),
        ("no.such.thing == 1", "CP0807"),
    ],
)
def test_a_filter_that_does_nothing_is_reported(expression: str, code: str | None) -> None:
    text = telemetry(f'{{providers: [{{name: envoy}}], filter: {{expression: "{expression}"}}}}')

    found = [each.partition(" (")[0] for each in said(text)]

    assert found == ([f"{code} {AT}[0].filter.expression"] if code else [])


@pytest.mark.parametrize("expression", ACCEPTED, ids=lambda text: text[:40])
def test_what_envoy_takes_as_a_filter(expression: str) -> None:
    assert filter_fault(expression) is None


@pytest.mark.parametrize("expression", REFUSED, ids=lambda text: text[:40])
def test_what_envoy_refuses_as_a_filter(expression: str) -> None:
    assert filter_fault(expression) is not None


def test_attributes_that_envoy_does_not_have_and_those_that_were_meant() -> None:
    expression = (
        "request.headres['a'] == 'b' && respons.code == 1 && metadata.any.thing == 1 "
        "&& xds.node.metadata.a == type(1) && upstream.addres == 'a' && zzz"
    )

    assert dict(unknown_attributes(expression)) == {
        "request.headres": "request.headers",
        "respons": "response",
        "upstream.addres": "upstream.address",
        "zzz": None,
    }


@pytest.mark.parametrize("address", ["", "logs.example.com:4317"])
def test_the_older_setting_needs_an_address(address: str) -> None:
    of_mesh = MeshConfig(
        enable_envoy_access_log_service=True,
        default_config=ProxyConfig(envoy_access_log_service=RemoteService(address=address)),
    )

    found = [each.partition(" (")[0] for each in said("", of_mesh)]

    expected = ["CP0804 MeshConfig//mesh.enableEnvoyAccessLogService"]
    assert found == ([] if address else expected)


def test_formats_and_default_providers_of_the_mesh_are_looked_at() -> None:
    of_mesh = mesh(
        ExtensionProvider(
            name="one", envoy_file_access_log=FileAccessLog(log_format=LogFormat(text="%NOPE%"))
        ),
        ExtensionProvider(
            name="two",
            envoy_otel_als=OpenTelemetryAccessLog(
                service="logs.example.com",
                port=4317,
                log_format=LogFormat(labels={"a": "%REQ%", "b": "%REQ_WITHOUT_QUERY(:PATH)%"}),
            ),
        ),
        default_providers=DefaultProviders(access_logging=("one", "tow")),
    )

    assert {each.partition(" (")[0] for each in said("", of_mesh)} == {
        "CP0316 MeshConfig//mesh.extensionProviders[0].envoyFileAccessLog.logFormat.text",
        "CP0316 MeshConfig//mesh.extensionProviders[1].envoyOtelAls.logFormat.labels",
        "CP0804 MeshConfig//mesh.defaultProviders.accessLogging[1]",
    }
