"""Access logs by Telemetry: which providers are used, and what Envoy is told of each."""

from typing import Any

import pytest

from controlplane.base.names import Namespace
from controlplane.kinds.istio.extension_providers import (
    ExtensionProvider,
    FileAccessLog,
    HttpAccessLog,
    LogFormat,
    OpenTelemetryAccessLog,
    TcpAccessLog,
)
from controlplane.kinds.istio.mesh_config import DefaultProviders, MeshConfig
from controlplane.model.proxy import ResolvedProxy, Role
from tests.support.declared import Declared

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: logs, namespace: infra}
spec:
  hosts: [logs.example.com]
  ports: [{number: 4317, name: grpc, protocol: GRPC}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.1}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.1.0.1, selector: {app: web}, ports: [{name: tcp, port: 9000}]}
"""
SIDECAR = ResolvedProxy(
    role=Role.SIDECAR, namespace=Namespace("default"), labels=(("app", "web"),), metadata=()
)
CLUSTER = "outbound|4317||logs.example.com"
ALS: dict[str, Any] = {"service": "logs.example.com", "port": 4317}


def file(name: str, **fields: Any) -> ExtensionProvider:
    return ExtensionProvider(name=name, envoy_file_access_log=FileAccessLog(**fields))


PROVIDERS = (
    file("one", path="/dev/stdout"),
    file("Two", path="/dev/stderr", log_format=LogFormat(text="%PROTOCOL%")),
    ExtensionProvider(name="http", envoy_http_als=HttpAccessLog(**ALS)),
    ExtensionProvider(name="tcp", envoy_tcp_als=TcpAccessLog(**ALS)),
    ExtensionProvider(name="otel", envoy_otel_als=OpenTelemetryAccessLog(**ALS)),
)


def mesh(*defaults: str, providers: tuple[ExtensionProvider, ...] = PROVIDERS) -> MeshConfig:
    return MeshConfig(
        access_log_file="/mesh.log",
        extension_providers=providers,
        default_providers=DefaultProviders(access_logging=defaults),
    )


def telemetry(logging: str, namespace: str = "istio-system", name: str = "t") -> str:
    return f"""---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{accessLogging: [{logging}]}}
