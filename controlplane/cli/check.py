"""``controlplane check``: everything that is wrong in configuration files, without serving them."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from controlplane.base.diagnostics import Effect
from controlplane.base.diagnostics import Severity
from controlplane.base.errors import ConfigMissing
from controlplane.base.locations import FieldRef
from controlplane.base.wording import counted
from controlplane.cli.check_formats import as_github
from controlplane.cli.check_formats import as_json
from controlplane.cli.check_formats import as_sarif
from controlplane.cli.diagnostic_text import DiagnosticText
from controlplane.cli.diagnostic_text import as_text
from controlplane.cli.diagnostic_text import diagnostic_texts
from controlplane.cli.engine_files import EngineFiles
from controlplane.cli.options import example
from controlplane.cli.options import mesh_config_text
from controlplane.cli.options import secrets_option
from controlplane.cli.output import Segment
from controlplane.cli.output import Style
from controlplane.cli.output import say
from controlplane.cli.output import show
from controlplane.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.sources.load import loaded
from controlplane.sources.printable import printable

ERRORS: Final = 1
"""Exit status when there are errors, refused or dangling; 2 is click's for a wrong call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is wrong, in order; ``objects`` are declared, ``refused`` of these are not taken."""

    diagnostics: tuple[DiagnosticText, ...]
    objects: int
    refused: int


@click.command(
    epilog=example(
        "controlplane check samples/mesh",
        "controlplane check --output github mesh/ && git push",
    )
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="For people, for programs, for GitHub Actions, for code scanning.",
)
@click.option(
    "--mesh-config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Istio's MeshConfig.",
)
@secrets_option
@click.pass_context
def check(
    context: click.Context,
    paths: tuple[Path, ...],
    output: str,
    mesh_config: Path | None,
    secrets: tuple[Path, ...],
) -> None:
    """Show what is wrong in configuration files.

    PATH is a file or a folder, read recursively (.yaml, .yml, .json). Exits with 0 without errors
    (warnings are allowed), with 1 when there are errors, with 2 when it is called wrongly.
    """
    findings = findings_in(paths, mesh_config, secrets)
    _print(findings, output)
    if any(one.severity is Severity.ERROR for one in findings.diagnostics):
        context.exit(ERRORS)


def findings_in(
    paths: Sequence[Path], mesh_config: Path | None = None, secrets: Sequence[Path] = ()
) -> Findings:
    """Read all files as ``serve`` would; ``ConfigMissing`` when a path does not exist, or none
    of them holds a file.
    """
    engine = Engine(MeshConfig(), now=datetime.now(UTC))
    if mesh_config is not None:
        engine.read_mesh(printable(mesh_config), mesh_config_text(mesh_config))
    files = loaded(paths, secrets)
    if not files:
        where = ", ".join(map(str, paths))
        raise ConfigMissing(
            f"{where}: no .yaml, .yml or .json file", hint="name the folder of them"
        )
    engine.apply((changed.path, changed.text) for changed in files)
    engine.analyse()
    found = engine.diagnostics()
    objects = {declared.key for content in engine.contents() for declared in content.objects}
    refused = {
        d.place.object
        for d in found
        if isinstance(d.place, FieldRef) and d.code.effect is Effect.REFUSED
    }
    return Findings(
        diagnostics=diagnostic_texts(found, EngineFiles(engine)),
        objects=len(objects),
        refused=len(refused & objects),
    )


def _print(findings: Findings, output: str) -> None:
    match output:
        case "json":
            counts = {"objects": findings.objects, "refused": findings.refused}
            say(as_json(findings.diagnostics, **counts))
        case "sarif":
            say(as_sarif(findings.diagnostics))
        case "github":
            for line in as_github(findings.diagnostics):
                say(line)
            say(summary(findings))
        case _:
            show(_lines(findings))


def _lines(findings: Findings) -> Iterator[list[Segment]]:
    yield from as_text(findings.diagnostics)
    severities = {one.severity for one in findings.diagnostics}
    style = Style.GOOD
    if Severity.ERROR in severities:
        style = Style.ERROR
    elif Severity.WARNING in severities:
        style = Style.WARNING
    yield [(summary(findings), style)]


def summary(findings: Findings) -> str:
    """``3 errors, 1 warning in 12 objects (2 refused)``."""
    severities = [one.severity for one in findings.diagnostics]
    errors = counted(severities.count(Severity.ERROR), "error")
    warnings = counted(severities.count(Severity.WARNING), "warning")
    refused = f" ({findings.refused} refused)" if findings.refused else ""
    return f"{errors}, {warnings} in {counted(findings.objects, 'object')}{refused}"
