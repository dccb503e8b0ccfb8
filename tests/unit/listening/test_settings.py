"""MeshConfig and node metadata become what every listener of a gateway does."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from controlplane.base.diagnostics import Report
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.spec import Duration
from controlplane.model.access_log import NO_LOGS
from controlplane.model.http_settings import (
    CertificateDetails,
    EscapedSlashes,
    ForwardedCertificate,
    HttpSettings,
    ListenerContext,
    Paths,
    UnderscoreHeaders,
)
from controlplane.translate.istio.access_log_format import fault_of_json, fault_of_line
from controlplane.translate.istio.listener_settings import listener_settings
from tests.support.declared import INGRESS, Declared


def mesh(**said: object) -> MeshConfig:
    def seconds(kind: type, value: object) -> object:
        assert kind is Duration
        return Duration(timedelta(seconds=float(str(value).removesuffix("s"))))

    return msgspec.convert(said, MeshConfig, dec_hook=seconds)


def http(config: MeshConfig, metadata: tuple[tuple[str, str], ...] = ()) -> HttpSettings:
    return listener_settings(Report(), config, metadata, ListenerContext.GATEWAY).http


def test_defaults_are_those_of_istio() -> None:
    assert http(mesh()) == HttpSettings(uses_remote_address=True)
    assert listener_settings(Report(), mesh(), (), ListenerContext.GATEWAY).access_logs == NO_LOGS


@pytest.mark.parametrize(
    ("normalization", "paths"),
    [
        ("DEFAULT", Paths()),
        ("BASE", Paths()),
        ("NONE", Paths(normalized=False)),
        ("MERGE_SLASHES", Paths(merges_slashes=True)),
        (
            "DECODE_AND_MERGE_SLASHES",
            Paths(merges_slashes=True, escaped_slashes=EscapedSlashes.UNESCAPE_AND_FORWARD),
        ),
    ],
)
def test_paths_are_normalized_as_the_mesh_says(normalization: str, paths: Paths) -> None:
    assert http(mesh(pathNormalization={"normalization": normalization})).paths == paths


def test_the_edge_profile_is_careful_and_gives_way_to_what_is_said_beside_it() -> None:
    settings = {"profile": "EDGE", "httpMergeSlashes": False, "httpRequestTimeout": "7s"}
    config = mesh(defaultConfig={"connectionSettings": settings})

    found = http(config)

    assert found.paths == Paths(escaped_slashes=EscapedSlashes.UNESCAPE_AND_REDIRECT)
    assert found.underscore_headers is UnderscoreHeaders.REJECT_REQUEST
    assert found.timeouts.request == timedelta(seconds=7)
    assert found.timeouts.stream_idle == timedelta(minutes=5)
    assert found.http2.concurrent_streams == 100
    assert listener_settings(Report(), config, (), ListenerContext.GATEWAY).buffer_limit == 32768


def test_numbers_that_envoy_would_refuse_are_left_to_envoy() -> None:
    settings = {
        "httpMaxConcurrentStreams": 0,
        "http2InitialStreamWindowSize": 1,
        "listenerPerConnectionBufferLimitBytes": -1,
    }
    config = mesh(
        defaultConfig={
            "connectionSettings": settings,
            "gatewayTopology": {"numTrustedProxies": -1},
        }
    )

    found = listener_settings(Report(), config, (), ListenerContext.GATEWAY)

    assert (found.http.http2.concurrent_streams, found.http.http2.stream_window) == (None, None)
    assert (found.buffer_limit, found.http.trusted_hops) == (None, 0)


def test_metadata_of_the_node_sets_idle_timeout_and_http_1_0() -> None:
    found = listener_settings(
        Report(), mesh(), (("HTTP10", "1"), ("IDLE_TIMEOUT", "30s")), ListenerContext.GATEWAY
    )

    assert found.http.accepts_http_10
    assert found.http.timeouts.idle == timedelta(seconds=30)
    assert found.tcp_idle_timeout == timedelta(seconds=30)


def test_what_upstreams_learn_of_certificates_is_up_to_the_topology_alone() -> None:
    headers = {
        "forwardedClientCert": "FORWARD_ONLY",
        "setCurrentClientCertDetails": {"cert": False, "chain": True},
    }
    sanitized = {"forwardClientCertDetails": "SANITIZE"}

    silent = http(mesh(defaultConfig={"proxyHeaders": headers}))
    said = http(mesh(defaultConfig={"proxyHeaders": headers, "gatewayTopology": sanitized}))

    assert silent.forwarded_certificate is ForwardedCertificate.SANITIZE_SET
    assert silent.certificate_details == CertificateDetails()
    assert said.forwarded_certificate is ForwardedCertificate.SANITIZE


@pytest.mark.parametrize(
    ("said", "appended"), [({"enabled": True}, True), ({"enabled": False}, False), ({}, False)]
)
def test_the_port_that_clients_came_to_is_reported_where_the_mesh_enables_it(
    said: dict[str, bool], appended: bool
) -> None:
    config = mesh(defaultConfig={"proxyHeaders": {"xForwardedPort": said}})

    assert http(config).appends_forwarded_port is appended


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("%REQ(:METHOD)% %PROTOCOL% 100%%", True),
        ("%START_TIME% %START_TIME(%Y-%m)%", True),
        ("%REQ(X?Y):10%", True),
        ("100% sure", False),
        ("%REQ%", False),
        ("%req(x)%", False),
        ("%NOPE%", False),
        ("%PROTOCOL(x)%", False),
        ("%DURATION:5%", False),
    ],
)
def test_a_format_that_envoy_would_refuse_is_found(text: str, fine: bool) -> None:
    assert (fault_of_line(text) is None) is fine


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ('{"a": "%PROTOCOL%", "b": 1, "c": {"d": ["%DURATION%"]}}', True),
        ('{"a": "%NOPE%"}', False),
        ('["%PROTOCOL%"]', False),
        ("%PROTOCOL%", False),
        ('{"a": null, "b": true, "c": []}', True),
        ('{"a": NaN}', False),
        ('{"a": 1e999}', False),
        ('{"a": "\\ud800"}', False),
        ('{"\\ud800": "a"}', False),
        ('{"a": ' + "[" * 30 + "]" * 30 + "}", True),
        ('{"a": ' + "[" * 31 + "]" * 31 + "}", False),
        ('{"a": ' + "[" * 9999 + "]" * 9999 + "}", False),
    ],
)
def test_a_json_format_is_an_object_of_such_formats(text: str, fine: bool) -> None:
    assert (fault_of_json(text) is None) is fine


GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: apps}
spec:
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
"""