"""


def of(*names: str, more: str = "") -> str:
    providers = ", ".join(f"{{name: {name}}}" for name in names)
    return f"{{providers: [{providers}]{more}}}"


def manager(text: str, of_mesh: MeshConfig) -> dict[str, Any]:
    listener = Declared(GATEWAY + text, mesh=of_mesh).listeners()["0.0.0.0_80"]
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def paths(text: str, of_mesh: MeshConfig) -> list[str]:
    """Where the logs of a gateway go: the file or the name of the log."""
    return [_to(each) for each in manager(text, of_mesh).get("access_log", [])]


def _to(log: dict[str, Any]) -> str:
    config = log["typed_config"]
    return str(config["path"] if "path" in config else config["common_config"]["log_name"])


def of_sidecar(text: str, of_mesh: MeshConfig) -> tuple[list[str], list[str]]:
    """Where the logs of a sidecar go: of what its workload calls, and of what calls it."""
    listeners = Declared(GATEWAY + text, mesh=of_mesh).listeners(SIDECAR)
    outward = listeners["virtualOutbound"]["filter_chains"][-1]
    inward = listeners["virtualInbound"]["filter_chains"][-1]
    return (
        [_to(each) for each in outward["filters"][-1]["typed_config"].get("access_log", [])],
        [_to(each) for each in inward["filters"][-1]["typed_config"].get("access_log", [])],
    )


OFF = "{disabled: true}"


@pytest.mark.parametrize(
    ("root", "own", "defaults", "expected"),
    [
        pytest.param("", "", (), ["/mesh.log"], id="MeshConfig alone"),
        pytest.param("", "", ("one",), ["/dev/stdout"], id="default providers come before it"),
        pytest.param(of("one"), "", (), ["/dev/stdout"], id="a provider"),
        pytest.param(of("ONE", "two"), "", (), ["/dev/stderr", "/dev/stdout"], id="in any case"),
        pytest.param(of("one"), of("two"), (), ["/dev/stderr"], id="providers replace those above"),
        pytest.param(of("one"), OFF, (), [], id="what is above is switched off"),
        pytest.param(OFF, "", ("one",), [], id="default providers are switched off"),
        pytest.param(OFF, "", (), ["/mesh.log"], id="nothing to switch off, as with Istio"),
        pytest.param(OFF, of("one"), ("two",), ["/dev/stdout"], id="switched on again"),
        pytest.param(of("nope"), "", (), ["/mesh.log"], id="no such provider, as with Istio"),
        pytest.param(of("nope", "one"), "", (), ["/dev/stdout"], id="the others are used"),
        pytest.param(
            f"{of('one')}, {of('two', more=', disabled: true')}", "", (), ["/dev/stdout"], id="one"
        ),
        pytest.param(of("envoy"), "", (), ["/dev/stdout"], id="Envoy's own is built in"),
        pytest.param("", of("http", "otel", "tcp"), (), 3, id="several, by their names"),
        pytest.param(
            of("one", more=", match: {mode: SERVER}"), "", (), ["/mesh.log"], id="another side"
        ),
    ],
)
def test_the_logs_of_a_gateway(
    root: str, own: str, defaults: tuple[str, ...], expected: list[str] | int
) -> None:
    """Of a gateway in the namespace ``edge``, below the root namespace."""
    text = GATEWAY.replace("istio-system", "edge")
    texts = [telemetry(root)] if root else []
    texts += [telemetry(own, "edge")] if own else []
    proxy = ResolvedProxy(
        role=Role.GATEWAY, namespace=Namespace("edge"), labels=(("istio", "ingressgateway"),)
    )

    listener = Declared(text + "".join(texts), mesh=mesh(*defaults)).listeners(proxy)["0.0.0.0_80"]

    logs = listener["filter_chains"][0]["filters"][0]["typed_config"].get("access_log", [])
    found = [_to(each) for each in logs]
    if isinstance(expected, int):
        assert found == ["http_envoy_accesslog", "otel_envoy_accesslog", "tcp_envoy_accesslog"]
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("logging", "outward", "inward"),
    [
        pytest.param(of("one"), ["/dev/stdout"], ["/dev/stdout"], id="both"),
        pytest.param(
            of("one", more=", match: {mode: SERVER}"), ["/mesh.log"], ["/dev/stdout"], id="server"
        ),
        pytest.param(
            of("one", more=", match: {mode: CLIENT}"), ["/dev/stdout"], ["/mesh.log"], id="client"
        ),
        pytest.param(
            f"{of('one')}, {{match: {{mode: SERVER}}, disabled: true}}",
            ["/dev/stdout"],
            [],
            id="switched off at one side",
        ),
    ],
)
def test_the_sides_of_a_sidecar(logging: str, outward: list[str], inward: list[str]) -> None:
    assert of_sidecar(telemetry(logging), mesh()) == (outward, inward)


def test_captured_connections_are_logged_as_others() -> None:
    text = telemetry(of("two"), "default")

    listener = Declared(GATEWAY + text, mesh=mesh()).listeners(SIDECAR)["10.1.0.1_9000"]

    (log,) = listener["filter_chains"][0]["filters"][-1]["typed_config"]["access_log"]
    assert _to(log) == "/dev/stderr"


def test_sidecars_with_one_telemetry_share_their_listeners_across_namespaces() -> None:
    declared = Declared(GATEWAY + telemetry(of("one")), mesh=mesh())
    other = ResolvedProxy(role=Role.SIDECAR, namespace=Namespace("other"), labels=())

    here, there = declared.resources(SIDECAR).listeners, declared.resources(other).listeners

    assert here["10.1.0.1_9000"] is there["10.1.0.1_9000"]


def test_a_filter_is_an_expression_and_joins_that_of_unmatched_connections() -> None:
    filter_ = ", filter: {expression: 'response.code >= 400'}"
    text = telemetry(of("one", more=filter_))

    listener = Declared(GATEWAY + text, mesh=mesh()).listeners()["0.0.0.0_80"]

    (log,) = listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"]
    cel = {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": "response.code >= 400",
            },
        }
    }
    assert log["filter"] == cel
    (unmatched,) = listener["access_log"]
    assert unmatched["filter"] == {
        "and_filter": {"filters": [{"response_flag_filter": {"flags": ["NR"]}}, cel]}
    }


def test_a_filter_that_envoy_would_refuse_costs_that_log_alone() -> None:
    bad = ", filter: {expression: 'request.headers.all(h, h != 1)'}"
    text = telemetry(f"{of('one', more=bad)}, {of('two')}")

    assert paths(text, mesh()) == ["/dev/stderr"]


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        pytest.param(FileAccessLog(path="/a", log_format=LogFormat(text="a")), "a\n", id="text"),
        pytest.param(FileAccessLog(log_format=LogFormat(text="a\n")), "a\n", id="a line break"),
        pytest.param(
            FileAccessLog(log_format=LogFormat(labels={"a": "%PROTOCOL%", "b": [1, {"c": "d"}]})),
            {"a": "%PROTOCOL%", "b": [1.0, {"c": "d"}]},
            id="JSON",
        ),
    ],
)
def test_a_format_of_a_file(provider: FileAccessLog, expected: object) -> None:
    declared = (ExtensionProvider(name="own", envoy_file_access_log=provider),)

    (log,) = manager(telemetry(of("own")), mesh(providers=declared))["access_log"]

    written = log["typed_config"]["log_format"]
    if isinstance(expected, str):
        assert written == {"text_format_source": {"inline_string": expected}}
    else:
        assert written == {"json_format": expected}


def test_labels_without_any_are_those_of_istio_and_empty_values_may_be_left_out() -> None:
    declared = (file("own", log_format=LogFormat(labels={}), omit_empty_values=True),)

    (log,) = manager(telemetry(of("own")), mesh(providers=declared))["access_log"]

    written = log["typed_config"]["log_format"]
    assert written["omit_empty_values"] is True
    assert written["json_format"]["upstream_cluster"] == "%UPSTREAM_CLUSTER_RAW%"


def test_a_command_of_an_extension_names_it() -> None:
    declared = (file("own", log_format=LogFormat(text="%REQ_WITHOUT_QUERY(:PATH?X):5%")),)

    (log,) = manager(telemetry(of("own")), mesh(providers=declared))["access_log"]

    (formatter,) = log["typed_config"]["log_format"]["formatters"]
    assert formatter["name"] == "envoy.formatter.req_without_query"


def test_a_format_that_envoy_would_refuse_is_istios() -> None:
    declared = (file("own", log_format=LogFormat(text="%NOPE%")),)

    (log,) = manager(telemetry(of("own")), mesh(providers=declared))["access_log"]

    text = log["typed_config"]["log_format"]["text_format_source"]["inline_string"]
    assert text.startswith("[%START_TIME%]")


def test_services_get_logs_over_grpc() -> None:
    als = HttpAccessLog(
        **ALS,
        log_name="mine",
        filter_state_objects_to_log=("a",),
        additional_request_headers_to_log=("x-a",),
        additional_response_headers_to_log=("x-b",),
        additional_response_trailers_to_log=("x-c",),
    )
    declared = (ExtensionProvider(name="als", envoy_http_als=als),)

    (log,) = manager(telemetry(of("als")), mesh(providers=declared))["access_log"]

    assert log["name"] == "envoy.access_loggers.http_grpc"
    config = log["typed_config"]
    del config["@type"]
    assert config == {
        "common_config": {
            "log_name": "mine",
            "grpc_service": {
                "envoy_grpc": {"cluster_name": CLUSTER, "authority": "logs.example.com"}
            },
            "transport_api_version": "V3",
            "filter_state_objects_to_log": ["a"],
        },
        "additional_request_headers_to_log": ["x-a"],
        "additional_response_headers_to_log": ["x-b"],
        "additional_response_trailers_to_log": ["x-c"],
    }


def test_records_of_opentelemetry_have_a_body_and_attributes() -> None:
    labels = {"b": "%PROTOCOL%", "a": "%REQ_WITHOUT_QUERY(:PATH)%", "c": 1}
    als = OpenTelemetryAccessLog(**ALS, log_format=LogFormat(text="%DURATION%", labels=labels))
    declared = (ExtensionProvider(name="otel", envoy_otel_als=als),)

    (log,) = manager(telemetry(of("otel")), mesh(providers=declared))["access_log"]

    config = log["typed_config"]
    assert config["disable_builtin_labels"] is True
    assert config["body"] == {"string_value": "%DURATION%"}
    assert config["attributes"] == {
        "values": [
            {"key": "a", "value": {"string_value": "%REQ_WITHOUT_QUERY(:PATH)%"}},
            {"key": "b", "value": {"string_value": "%PROTOCOL%"}},
            {"key": "c", "value": {"string_value": ""}},
        ]
    }
    assert config["common_config"]["log_name"] == "otel_envoy_accesslog"
    assert [each["name"] for each in config["formatters"]] == ["envoy.formatter.req_without_query"]


def test_a_provider_whose_service_is_unknown_is_left_out() -> None:
    als = HttpAccessLog(service="nobody.example.com", port=80)
    declared = (*PROVIDERS, ExtensionProvider(name="als", envoy_http_als=als))

    assert paths(telemetry(of("als", "one")), mesh(providers=declared)) == ["/dev/stdout"]


def test_a_service_that_gets_logs_is_reached_whatever_a_sidecar_imports() -> None:
    sidecar = """---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec: {egress: [{hosts: ["./*"]}]}
