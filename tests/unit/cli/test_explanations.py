"""Every code has a page, and its example has the fault that it explains."""

from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from controlplane.base.codes import BY_ID
from controlplane.base.diagnostics import Code
from controlplane.cli.check_files import findings_in
from controlplane.cli.explanations import example, explanation
from controlplane.cli.main import main

WITHOUT_EXAMPLE: Final = {
    "CP0103": "too long to read",
    "CP0104": "too long to read",
    "CP0105": "too long to read",
    "CP0110": "a file's mode or bytes",
    "CP0111": "an edit",
    "CP0112": "too long to read",
    "CP0113": "too long to read",
    "CP0114": "no file",
    "CP0404": "a certificate",
    "CP0503": "MeshConfig and a policy",
    "CP0405": "a certificate and the time",
    "CP0406": "a certificate and the time",
    "CP0407": "a certificate and the time",
    "CP0408": "a certificate",
    "CP0409": "a certificate",
    "CP0416": "a certificate",
    "CP0417": "a certificate",
    "CP0523": "a running control plane",
    "CP0580": "a running control plane",
    "CP0532": "MeshConfig and a policy",
    "CP0533": "MeshConfig and a policy",
    "CP0534": "MeshConfig and a policy",
    "CP0545": "a connected proxy",
    "CP0540": "a connected proxy",
    "CP0543": "a connected proxy",
    "CP0544": "a connected proxy",
    "CP0601": "a fault of the control plane",
    "CP0620": "an edit",
    "CP0640": "a connected proxy",
    "CP0641": "a connected proxy",
    "CP0642": "a connected proxy",
    "CP0715": "a certificate",
    "CP0780": "a migration",
    "CP0781": "a migration",
    "CP0782": "a migration",
    "CP0783": "a migration",
    "CP0784": "a migration",
    "CP0785": "a migration",
    "CP0790": "a runner",
    "CP0791": "a runner",
}
"""Codes whose fault a short YAML text cannot show, and what it takes."""
WITH_EXAMPLE: Final = [code for code in BY_ID.values() if code.id not in WITHOUT_EXAMPLE]
GOOD: Final = """
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {ports: [{name: http, port: 80}]}
"""


@pytest.mark.parametrize("code", BY_ID.values(), ids=str)
def test_every_code_is_explained(code: Code) -> None:
    """Who adds a code writes ``controlplane/cli/diagnostic_pages/CODE.md``."""
    text = explanation(code)

    assert text.startswith(text.lstrip()), "it begins with what the code means"
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert not text.rstrip().endswith("```"), "it ends with the mend"
    assert (example(code) is None) is (code.id in WITHOUT_EXAMPLE)


@pytest.mark.parametrize("code", WITH_EXAMPLE, ids=str)
def test_an_example_has_the_fault(code: Code, tmp_path: Path) -> None:
    found = example(code)
    assert found is not None
    text, is_mesh_config = found
    file, mesh = tmp_path / "example.yaml", tmp_path / "mesh-config"
    file.write_text(GOOD if is_mesh_config else text)
    mesh.write_text(text)

    findings = findings_in([file], mesh if is_mesh_config else None)

    assert code.id in {one.code.id for one in findings.diagnostics}


def test_a_page_is_shown_with_its_example_indented() -> None:
    result = CliRunner().invoke(main, ["explain", "cp0102"])

    assert result.exit_code == 0
    assert (
        result.stdout
        == """\
CP0102: a mapping has the same key twice
an error; the object is not accepted, the version before it stays in force

A mapping has the same key twice. YAML readers differ in which one they take, so none is
taken.

    apiVersion: v1
    kind: Service
    metadata:
      name: reviews
    spec:
      ports:
      - name: http
        port: 80
        port: 9080

Remove one of the two, or begin a new list item (`-`) or a new document (`---`) where
one is missing.
"""
    )


def test_without_a_code_all_are_listed() -> None:
    lines = CliRunner().invoke(main, ["explain"]).stdout.splitlines()

    assert "CP0302  error    the destination's subset is not declared" in lines
    assert len(lines) == len(BY_ID)


@pytest.mark.parametrize("written", ["CP0301", "cp0301", "0301", "301"])
def test_a_code_is_found_however_it_is_written(written: str) -> None:
    result = CliRunner().invoke(main, ["explain", written])

    assert result.stdout.startswith("CP0301: ")


def test_an_unknown_code_is_reported() -> None:
    result = CliRunner().invoke(main, ["explain", "CP03O1"])

    assert result.exit_code == 2
    assert '"CP03O1" is no code; did you mean "CP03' in result.stderr