def logs(config: MeshConfig) -> tuple[dict[str, Any], set[str]]:
    declared = Declared(GATEWAY, mesh=config)
    (listener,) = declared.listeners().values()
    (log,) = listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"]
    assert listener["access_log"][0]["filter"] == {"response_flag_filter": {"flags": ["NR"]}}
    return log["typed_config"], {note.code.id for note in declared.diagnostics()}


def test_a_log_has_the_format_that_is_given_or_that_of_istio() -> None:
    given, _ = logs(mesh(accessLogFile="/dev/stdout", accessLogFormat="%PROTOCOL%"))
    default, _ = logs(mesh(accessLogFile="/dev/stdout"))
    refused, reported = logs(mesh(accessLogFile="/dev/stdout", accessLogFormat="%NOPE%"))
    fields, _ = logs(mesh(accessLogFile="/dev/stdout", accessLogEncoding="JSON"))

    assert given["log_format"] == {"text_format_source": {"inline_string": "%PROTOCOL%\n"}}
    assert default["log_format"]["text_format_source"]["inline_string"].endswith("%ROUTE_NAME%\n")
    assert refused == default
    assert reported == {"CP0316"}
    assert fields["log_format"]["json_format"]["authority"] == "%REQ(:AUTHORITY)%"


def manager(
    config: MeshConfig, metadata: tuple[tuple[str, str], ...] = (), text: str = GATEWAY
) -> dict[str, Any]:
    """The HTTP connection manager of the only listener, as Envoy's JSON."""
    (listener,) = (
        Declared(text, mesh=config).listeners(replace(INGRESS, metadata=metadata)).values()
    )
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            {"server": {"value": "shop"}},
            {"server_name": "shop", "server_header_transformation": None},
            id="the server's name may be another",
        ),
        pytest.param(
            {"server": {"disabled": True}},
            {"server_name": None, "server_header_transformation": "PASS_THROUGH"},
            id="the upstream's server header may stay",
        ),
        pytest.param({"requestId": {}}, {"generate_request_id": None}, id="requests get an id"),
        pytest.param(
            {"requestId": {"disabled": True}},
            {"generate_request_id": False},
            id="requests may get no id",
        ),
    ],
)
def test_the_mesh_says_which_headers_the_proxy_writes(
    headers: dict[str, object], expected: dict[str, object]
) -> None:
    found = manager(mesh(defaultConfig={"proxyHeaders": headers}))

    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize("disabled", [True, False])