"""
    without = Declared(GATEWAY + sidecar, mesh=mesh())
    found = Declared(GATEWAY + sidecar + telemetry(of("http")), mesh=mesh())

    assert CLUSTER not in without.clusters(SIDECAR)
    assert CLUSTER in found.clusters(SIDECAR)


def test_the_log_of_unmatched_connections_can_be_switched_off() -> None:
    of_mesh = MeshConfig(disable_envoy_listener_log=True, extension_providers=PROVIDERS)

    listener = Declared(GATEWAY + telemetry(of("one")), mesh=of_mesh).listeners()["0.0.0.0_80"]

    assert "access_log" not in listener


def test_an_edit_of_a_telemetry_reaches_the_listeners() -> None:
    declared = Declared(GATEWAY + telemetry(of("one")), mesh=mesh())
    assert len(declared.listeners()["0.0.0.0_80"]["access_log"]) == 1

    declared.edit(telemetry(of("one", "two")))

    assert len(declared.listeners()["0.0.0.0_80"]["access_log"]) == 2


def test_the_older_setting_sends_to_the_service_of_the_bootstrap() -> None:
    of_mesh = MeshConfig(enable_envoy_access_log_service=True)

    listeners = Declared(GATEWAY, mesh=of_mesh).listeners(SIDECAR)
    outward = listeners["virtualOutbound"]
    listener = Declared(GATEWAY, mesh=of_mesh).listeners()["0.0.0.0_80"]

    (stream,) = outward["filter_chains"][-1]["filters"][-1]["typed_config"]["access_log"]
    (request,) = listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"]
    (unmatched,) = listener["access_log"]
    assert [_to(each) for each in (request, stream, unmatched)] == [
        "http_envoy_accesslog",
        "tcp_envoy_accesslog",
        "listener_envoy_accesslog",
    ]
    service = {"envoy_grpc": {"cluster_name": "envoy_accesslog_service"}}
    assert request["typed_config"]["common_config"]["grpc_service"] == service
    assert unmatched["filter"] == {"response_flag_filter": {"flags": ["NR"]}}
