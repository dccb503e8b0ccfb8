"""MeshConfig, from a file of its own or from Istio's ConfigMap."""

from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.base.diagnostics import Report
from controlplane.base.locations import SourceLocation
from controlplane.kinds.istio.mesh_config import MeshConfig, Normalization
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.kinds.spec import Duration

FILE = Path("mesh-config.yaml")


def read(text: str) -> tuple[MeshConfig, list[tuple[str, int, int]]]:
    report = Report()
    mesh = decode_mesh_config(text, FILE, report)
    locations = []
    for diagnostic in report:
        assert isinstance(diagnostic.place, SourceLocation), "a file's faults have lines"
        locations.append((str(diagnostic.code), diagnostic.place.line, diagnostic.place.column))
    return mesh, locations


@pytest.mark.parametrize("text", ["", "{}", "# nothing\n", "defaultConfig: {}"])
def test_nothing_said_is_istios_defaults(text: str) -> None:
    assert read(text) == (MeshConfig(), [])


def test_settings_are_read() -> None:
    mesh, said = read(
        "connectTimeout: 3s\n"
        "pathNormalization: {normalization: MERGE_SLASHES}\n"
        "ingressClass: istio\n"
        "defaultConfig: {discoveryAddress: 'istiod:15012', concurrency: 2}\n"
    )

    assert said == []
    assert mesh.connect_timeout == Duration(timedelta(seconds=3))
    assert mesh.path_normalization.normalization is Normalization.MERGE_SLASHES


def test_what_starts_a_proxy_and_is_not_honoured_is_reported() -> None:
    _, said = read(
        "defaultConfig:\n"
        "  customConfigFile: own.yaml\n"
        "  proxyMetadata:\n"
        "    ISTIO_META_HTTP10: '1'\n"
        "    ISTIO_META_DNS_CAPTURE: 'true'\n"
    )

    assert said == [("CP0210", 5, 5), ("CP0203", 2, 3)]


def test_it_may_stand_in_istios_config_map() -> None:
    mesh, said = read(
        "apiVersion: v1\n"
        "kind: ConfigMap\n"
        "data:\n"
        "  mesh: |\n"
        "    rootNamespace: infra\n"
        "    trustDomian: a\n"
    )

    assert mesh.root_namespace == "infra"
    assert said == [("CP0220", 6, 5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("conectTimeout: 1s", [("CP0220", 1, 1)], id="a misspelled setting"),
        pytest.param("defaultConfig:\n  a: 1", [("CP0220", 2, 3)], id="an unknown one of a proxy"),
        pytest.param("connectTimeout: 2h", [("CP0205", 1, 17)], id="a connect timeout over 1h"),
        pytest.param("connectTimeout: 0s", [("CP0205", 1, 17)], id="a connect timeout of 0"),
        pytest.param("discoverySelectors: []", [("CP0203", 1, 1)], id="namespaces left out"),
        pytest.param("outboundClusterStatName: a", [], id="one that changes no traffic"),
        pytest.param("proxyHttpPort: 1", [("CP0203", 1, 1)], id="one that is for sidecars"),
        pytest.param(
            "proxyListenPort: 70000",
            [("CP0203", 1, 1), ("CP0205", 1, 18)],
            id="a port out of range",
        ),
        pytest.param("proxyHttpPort: 0", [], id="one for sidecars that is as by default"),
        pytest.param(
            "defaultConfig: {proxyHeaders: {metadataExchangeHeaders: {mode: IN_MESH}}}",
            [("CP0203", 1, 32)],
            id="a setting within another",
        ),
        pytest.param(
            "defaultConfig: {tracing: {sampling: 1, zipkin: {}, zipkni: {}}}",
            [("CP0220", 1, 52), ("CP0204", 1, 40)],
            id="where spans go",
        ),
        pytest.param(
            "defaultConfig: {zipkinAddress: a, tracingServiceName: CANONICAL_NAME_ONLY}",
            [("CP0203", 1, 17)],
            id="spans by an older name",
        ),
        pytest.param("trustDomain: a_b", [("CP0206", 1, 14)], id="no trust domain"),
        pytest.param("trustDomainAliases: [a, b c]", [("CP0206", 1, 25)], id="no alias"),
        pytest.param("accessLogEncoding: XML", [("CP0213", 1, 20)], id="an unknown value"),
        pytest.param("enableTracing: 'yes'", [("CP0202", 1, 16)], id="a text for a switch"),
        pytest.param(
            "localityLbSetting: {distribute: [{from: a, to: {b: 1}}]}",
            [("CP0221", 1, 44)],
            id="shares that do not add up",
        ),
        pytest.param("- a", [("CP0202", 1, 1)], id="a list"),
        pytest.param("a: [", [("CP0101", 1, 4)], id="no YAML"),
        pytest.param("data: {}", [("CP0202", 1, 1)], id="a ConfigMap without mesh"),
    ],
)
def test_a_fault_is_reported_at_its_line(text: str, expected: list[tuple[str, int, int]]) -> None:
    _, said = read(text)

    assert said == expected


def test_a_setting_with_a_fault_keeps_its_default() -> None:
    mesh, _ = read("enableTracing: 'yes'\nrootNamespace: infra\n")

    assert mesh == MeshConfig(root_namespace="infra")
