"""MeshConfig ``extensionProviders``: what is read, and what a faulty one costs."""

from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.base.diagnostics import Report
from controlplane.base.locations import SourceLocation
from controlplane.kinds.istio.extension_providers import (
    ExtensionProvider,
    GrpcAuthorization,
    HttpAuthorization,
    RequestBody,
)
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.kinds.spec import Duration
from controlplane.kinds.validation.extension_providers import STATUS_CODES, TYPES

FILE = Path("mesh-config.yaml")
NOT_YET = "CP0203"


def read(text: str) -> tuple[tuple[ExtensionProvider, ...], list[tuple[str, int, int]]]:
    """The providers, and what is reported besides what is not supported yet."""
    report = Report()
    mesh = decode_mesh_config(text, FILE, report)
    said = []
    for diagnostic in report:
        assert isinstance(diagnostic.place, SourceLocation), "a file's faults have lines"
        if str(diagnostic.code) != NOT_YET:
            said.append((str(diagnostic.code), diagnostic.place.line, diagnostic.place.column))
    return mesh.extension_providers, said


def of_http(setting: str) -> str:
    return (
        "extensionProviders:\n"
        "- name: authz\n"
        "  envoyExtAuthzHttp:\n"
        "    service: authz.example.com\n"
        "    port: 8000\n"
        f"    {setting}\n"
    )


def test_every_field_of_a_provider_over_http_is_read() -> None:
    found, said = read(
        of_http(
            "timeout: 0.5s\n"
            "    pathPrefix: /check\n"
            "    failOpen: true\n"
            "    statusOnError: '503'\n"
            "    includeHeadersInCheck: [a]\n"
            "    includeRequestHeadersInCheck: [b, 'x-*']\n"
            "    includeAdditionalHeadersInCheck: {c: d}\n"
            "    includeRequestBodyInCheck:\n"
            "      {maxRequestBytes: 10, allowPartialMessage: true, packAsBytes: true}\n"
            "    headersToUpstreamOnAllow: [e]\n"
            "    headersToDownstreamOnDeny: [f]\n"
            "    headersToDownstreamOnAllow: [g]\n"
        )
    )

    assert said == []
    assert found == (
        ExtensionProvider(
            name="authz",
            envoy_ext_authz_http=HttpAuthorization(
                service="authz.example.com",
                port=8000,
                timeout=Duration(timedelta(milliseconds=500)),
                path_prefix="/check",
                fail_open=True,
                status_on_error="503",
                include_headers_in_check=("a",),
                include_request_headers_in_check=("b", "x-*"),
                include_additional_headers_in_check={"c": "d"},
                include_request_body_in_check=RequestBody(
                    max_request_bytes=10, allow_partial_message=True, pack_as_bytes=True
                ),
                headers_to_upstream_on_allow=("e",),
                headers_to_downstream_on_deny=("f",),
                headers_to_downstream_on_allow=("g",),
            ),
        ),
    )


def test_a_provider_over_grpc_is_read() -> None:
    found, said = read(
        "extensionProviders:\n"
        "- name: authz\n"
        "  envoyExtAuthzGrpc: {service: infra/authz.example.com, port: 9000}\n"
    )

    grpc = GrpcAuthorization(service="infra/authz.example.com", port=9000)
    assert (found, said) == (
        (ExtensionProvider(name="authz", envoy_ext_authz_grpc=grpc),),
        [],
    )


@pytest.mark.parametrize("name", [written for _, written in TYPES])
def test_every_type_of_provider_is_known(name: str) -> None:
    found, said = read(
        f"extensionProviders: [{{name: a, {name}: {{service: b.example.com, port: 1}}}}]\n"
        if name not in ("prometheus", "stackdriver", "envoyFileAccessLog")
        else f"extensionProviders: [{{name: a, {name}: {{}}}}]\n"
    )

    assert said == []
    assert found != (ExtensionProvider(name="a"),)


