"""Istio's ConfigMap among the objects is reported, unless it is what --mesh-config names."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from controlplane.cli.check_files import findings_in
from controlplane.cli.main import main

MESH = """\
    accessLogFile: /dev/stdout
    connectTimeout: 3s
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{name: http, port: 80}]}
"""


def config_map(name: str, mesh: str = MESH, networks: str = "{}") -> str:
    return f"""\
apiVersion: v1
data:
  mesh: |-
{mesh}  meshNetworks: 'networks: {networks}'
kind: ConfigMap
metadata:
  name: {name}
  namespace: istio-system
  resourceVersion: "7"
"""


Found = list[tuple[str, str | None, str | None]]


def found_in(folder: Path, mesh_config: Path | None = None) -> Found:
    found = findings_in([folder], mesh_config).diagnostics
    return [(one.code.id, one.line, one.hint) for one in found]


@pytest.mark.parametrize("name", ["istio", "istio-canary"])
def test_the_hint_is_an_option_that_reads_it(tmp_path: Path, name: str) -> None:
    file = tmp_path / "istio.yaml"
    file.write_text(config_map(name))

    assert found_in(tmp_path) == [("CP0117", "  mesh: |-", f"pass --mesh-config {file}")]
    assert found_in(tmp_path, file) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{config_map('istio')}---\n{SERVICE}", id="beside another object"),
        pytest.param(
            "kind: List\napiVersion: v1\nitems:\n- "
            + config_map("istio").replace("\n", "\n  ").rstrip(),
            id="in a list",
        ),
    ],
)
def test_what_is_not_alone_in_its_file_is_to_be_moved(tmp_path: Path, text: str) -> None:
    (tmp_path / "all.yaml").write_text(text)

    ((code, _, hint),) = found_in(tmp_path)

    assert code == "CP0117"
    assert hint == "write ConfigMap istio into a file of its own, and pass --mesh-config FILE"


def test_standard_input_is_to_be_written_to_a_file() -> None:
    result = CliRunner().invoke(main, ["check", "-"], input=config_map("istio"))

    assert "hint: write ConfigMap istio into a file of its own" in result.stdout


@pytest.mark.parametrize(
    ("passed", "is_reported"),
    [
        pytest.param(config_map("istio").replace('"7"', '"8"'), False, id="an older copy"),
        pytest.param("accessLogFile: /dev/stdout\nconnectTimeout: 3s\n", False, id="its text"),
        pytest.param("connectTimeout: 4s\n", True, id="something else"),
    ],
)
def test_where_another_file_is_passed_its_text_counts(
    tmp_path: Path, passed: str, is_reported: bool
) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "istio.yaml").write_text(config_map("istio"))
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(passed)

    assert [code for code, *_ in found_in(tmp_path / "objects", mesh)] == ["CP0117"] * is_reported


@pytest.mark.parametrize("name", ["istio-ca-root-cert", "istios", "mesh"])
def test_other_config_maps_are_nothing_to_report(tmp_path: Path, name: str) -> None:
    text = config_map(name)
    if name == "istio-ca-root-cert":
        text = text.replace("mesh:", "root-cert.pem:").replace("meshNetworks", "other")
    (tmp_path / "map.yaml").write_text(text)

    assert found_in(tmp_path) == []


def test_networks_that_are_passed_have_no_effect(tmp_path: Path) -> None:
    file = tmp_path / "istio.yaml"
    file.write_text(config_map("istio", networks="{far: {}}"))

    assert found_in(tmp_path, file) == [("CP0210", "  meshNetworks: 'networks: {far: {}}'", None)]
