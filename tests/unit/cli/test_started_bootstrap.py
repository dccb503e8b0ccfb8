"""Each setting of ProxyConfig that a proxy is started with, as a bootstrap has it."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controlplane.cli.main import main
from tests.support.envoy import envoy_binary

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: shop}
spec:
  template:
    metadata:
      labels: {app: edge}
      annotations:
        proxy.istio.io/config: |
"""
GIVEN = ("gateway", "edge", "--namespace", "shop", "--label", "app=edge", "--insecure-xds")
ALL = """
concurrency: 3
drainDuration: 9s
terminationDrainDuration: 7s
fileFlushInterval: 1.5s
fileFlushMinSizeKb: 16
proxyAdminPort: 15099
statusPort: 15020
serviceCluster: front
meshId: mesh1
interceptionMode: NONE
runtimeValues:
  re2.max_program_size.error_level: "100"
  envoy.reloadable_features.http_reject_path_with_fragment: "false"
proxyStatsMatcher: {inclusionPrefixes: ["http.{pod_ip}_"], inclusionRegexps: [".*retry.*"]}
extraStatTags: [request_host]
statsCompression: true
statsdUdpAddress: 127.0.0.1:9125
envoyMetricsService:
  address: metrics.example:15000
  tlsSettings: {mode: SIMPLE, caCertificates: CA}
  tcpKeepalive: {probes: 3, time: 10s, interval: 2.5s}
envoyAccessLogService: {address: "127.0.0.1:15001"}
connectionSettings: {globalDownstreamConnectionLimit: 77}
proxyMetadata: {ISTIO_META_ZONE: a, ISTIO_META_IDLE_TIMEOUT: 3s, REGION: eu, LD_PRELOAD: x.so}
"""
TRACED = """
tracing:
  zipkin: {address: "zipkin.example:9411"}
  tlsSettings: {mode: SIMPLE, caCertificates: CA}
"""


def printed(folder: Path, config: str, *more: str) -> Result:
    mesh = folder / "mesh"
    mesh.mkdir(exist_ok=True)
    indented = "".join(f"          {line}\n" for line in config.strip().splitlines())
    (mesh / "mesh.yaml").write_text(DEPLOYMENT + indented)
    result = CliRunner().invoke(main, ["bootstrap", *GIVEN, *more, "--config", str(mesh)])
    assert result.exit_code == 0, result.stderr
    return result


def within(document: Any, path: str) -> Any:
    """What is at a path such as ``a.b[0]``; items of lists are found by their name too."""
    for step in path.split("/"):
        if isinstance(document, list):
            named = [item for item in document if isinstance(item, Mapping)]
            document = (
                document[int(step)]
                if step.isdecimal()
                else next(
                    item for item in named if step in (item.get("name"), item.get("tag_name"))
                )
            )
        else:
            document = document[step]
    return document


CLUSTERS = "static_resources/clusters"
LISTENERS = "static_resources/listeners"
METADATA = "node/metadata"
SERVICE = f"{CLUSTERS}/envoy_metrics_service"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("admin/address/socket_address/port_value", 15099),
        (f"{LISTENERS}/status/address/socket_address", {"address": "0.0.0.0", "port_value": 15020}),
        ("node/cluster", "front"),
        (f"{METADATA}/MESH_ID", "mesh1"),
        (f"{METADATA}/INTERCEPTION_MODE", "NONE"),
        (f"{METADATA}/ZONE", "a"),
        (f"{METADATA}/SUPERVISION/grace", 7.0),
        (
            f"{METADATA}/SUPERVISION/options",
            ["--concurrency", "3", "--drain-time-s", "9", "--file-flush-interval-msec", "1500",
             "--file-flush-min-size-kb", "16"],
        ),
        (
            f"{METADATA}/SUPERVISION/environment",
            {"ISTIO_META_IDLE_TIMEOUT": "3s", "ISTIO_META_ZONE": "a", "REGION": "eu"},
        ),
        (
            "layered_runtime/layers/limits/static_layer",
            {
                "re2.max_program_size.error_level": "100",
                "envoy.reloadable_features.http_reject_path_with_fragment": False,
            },
        ),
        (
            "stats_config/stats_tags/request_host/regex",
            r"(request_host=\.=(.*?);\.;)",
        ),
        (
            "stats_sinks/envoy.stat_sinks.statsd/typed_config/address/socket_address",
            {"address": "127.0.0.1", "port_value": 9125, "protocol": "UDP"},
        ),
        (
            "stats_sinks/envoy.stat_sinks.metrics_service/typed_config/grpc_service",
            {"envoy_grpc": {"cluster_name": "envoy_metrics_service"}},
        ),
        ("tracing/http/name", "envoy.tracers.zipkin"),
        ("tracing/http/typed_config/collector_cluster", "zipkin"),
        (f"{CLUSTERS}/zipkin/cluster_type/name", "envoy.clusters.dns"),
        (f"{CLUSTERS}/zipkin/transport_socket/typed_config/sni", "zipkin.example"),
        (f"{SERVICE}/cluster_type/name", "envoy.clusters.dns"),
        (f"{SERVICE}/transport_socket/typed_config/sni", "metrics.example"),
        (
            f"{SERVICE}/upstream_connection_options/tcp_keepalive",
            {"keepalive_probes": 3, "keepalive_time": 10, "keepalive_interval": 2},
        ),
        (f"{CLUSTERS}/envoy_accesslog_service/type", "STATIC"),
        (
            "overload_manager/resource_monitors/0/typed_config/max_active_downstream_connections",
            77,
        ),
    ],
)  # fmt: skip
def test_a_setting_is_in_the_bootstrap(tmp_path: Path, path: str, value: object) -> None:
    document = json.loads(printed(tmp_path, ALL + TRACED).stdout)

    assert within(document, path) == value