def test_telemetry_is_read_whole() -> None:
    found, said = read(
        "extensionProviders:\n"
        "- name: spans\n"
        "  opentelemetry:\n"
        "    service: otel.example.com\n"
        "    port: 4318\n"
        "    http:\n"
        "      path: /v1/traces\n"
        "      timeout: 5s\n"
        "      headers: [{name: a, value: b}, {name: c, envName: D}]\n"
        "    resourceDetectors: {environment: {}, dynatrace: {}}\n"
        "    dynatraceSampler:\n"
        "      {tenant: t, clusterId: 7, httpService: {service: d, port: 1, http: {path: /}}}\n"
        "    serviceAttributeEnrichment: OTEL_SEMANTIC_CONVENTIONS\n"
        "- name: zipkin\n"
        "  zipkin:\n"
        "    {service: z, port: 9411, enable64bitTraceId: true, traceContextOption: USE_B3}\n"
        "- name: log\n"
        "  envoyFileAccessLog: {path: /dev/stdout, logFormat: {labels: {a: [1, {b: c}]}}}\n"
    )

    assert said == []
    assert found[2].envoy_file_access_log is not None
    assert found[2].envoy_file_access_log.log_format is not None
    assert found[2].envoy_file_access_log.log_format.labels == {"a": [1, {"b": "c"}]}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("pathPrefix: check", [("CP0206", 6, 17)], id="a prefix without slash"),
        pytest.param("pathPrefix: /a%z", [("CP0206", 6, 17)], id="a prefix of no URL"),
        pytest.param("statusOnError: 'no'", [("CP0206", 6, 20)], id="a status in words"),
        pytest.param("statusOnError: '299'", [("CP0213", 6, 20)], id="a status Envoy has not"),
        pytest.param("statusOnError: '0'", [("CP0213", 6, 20)], id="a status of no response"),
        pytest.param("statusOnError: 503", [("CP0202", 6, 20)], id="a number for a status"),
        pytest.param("failOpen: 'yes'", [("CP0202", 6, 15)], id="a text for a switch"),
        pytest.param("timeout: 5", [("CP0202", 6, 14)], id="a timeout without unit"),
        pytest.param(
            "includeRequestBodyInCheck: {allowPartialMessage: true}",
            [("CP0205", 6, 5)],
            id="a body of no bytes",
        ),
        pytest.param(
            "includeRequestHeadersInCheck: [a, '*']", [("CP0206", 6, 39)], id="every header"
        ),
        pytest.param("includeHeadersInCheck: ['*']", [("CP0206", 6, 29)], id="every older header"),
        pytest.param("headersToUpstreamOnAllow: ['*']", [("CP0206", 6, 32)], id="all to upstream"),
        pytest.param("headersToDownstreamOnDeny: ['*']", [("CP0206", 6, 33)], id="all refused"),
        pytest.param("headersToDownstreamOnAllow: ['*']", [("CP0206", 6, 34)], id="all allowed"),
        pytest.param(
            "includeAdditionalHeadersInCheck: {'a b': c}", [("CP0206", 6, 39)], id="no header name"
        ),
        pytest.param(
            'includeAdditionalHeadersInCheck: {a: "b\\nc"}', [("CP0206", 6, 42)], id="two lines"
        ),
    ],
)
def test_a_provider_with_a_fault_keeps_its_name_alone(
    setting: str, expected: list[tuple[str, int, int]]
) -> None:
    found, said = read(of_http(setting))

    assert (found, said) == ((ExtensionProvider(name="authz"),), expected)


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        pytest.param("name: a", [("CP0204", 1, 22)], id="no type"),
        pytest.param("name: a, prometheus: null", [("CP0204", 1, 22)], id="a type that is null"),
        pytest.param("prometheus: {}", [("CP0204", 1, 22)], id="no name"),
        pytest.param(
            "name: a, zipkin: {service: z, port: 1, headers: [{name: '', value: b}]}",
            [("CP0204", 1, 79)],
            id="a header of requests to Zipkin without name",
        ),
        pytest.param(
            'name: a, opentelemetry: {service: z, port: 1, http: {headers: [{name: b, value: "\\n"}'
            "]}}",
            [("CP0206", 1, 103)],
            id="a header of two lines",
        ),
        pytest.param(
            "name: a, opentelemetry: {service: z, port: 1, grpc: {initialMetadata: [{name: b c}]}}",
            [("CP0206", 1, 101)],
            id="metadata of no name of a header",
        ),
        pytest.param(
            "name: a, zipkin: {service: z, port: 1}, prometheus: {}",
            [("CP0207", 1, 63)],
            id="two types",
        ),
        pytest.param(
            "name: a_b, envoyExtAuthzGrpc: {service: z, port: 1}",
            [("CP0206", 1, 29)],
            id="a name that is no label",
        ),
        pytest.param(
            "name: Authz, envoyExtAuthzGrpc: {service: z, port: 1}",
            [("CP0206", 1, 29)],
            id="a name with capitals",
        ),
        pytest.param("name: Spans_1, zipkin: {service: z, port: 1}", [], id="as telemetry may"),
        pytest.param(
            "name: a, envoyExtAuthzGrpc: {service: z, port: 0}",
            [("CP0205", 1, 70)],
            id="port 0",
        ),
        pytest.param(
            "name: a, envoyExtAuthzGrpc: {service: z, port: 70000}",
            [("CP0205", 1, 70)],
            id="a port out of range",
        ),
        pytest.param("name: a, envoyExtAuthzGrpc: {port: 1}", [("CP0204", 1, 32)], id="no service"),
        pytest.param(
            "name: a, envoyExtAuthzGrpc: {service: 'http://z', port: 1}",
            [("CP0206", 1, 61)],
            id="a URL",
        ),
        pytest.param(
            "name: a, envoyExtAuthzGrpc: {service: a/b/c, port: 1}",
            [("CP0206", 1, 61)],
            id="two slashes",
        ),
        pytest.param(
            "name: a, envoyExtAuthzGrpc: {service: 10.0.0.1, port: 1}", [], id="an address"
        ),
    ],
)
def test_what_makes_a_provider_unusable_is_reported(
    provider: str, expected: list[tuple[str, int, int]]
) -> None:
    _, said = read(f"extensionProviders: [{{{provider}}}]\n")

    assert said == expected