def test_envoys_own_headers_can_be_kept_from_clients(disabled: bool) -> None:
    headers = {"envoyDebugHeaders": {"disabled": disabled}}

    router = manager(mesh(defaultConfig={"proxyHeaders": headers}))["http_filters"][-1]

    assert router["typed_config"].get("suppress_envoy_headers", False) is disabled


def test_the_case_of_http_1_headers_is_kept_where_the_mesh_says_so() -> None:
    found = manager(mesh(defaultConfig={"proxyHeaders": {"preserveHttp1HeaderCase": True}}))

    formatter = found["http_protocol_options"]["header_key_format"]["stateful_formatter"]
    assert formatter["typed_config"]["@type"].endswith(
        "preserve_case.v3.PreserveCaseFormatterConfig"
    )


@pytest.mark.parametrize(
    ("said", "shares"),
    [
        ({}, (100, 1, 100)),
        ({"defaultConfig": {"tracing": {"sampling": 12.5}}}, (100, 12.5, 100)),
        ({"enableTracing": False}, None),
    ],
    ids=["one in a hundred", "as many as the mesh says", "none"],
)
def test_requests_are_sampled(
    said: dict[str, object], shares: tuple[float, float, float] | None
) -> None:
    tracing = manager(mesh(**said)).get("tracing")

    kinds = ("client_sampling", "random_sampling", "overall_sampling")
    assert (tracing and tuple(tracing[kind]["value"] for kind in kinds)) == shares


@pytest.mark.parametrize(
    ("setting", "value", "path", "expected"),
    [
        ("httpIdleTimeout", "2s", "common_http_protocol_options.idle_timeout", "2s"),
        (
            "httpMaxConnectionDuration",
            "2s",
            "common_http_protocol_options.max_connection_duration",
            "2s",
        ),
        ("httpMaxStreamDuration", "2s", "common_http_protocol_options.max_stream_duration", "2s"),
        (
            "httpHeadersWithUnderscoresAction",
            "DROP_HEADER",
            "common_http_protocol_options.headers_with_underscores_action",
            "DROP_HEADER",
        ),
        ("httpStreamIdleTimeout", "2s", "stream_idle_timeout", "2s"),
        ("httpRequestTimeout", "2s", "request_timeout", "2s"),
        ("httpRequestHeadersTimeout", "2s", "request_headers_timeout", "2s"),
        ("httpDrainTimeout", "2s", "drain_timeout", "2s"),
        ("httpMaxConcurrentStreams", 7, "http2_protocol_options.max_concurrent_streams", 7),
        (
            "http2InitialStreamWindowSize",
            70000,
            "http2_protocol_options.initial_stream_window_size",
            70000,
        ),
        (
            "http2InitialConnectionWindowSize",
            80000,
            "http2_protocol_options.initial_connection_window_size",
            80000,
        ),
        ("httpMergeSlashes", True, "merge_slashes", True),
        (
            "httpPathWithEscapedSlashesAction",
            "REJECT_REQUEST",
            "path_with_escaped_slashes_action",
            "REJECT_REQUEST",
        ),
    ],
)
def test_each_connection_setting_has_its_place_in_envoy(
    setting: str, value: object, path: str, expected: object
) -> None:
    found: Any = manager(mesh(defaultConfig={"connectionSettings": {setting: value}}))

    for step in path.split("."):
        found = found[step]
    assert found == expected


