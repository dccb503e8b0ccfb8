"""Each setting that a proxy is started with is in force, or what is wrong with it is reported."""

import re

import pytest

from controlplane.base.names import Namespace
from controlplane.kinds.declared.mesh_config import PROXY_CONFIG
from controlplane.kinds.istio.mesh_config import ProxyConfig
from controlplane.kinds.proxy_config import IGNORED, NOT_YET, proxy_config_of
from controlplane.kinds.support import unsupported_fields
from controlplane.translate.istio.proxy_start import proxy_start
from tests.support.checked import checked

OF_ISTIO = """
availabilityZone binaryPath caCertificatesPem concurrency configPath connectionSettings
controlPlaneAuthPolicy customConfigFile discoveryAddress discoveryRefreshDelay drainDuration
envoyAccessLogService envoyMetricsService envoyMetricsServiceAddress extraStatTags fileFlushInterval
fileFlushMinSizeKb gatewayTopology holdApplicationUntilProxyStarts image interceptionMode meshId
privateKeyProvider proxyAdminPort proxyBootstrapTemplatePath proxyHeaders proxyMetadata
proxyStatsMatcher readinessProbe runtimeValues sds serviceCluster statNameLength statsCompression
statsdUdpAddress statusPort terminationDrainDuration tracing tracingServiceName zipkinAddress
"""
"""The fields of the message ProxyConfig. Source: Istio's API, mesh/v1alpha1/proxy.proto"""
REPORTED = {
    "caCertificatesPem",
    "customConfigFile",
    "image",
    "privateKeyProvider",
    "proxyBootstrapTemplatePath",
    "readinessProbe",
    "zipkinAddress",
}
ENTRY = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: cart
  annotations:
    proxy.istio.io/config: '{}'
spec: {{address: 10.0.0.1}}
"""


def test_each_field_of_istio_is_in_force_or_reported_or_ignored_for_a_reason() -> None:
    unsupported = {path.partition(".")[0] for path in unsupported_fields(ProxyConfig, PROXY_CONFIG)}
    whole = {path for path in unsupported if path in unsupported_fields(ProxyConfig, PROXY_CONFIG)}
    in_force = {*ProxyConfig.__struct_encode_fields__} - whole
    reasons = {name for name, why in IGNORED.items() if why}

    assert whole | NOT_YET == REPORTED
    assert in_force | REPORTED | reasons == {*OF_ISTIO.split()} | {
        "connectTimeout",
        "parentShutdownDuration",
    }
    assert in_force & (REPORTED | reasons) == set()


@pytest.mark.parametrize("name", sorted(REPORTED))
def test_what_is_not_in_force_is_reported(name: str) -> None:
    value = {
        "caCertificatesPem": "[a]",
        "image": "{imageType: debug}",
        "privateKeyProvider": "{qat: {}}",
    }.get(name, "a")

    (found,) = checked(ENTRY.format(f"{{{name}: {value}}}"))

    assert "CP0203" in found


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("proxyAdminPort: 70000", "port 70000 is not between 1 and 65535"),
        ("statusPort: -1", "port -1 is not between 1 and 65535"),
        ("concurrency: -1", "concurrency -1 is below 0"),
        ("drainDuration: 0s", "0s is shorter than 1s"),
        ("drainDuration: 1.5s", "1.5s is not whole seconds"),
        ("terminationDrainDuration: -1s", "-1s is shorter than 0s"),
        ("fileFlushInterval: 0.5ms", "0.0005s is shorter than 1ms"),
        ("statsdUdpAddress: statsd", '"statsd" is not a host and a port'),
        (
            'statsdUdpAddress: "statsd:9125"',
            "statsd is a name, and Envoy sends statsd to IP addresses only",
        ),
        ("envoyMetricsService: {address: m}", '"m" is not a host and a port'),
        ('envoyMetricsService: {address: "m:0"}', '"m:0" is not a host and a port'),
        (
            'envoyAccessLogService: {address: "m:1", tlsSettings: {mode: ISTIO_MUTUAL}}',
            "ISTIO_MUTUAL is not supported here yet, so nothing is sent to m:1",
        ),
        (
            'envoyAccessLogService: {address: "m:1", tlsSettings: {mode: MUTUAL}}',
            "MUTUAL needs a clientCertificate and its privateKey",
        ),
        ('proxyStatsMatcher: {inclusionRegexps: ["("]}', "missing )"),
        ('proxyStatsMatcher: {inclusionPrefixes: [""]}', "the pattern is empty"),
    ],
)
def test_a_value_that_no_proxy_can_be_started_with_is_reported_and_left_out(
    said: str, message: str
) -> None:
    (found,) = checked(ENTRY.format(f"{{{said}}}"))
    kept = proxy_config_of(f"{{{said}}}")

    assert message in found
    assert re.search(r"CP0(225|203)", found)
    if "proxyStatsMatcher" not in said:
        assert kept == ProxyConfig()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("concurrency: 2147483647", "a proxy takes at most 1024, not 2147483647"),
        ("fileFlushInterval: 876000h", "a proxy takes at most 1193h, not 876000h"),
    ],
)
def test_a_value_that_envoy_cannot_start_with_is_replaced_by_the_largest(
    said: str, message: str
) -> None:
    (found,) = checked(ENTRY.format(f"{{{said}}}"))

    assert "CP0217" in found
    assert message in found


@pytest.mark.parametrize("limit", ["99999999999999999999", "many", "-1"])
@pytest.mark.parametrize(
    "at",
    [
        "runtimeValues: {overload.global_downstream_max_connections",
        "proxyMetadata: {ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS",
    ],
)
def test_a_limit_of_connections_that_envoy_cannot_read_is_reported(at: str, limit: str) -> None:
    said = f'{at}: "{limit}"}}'
    (found,) = checked(ENTRY.format(f"{{{said}}}"))
    start = proxy_start(
        proxy_config_of(f"{{{said}}}"), name="cart", namespace=Namespace("shop"), labels=()
    )

    assert f'"{limit}" is no number of connections' in found
    assert start.max_connections is None
