"""``controlplane endpoints``: where services are that have no endpoints, as YAML to be edited."""

from pathlib import Path
from typing import Final

import click

from controlplane.cli.address import ip_parameter
from controlplane.cli.options import example, max_objects_option

FIRST_PORT: Final = 9080


@click.command(
    epilog=example(
        "controlplane endpoints mesh/ > mesh/endpoints.yaml",
        "controlplane up --config mesh/",
    )
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option(
    "--port-start",
    default=FIRST_PORT,
    show_default=True,
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="The port of the first; each further one gets the next.",
)
@click.option(
    "--address",
    type=ip_parameter,
    default="127.0.0.1",
    show_default=True,
    metavar="IP",
    help="Where the processes are.",
)
@max_objects_option
def endpoints(paths: tuple[Path, ...], port_start: int, address: str, max_objects: int) -> None:
    """Print WorkloadEntries for all services that have no endpoints.

    One for each workload of a service: its Deployments, or the subsets of its DestinationRules.
    PATH is what up and serve are given; the output goes into a file of it.
    """
    from controlplane.cli.endpoint_entries import print_entries  # late: --help needs no engine

    print_entries(paths, port_start, address, max_objects)
