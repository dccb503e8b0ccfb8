"""MeshConfig and node metadata become what every listener of a gateway does."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from controlplane.base.diagnostics import Report
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.spec import Duration
from controlplane.model.listening import CertificateDetails
from controlplane.model.listening import EscapedSlashes
from controlplane.model.listening import ForwardedCertificate
from controlplane.model.listening import HttpSettings
from controlplane.model.listening import Paths
from controlplane.model.listening import UnderscoreHeaders
from controlplane.translate.istio.access_log_format import fault_of_json
from controlplane.translate.istio.access_log_format import fault_of_line
from controlplane.translate.istio.listener_settings import gateway_settings
from tests.support.declared import Declared


def mesh(**said: object) -> MeshConfig:
    def seconds(kind: type, value: object) -> object:
        assert kind is Duration
        return Duration(timedelta(seconds=float(str(value).removesuffix("s"))))

    return msgspec.convert(said, MeshConfig, dec_hook=seconds)


def http(config: MeshConfig, metadata: tuple[tuple[str, str], ...] = ()) -> HttpSettings:
    return gateway_settings(Report(), config, metadata).http


def test_defaults_are_those_of_istio() -> None:
    assert http(mesh()) == HttpSettings()
    assert gateway_settings(Report(), mesh(), ()).access_log is None


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
    assert gateway_settings(Report(), config, ()).buffer_limit == 32768


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

    found = gateway_settings(Report(), config, ())

    assert (found.http.http2.concurrent_streams, found.http.http2.stream_window) == (None, None)
    assert (found.buffer_limit, found.http.trusted_hops) == (None, 0)


def test_metadata_of_the_node_sets_idle_timeout_and_http_1_0() -> None:
    found = gateway_settings(Report(), mesh(), (("HTTP10", "1"), ("IDLE_TIMEOUT", "30s")))

    assert found.http.accepts_http_10
    assert found.http.timeouts.idle == timedelta(seconds=30)
    assert found.stream_idle_timeout == timedelta(seconds=30)


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
def test_the_port_that_clients_came_to_is_told_where_the_mesh_enables_it(
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
    return log["typed_config"], {note.code.id for note in declared.graph.notes()}


def test_a_log_has_the_format_that_is_given_or_that_of_istio() -> None:
    given, _ = logs(mesh(accessLogFile="/dev/stdout", accessLogFormat="%PROTOCOL%"))
    default, _ = logs(mesh(accessLogFile="/dev/stdout"))
    refused, told = logs(mesh(accessLogFile="/dev/stdout", accessLogFormat="%NOPE%"))
    fields, _ = logs(mesh(accessLogFile="/dev/stdout", accessLogEncoding="JSON"))

    assert given["log_format"] == {"text_format_source": {"inline_string": "%PROTOCOL%\n"}}
    assert default["log_format"]["text_format_source"]["inline_string"].endswith("%ROUTE_NAME%\n")
    assert refused == default
    assert told == {"CP0316"}
    assert fields["log_format"]["json_format"]["authority"] == "%REQ(:AUTHORITY)%"