def test_an_unknown_setting_is_passed_over_as_in_istio() -> None:
    found, said = read(of_http("failOpn: true"))

    assert found[0].envoy_ext_authz_http == HttpAuthorization(
        service="authz.example.com", port=8000
    )
    assert said == [("CP0220", 6, 5)]


def test_a_faulty_provider_costs_no_other_and_no_other_setting() -> None:
    report = Report()

    mesh = decode_mesh_config(
        "rootNamespace: infra\n"
        "extensionProviders: [7, {name: a}, {name: b, envoyExtAuthzGrpc: {service: c, port: 1}}]\n",
        FILE,
        report,
    )

    grpc = GrpcAuthorization(service="c", port=1)
    assert mesh.root_namespace == "infra"
    assert mesh.extension_providers == (
        ExtensionProvider(),
        ExtensionProvider(name="a"),
        ExtensionProvider(name="b", envoy_ext_authz_grpc=grpc),
    )


def test_of_two_providers_with_one_name_the_later_is_used_and_the_earlier_reported() -> None:
    _, said = read(
        "extensionProviders:\n"
        "- {name: a, envoyExtAuthzGrpc: {service: b, port: 1}}\n"
        "- {name: a, envoyExtAuthzGrpc: {service: c, port: 1}}\n"
    )

    assert said == [("CP0217", 2, 10)]


def test_providers_are_a_list() -> None:
    assert read("extensionProviders: {name: a}\n") == ((), [("CP0202", 1, 1)])


def test_the_route_is_kept_whatever_clear_route_cache_says() -> None:
    found, said = read(of_http("clearRouteCache: true"))

    assert found[0].envoy_ext_authz_http is not None
    assert said == [("CP0210", 6, 22)]


def test_the_status_codes_are_envoys() -> None:
    from envoy.type.v3.http_status_pb2 import StatusCode

    assert set(StatusCode.values()) - {0} == STATUS_CODES
