"""``controlplane migrate``: Istio's Gateways and VirtualServices in the words of Gateway API."""

from pathlib import Path
from typing import Final

import click

from controlplane.cli.options import (
    example,
    max_objects_option,
    mesh_config_option,
    secrets_option,
)

LEFT: Final = 1
"""Exit status when an object is refused, or with --strict stays; 2 is click's for a usage error."""
STANDARD_OUTPUT: Final = Path("-")


@click.command(
    epilog=example(
        "controlplane migrate samples/hello --to gateway-api",
        "controlplane migrate mesh/ --to gateway-api --service istio-system/ingressgateway -o new",
        "controlplane migrate mesh/ --to gateway-api | controlplane check -",
    )
)
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option(
    "--to",
    type=click.Choice(["gateway-api"]),
    required=True,
    help="The API to migrate to.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False, allow_dash=True),
    default="-",
    show_default=True,
    metavar="DIR",
    help="Where to write the files, which must be new or empty; - is standard output.",
)
@click.option(
    "--service",
    metavar="NAMESPACE/NAME",
    help="The Service in front of the proxies. It is written where no file declares it.",
)
@click.option(
    "--by-segment",
    is_flag=True,
    help="Prefixes of paths are meant as whole segments: /shop is no longer one of /shopping.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 when an object stays as it is.")
@mesh_config_option
@secrets_option
@max_objects_option
@click.pass_context
def migrate(
    context: click.Context,
    paths: tuple[Path, ...],
    to: str,  # noqa: ARG001 the only choice
    output: Path,
    service: str | None,
    by_segment: bool,
    strict: bool,
    mesh_config: Path | None,
    secrets: tuple[Path, ...],
    max_objects: int,
) -> None:
    """Write Istio's Gateways and VirtualServices as Kubernetes Gateways and their routes.

    An object is migrated where every request is answered as before, and stays as it is otherwise;
    standard error says which, why and where. Everything that the files declare is written, so
    what comes out takes the place of PATH. Comments stay but in objects that are migrated.
    Exits with 0, with 1 when a Gateway or VirtualService is refused (or with --strict stays), with
    2 for a usage error.
    """
    from controlplane.cli.migrate_files import Asked, migrate_files  # late: --help needs no engine

    asked = Asked(
        paths=paths,
        output=None if output == STANDARD_OUTPUT else output,
        service=service,
        by_segment=by_segment,
        mesh_config=mesh_config,
        secrets=secrets,
        max_objects=max_objects,
    )
    outcome = migrate_files(asked)
    if outcome.refused or (strict and outcome.stay):
        context.exit(LEFT)