def test_the_proxys_own_word_on_idle_and_http_1_0_reaches_envoy() -> None:
    found = manager(mesh(), (("HTTP10", "1"), ("IDLE_TIMEOUT", "30s")))

    assert found["http_protocol_options"]["accept_http_10"] is True
    assert found["common_http_protocol_options"]["idle_timeout"] == "30s"


def test_trusted_proxies_are_hops_that_envoy_believes() -> None:
    found = manager(mesh(defaultConfig={"gatewayTopology": {"numTrustedProxies": 2}}))

    assert found["xff_num_trusted_hops"] == 2


@pytest.mark.parametrize(
    ("said", "forwarded", "reported"),
    [
        ("SANITIZE", "SANITIZE", False),
        ("FORWARD_ONLY", "FORWARD_ONLY", False),
        ("APPEND_FORWARD", "APPEND_FORWARD", True),
        ("SANITIZE_SET", "SANITIZE_SET", True),
        ("ALWAYS_FORWARD_ONLY", "ALWAYS_FORWARD_ONLY", False),
    ],
)
def test_what_becomes_of_client_certificates(said: str, forwarded: str, reported: bool) -> None:
    found = manager(mesh(defaultConfig={"gatewayTopology": {"forwardClientCertDetails": said}}))

    # Envoy's JSON leaves out the first value of an enumeration.
    assert found.get("forward_client_cert_details", "SANITIZE") == forwarded
    assert ("set_current_client_cert_details" in found) is reported


HTTPS = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: apps}
spec:
  servers:
  - name: front
    port: {number: 443, name: https, protocol: HTTPS}
    hosts: [x/b.com, a.com]
    tls: {mode: SIMPLE, credentialName: c}
"""


def test_the_proxy_protocol_is_read_before_tls() -> None:
    config = mesh(defaultConfig={"gatewayTopology": {"proxyProtocol": {}}})

    (listener,) = Declared(HTTPS, mesh=config).listeners().values()

    assert [f["name"] for f in listener["listener_filters"]] == [
        "envoy.filters.listener.proxy_protocol",
        "envoy.filters.listener.tls_inspector",
    ]


def test_the_buffer_limit_is_the_listeners() -> None:
    settings = {"listenerPerConnectionBufferLimitBytes": 4096}

    (listener,) = (
        Declared(GATEWAY, mesh=mesh(defaultConfig={"connectionSettings": settings}))
        .listeners()
        .values()
    )

    assert listener["per_connection_buffer_limit_bytes"] == 4096


def test_a_tls_server_with_a_name_counts_under_it_and_takes_its_hosts_by_sni() -> None:
    (listener,) = Declared(HTTPS).listeners().values()
    (chain,) = listener["filter_chains"]

    assert chain["filter_chain_match"] == {"server_names": ["a.com", "b.com"]}
    assert chain["filters"][0]["typed_config"]["stat_prefix"] == "front"
    assert chain["filters"][0]["typed_config"]["rds"]["route_config_name"] == (
        "https.443.https.gw.apps"
    )


def test_istios_log_tells_all_of_this_in_this_order() -> None:
    default, _ = logs(mesh(accessLogFile="/dev/stdout"))

    assert default["path"] == "/dev/stdout"
    assert default["log_format"]["text_format_source"]["inline_string"] == (
        '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"'
        " %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%"
        ' %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%"'
        " %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"
        ' "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%"'
        ' "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW%'
        " %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS%"
        " %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
    )


@pytest.mark.parametrize("disabled", [False, True])
def test_connections_that_no_chain_takes_are_logged_unless_the_mesh_says_no(disabled: bool) -> None:
    config = mesh(accessLogFile="/dev/stdout", disableEnvoyListenerLog=disabled)

    (listener,) = Declared(GATEWAY, mesh=config).listeners().values()

    assert ("access_log" in listener) is not disabled
    assert "access_log" in listener["filter_chains"][0]["filters"][0]["typed_config"]
