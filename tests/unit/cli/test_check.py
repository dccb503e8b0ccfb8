"""``controlplane check``: what it prints and what it exits with."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controlplane.cli.main import main

GOOD = """\
apiVersion: v1
kind: Service
metadata:
  name: reviews
spec:
  ports:
  - name: http
    port: 80
    targetPort: 80
"""
TYPO = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: reviews
spec:
  host: reviews
  subset: []
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mesh").mkdir()
    return tmp_path / "mesh"


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


def test_a_mesh_without_faults_exits_with_0(here: Path) -> None:
    (here / "a.yaml").write_text(GOOD)

    result = check("mesh")

    assert (result.output, result.exit_code) == ("0 errors, 0 warnings in 1 object\n", 0)


def test_faults_are_shown_and_counted_and_exit_with_1(here: Path) -> None:
    (here / "a.yaml").write_text(f"{GOOD}---\n{TYPO}---\na: 'b\n")

    result = check("mesh")

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        'mesh/a.yaml:17:3: error CP0201: spec has no field "subset"',
        "   17 |   subset: []",
        "      |   ^^^^^^",
        '   hint: rename it to "subsets"',
        "mesh/a.yaml:19:4: error CP0101: the quote that opens here is not closed",
        "   19 | a: 'b",
        "      |    ^",
        "2 errors, 0 warnings in 2 objects (1 refused)",
    ]


def test_what_is_not_for_a_mesh_is_one_line_and_no_error(here: Path) -> None:
    (here / "a.yaml").write_text("apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n")
    (here / "Chart.yaml").write_text("apiVersion: v2\nname: shop\n")

    result = check("mesh")

    assert result.exit_code == 0
    assert result.output == (
        "1 object is of a kind that no mesh reads: Job 1; "
        "1 file holds no objects: Chart.yaml\n"
        "0 errors, 0 warnings in 1 object\n"
    )


def test_warnings_alone_exit_with_0(here: Path) -> None:
    (here / "a.yaml").write_text(
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a}\n"
    )

    result = check("mesh")

    assert result.output.endswith("0 errors, 1 warning in 1 object\n")
    assert result.exit_code == 0


def test_strict_fails_on_warnings(here: Path) -> None:
    (here / "a.yaml").write_text("apiVersion: example.org/v1\nkind: Odd\nmetadata: {name: a}\n")
    (here / "b.yaml").write_text(GOOD)

    assert check("mesh", "--strict").exit_code == 1
    assert check("mesh/b.yaml", "--strict").exit_code == 0


def test_a_dash_is_standard_input(here: Path) -> None:
    (here / "a.yaml").write_text(GOOD)

    alone = CliRunner().invoke(main, ["check", "-"], input=TYPO)
    beside = CliRunner().invoke(main, ["check", "mesh", "-"], input=TYPO)

    assert alone.output.splitlines()[0] == '<stdin>:7:3: error CP0201: spec has no field "subset"'
    assert alone.exit_code == 1
    assert beside.output.endswith("1 error, 0 warnings in 2 objects (1 refused)\n")


def test_empty_standard_input_is_the_end_of_a_command_that_failed(here: Path) -> None:
    result = CliRunner().invoke(main, ["check", "-"], input="\n")

    assert (result.exit_code, result.stderr) == (2, "error: standard input is empty\n")


def test_an_object_with_a_key_twice_is_refused(here: Path) -> None:
    (here / "a.yaml").write_text(GOOD.replace("    port: 80\n", "    port: 80\n    port: 81\n"))

    document = json.loads(check("mesh", "-o", "json").output)

    assert [d["code"] for d in document["diagnostics"]] == ["CP0102"]
    assert (document["objects"], document["refused"]) == (1, 1)


@pytest.mark.parametrize("output", ["text", "json", "github", "sarif"])
def test_every_output_exits_with_1_for_errors(here: Path, output: str) -> None:
    (here / "a.yaml").write_text(TYPO)

    result = check("mesh/a.yaml", "--output", output)

    assert result.exit_code == 1
    assert "CP0201" in result.output
    assert "mesh/a.yaml" in result.output


def test_a_path_that_does_not_exist_exits_with_2(here: Path) -> None:
    result = check("nowhere")

    assert result.exit_code == 2
    assert "nowhere: No such file or directory" in result.output


def test_what_listeners_cannot_have_of_a_mesh_config_is_shown_at_its_line(here: Path) -> None:
    (here / "a.yaml").write_text(GOOD)
    text = "accessLogFile: /dev/stdout\naccessLogFormat: '%DURATION:5%'\n"
    (here.parent / "mesh.yaml").write_text(text)

    result = check("mesh", "--mesh-config", "mesh.yaml")

    assert "mesh.yaml:2:18: warning CP0316" in result.output
    assert "    2 | accessLogFormat: '%DURATION:5%'" in result.output


def test_a_mesh_config_is_checked_as_well(here: Path) -> None:
    (here / "a.yaml").write_text(GOOD)
    (here.parent / "mesh.yaml").write_text("connectTimeout: soon\n")

    result = check("mesh", "--mesh-config", "mesh.yaml")

    assert "mesh.yaml:1" in result.output
    assert "soon" in result.output
