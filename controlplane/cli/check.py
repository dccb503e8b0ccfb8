"""``controlplane check``: everything that is wrong in configuration files, without serving them."""

import gc
from pathlib import Path
from typing import Final

import click

from controlplane.base.diagnostics import Code
from controlplane.cli.options import (
    example,
    ignore_option,
    max_objects_option,
    mesh_config_option,
    secrets_option,
)
from controlplane.cli.output import say

ERRORS: Final = 1
"""Exit status when there are errors, refused or dangling; 2 is click's for a usage error."""


@click.command(
    epilog=example(
        "controlplane check samples/hello",
        "controlplane check --strict --output github mesh/ && git push",
        "helm template ./chart | controlplane check -",
    )
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "-f",
    "--filename",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="As PATH, as istioctl and kubectl have it. May be repeated.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="Output for people, programs, GitHub Actions or code scanning.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 when there are warnings, too.")
@ignore_option
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Leave out the findings that FILE knows.",
)
@click.option(
    "--write-baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what is found to FILE, by code, object and message, and exit with 0.",
)
@mesh_config_option
@secrets_option
@max_objects_option
@click.pass_context
def check(
    context: click.Context,
    paths: tuple[Path, ...],
    filename: tuple[Path, ...],
    output: str,
    strict: bool,
    ignore: tuple[Code, ...],
    baseline: Path | None,
    write_baseline: Path | None,
    mesh_config: Path | None,
    secrets: tuple[Path, ...],
    max_objects: int,
) -> None:
    """Show what is wrong in configuration files.

    PATH is a file, a folder that is read recursively (.yaml, .yml, .json), or - for standard input.
    Exits with 0 without errors (warnings are allowed, but not with --strict), with 1 when there are
    errors, with 2 for a usage error. An object leaves out what is meant by an annotation,
    controlplane/ignore: CP0301, CP0306. "controlplane explain CODE" says more of a finding.
    """
    named = (*paths, *filename)
    if not named:
        raise click.UsageError("name what to check: a file, a folder, or - for standard input")
    from controlplane.cli.check_files import (
        findings_in,  # late: --help needs no engine
        print_findings,
        saved,
    )

    gc.disable()  # what a mesh becomes stays until the end, and has few cycles: a twelfth faster
    found = findings_in(named, mesh_config, secrets, max_objects).without(frozenset(ignore))
    if write_baseline is not None:
        say(saved(found, write_baseline))
        return
    findings = found.beyond(baseline) if baseline is not None else found
    print_findings(findings, output)
    if findings.has_errors or (strict and findings.has_warnings):
        context.exit(ERRORS)
