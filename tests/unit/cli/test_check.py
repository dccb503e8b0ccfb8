"""``controlplane check``: what it prints and what it exits with."""

import json
import re
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


def test_warnings_alone_exit_with_0(here: Path) -> None:
    (here / "a.yaml").write_text(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n"
    )

    result = check("mesh")

    assert result.output.endswith("0 errors, 1 warning in 1 object\n")
    assert result.exit_code == 0


NOT_SERVED = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n"


def test_strict_fails_on_warnings(here: Path) -> None:
    (here / "a.yaml").write_text(NOT_SERVED)
    (here / "b.yaml").write_text(GOOD)

    assert check("mesh", "--strict").exit_code == 1
    assert check("mesh/b.yaml", "--strict").exit_code == 0


def test_codes_are_ignored_by_an_option(here: Path) -> None:
    (here / "a.yaml").write_text(f"{TYPO}---\na: 'b\n")

    result = check("mesh", "--ignore", "cp0201", "--ignore", "CP0101", "--strict")

    assert (result.output, result.exit_code) == (
        "0 errors, 0 warnings in 1 object (1 refused)\n",
        0,
    )


def test_a_code_that_does_not_exist_cannot_be_ignored(here: Path) -> None:
    result = check("mesh", "--ignore", "CP0310X")

    assert result.exit_code == 2
    assert result.stderr.endswith('"CP0310X" is no code; did you mean "CP0310"?\n')


LOST = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: shop
  annotations:
    controlplane/ignore: CODES
spec:
  hosts: [shop.example]
  http:
  - route:
    - destination:
        host: nobody
"""


def codes(result: Result) -> list[str]:
    return re.findall(r"(?:error|warning) (CP\d+)", result.output)


def test_an_object_ignores_what_its_annotation_names(here: Path) -> None:
    (here / "a.yaml").write_text(LOST.replace("CODES", "cp0209, CP0301"))
    (here / "b.yaml").write_text(LOST.replace("CODES", "CP0302").replace("name: shop", "name: b"))

    result = check("mesh", "--ignore", "CP0307")

    assert [c for c in codes(result) if c == "CP0301"] == ["CP0301"]
    assert "mesh/b.yaml:12:15: error CP0301" in result.output


def test_an_annotation_ignores_no_refusal_and_says_so(here: Path) -> None:
    text = LOST.replace("CODES", "CP0201, CP1234").replace("host: nobody", "hots: nobody")
    (here / "a.yaml").write_text(text)

    result = check("mesh")

    assert "CP0201" in codes(result)
    assert (
        "warning CP0210: annotation controlplane/ignore: CP0201 refuses the object, "
        "so it cannot be ignored" in result.output
    )
    assert 'controlplane/ignore: "CP1234" is no code of a diagnostic' in result.output


def test_what_a_baseline_knows_is_left_out_wherever_it_has_moved(here: Path) -> None:
    (here / "a.yaml").write_text(TYPO)
    written = check("mesh", "--write-baseline", "known.json")
    (here / "a.yaml").write_text(f"# above\n\n{TYPO}")
    same = check("mesh", "--baseline", "known.json")
    (here / "b.yaml").write_text(TYPO.replace("name: reviews", "name: other"))
    more = check("mesh", "--baseline", "known.json")

    assert (written.output, written.exit_code) == ("1 finding written to known.json\n", 0)
    assert (same.output, same.exit_code) == (
        "0 errors, 0 warnings in 1 object (1 refused); 1 more in the baseline\n",
        0,
    )
    assert (codes(more), more.exit_code) == (["CP0201"], 1)
    assert "mesh/b.yaml:7:3" in more.output


@pytest.mark.parametrize("text", [None, "[]", '{"findings": [{"code": 1}]}'])
def test_a_baseline_that_is_none_is_reported(here: Path, text: str | None) -> None:
    (here / "a.yaml").write_text(GOOD)
    if text is not None:
        Path("known.json").write_text(text)

    result = check("mesh", "--baseline", "known.json")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: known.json ")
    assert "hint: write one with controlplane check … --write-baseline known.json" in result.stderr


def test_files_are_named_as_for_istioctl_and_kubectl(here: Path) -> None:
    (here / "a.yaml").write_text(GOOD)
    (here / "b.yaml").write_text(TYPO)

    both = check("-f", "mesh/a.yaml", "mesh/b.yaml")
    none = check("--strict")

    assert both.output.endswith("1 error, 0 warnings in 2 objects (1 refused)\n")
    assert none.exit_code == 2
    assert "name what to check: a file, a folder, or - for standard input" in none.stderr


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