def test_statistics_are_those_that_istio_needs_and_those_that_are_asked_for(tmp_path: Path) -> None:
    document = json.loads(printed(tmp_path, ALL, "--ip", "10.0.0.7").stdout)

    patterns = document["stats_config"]["stats_matcher"]["inclusion_list"]["patterns"]
    assert {"prefix": "http.10.0.0.7_"} in patterns
    assert {"safe_regex": {"regex": ".*retry.*"}} in patterns
    assert {"prefix": "istio"} in patterns
    assert {"suffix": "downstream_cx_active"} in patterns


def test_without_sinks_statistics_are_current_when_they_are_asked_for(tmp_path: Path) -> None:
    quiet = json.loads(printed(tmp_path, "meshId: a").stdout)
    sending = json.loads(printed(tmp_path, ALL).stdout)

    assert quiet["stats_flush_on_admin"] is True
    assert "stats_flush_on_admin" not in sending
    assert "stats_sinks" not in quiet
    assert "stats_matcher" not in quiet["stats_config"]


def test_datadog_is_told_the_name_of_the_service(tmp_path: Path) -> None:
    document = json.loads(printed(tmp_path, "tracing: {datadog: {address: 10.0.0.9:8126}}").stdout)

    assert document["tracing"]["http"]["typed_config"] == {
        "@type": "type.googleapis.com/envoy.config.trace.v3.DatadogConfig",
        "collector_cluster": "datadog_agent",
        "service_name": "edge.shop",
    }
    cluster = within(document, f"{CLUSTERS}/datadog_agent")
    assert cluster["type"] == "STATIC"
    assert "typed_extension_protocol_options" not in cluster


def test_statistics_are_compressed_unless_that_is_off(tmp_path: Path) -> None:
    def filters(config: str) -> list[str]:
        metrics = within(json.loads(printed(tmp_path, config).stdout), f"{LISTENERS}/metrics")
        manager = metrics["filter_chains"][0]["filters"][0]["typed_config"]
        return [each["name"].rpartition(".")[2] for each in manager["http_filters"]]

    assert filters("meshId: a") == ["gzip", "brotli", "zstd", "lua", "router"]
    assert filters("statsCompression: false") == ["lua", "router"]


def test_variables_that_hold_at_once_are_not_in_the_node_which_would_win(tmp_path: Path) -> None:
    document = json.loads(printed(tmp_path, ALL).stdout)

    assert "IDLE_TIMEOUT" not in document["node"]["metadata"]


def test_options_of_the_command_win_over_the_proxy_config(tmp_path: Path) -> None:
    given = ("--admin", "127.0.0.1:1", "--metadata", "MESH_ID=own", "--ready", "127.0.0.1:2")

    document = json.loads(printed(tmp_path, ALL, *given).stdout)

    assert document["admin"]["address"]["socket_address"]["port_value"] == 1
    assert document["node"]["metadata"]["MESH_ID"] == "own"
    status = within(document, f"{LISTENERS}/status")
    assert status["address"]["socket_address"]["address"] == "127.0.0.1"


def test_what_a_bootstrap_cannot_hold_is_noted(tmp_path: Path) -> None:
    assert printed(tmp_path, "{concurrency: 3, proxyMetadata: {REGION: eu}}").stderr.endswith(
        "note: its ProxyConfig asks for REGION=eu envoy --concurrency 3\n"
    )
    assert "note" not in printed(tmp_path, "meshId: a").stderr


@pytest.mark.parametrize(
    ("said", "cluster"),
    [
        ("", "edge.shop"),
        ("serviceCluster: istio-proxy", "edge.shop"),
        ("tracingServiceName: APP_LABEL_AND_NAMESPACE", "edge.shop"),
        ("tracingServiceName: CANONICAL_NAME_ONLY", "front"),
        ("tracingServiceName: CANONICAL_NAME_AND_NAMESPACE", "front.shop"),
    ],
)
def test_a_proxy_calls_itself_as_its_config_says(tmp_path: Path, said: str, cluster: str) -> None:
    label = ("--label", "service.istio.io/canonical-name=front")

    document = json.loads(printed(tmp_path, said or "{}", *label).stdout)

    assert document["node"]["cluster"] == cluster


def test_mesh_config_says_it_below_the_annotation(tmp_path: Path) -> None:
    mesh = tmp_path / "mesh-config.yaml"
    mesh.write_text("defaultConfig: {meshId: below, concurrency: 5}")

    result = printed(tmp_path, "concurrency: 2", "--mesh-config", str(mesh))

    assert json.loads(result.stdout)["node"]["metadata"]["MESH_ID"] == "below"
    assert result.stderr.endswith("envoy --concurrency 2\n")


@pytest.mark.envoy
def test_envoy_takes_all_of_it_without_a_warning(tmp_path: Path) -> None:
    ca = Path("/etc/ssl/certs/ca-certificates.crt")
    file = tmp_path / "bootstrap.json"
    file.write_text(printed(tmp_path, ALL.replace("CA}", f"{ca}}}")).stdout)

    command = [envoy_binary(), "--mode", "validate", "-l", "warning", "-c", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.envoy
def test_envoy_takes_a_tracer_which_it_calls_deprecated(tmp_path: Path) -> None:
    ca = Path("/etc/ssl/certs/ca-certificates.crt")
    file = tmp_path / "bootstrap.json"
    file.write_text(printed(tmp_path, TRACED.replace("CA}", f"{ca}}}")).stdout)

    command = [envoy_binary(), "--mode", "validate", "-l", "warning", "-c", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0
    assert result.stderr.count("\n") == 1
    assert "Bootstrap.tracing" in result.stderr
