"""``controlplane up``: serve, and run a real Envoy for each gateway of the configuration."""

import click

from controlplane.cli.address import ip_parameter
from controlplane.cli.options import ServingOptions, example, serving_options


@click.command(epilog=example("controlplane up samples/hello"))
@serving_options
@click.option(
    "--concurrency",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    metavar="N",
    help="Worker threads of each Envoy.",
)
@click.option(
    "--bind",
    default="127.0.0.1",
    show_default=True,
    type=ip_parameter,
    metavar="ADDRESS",
    help="Where the gateways listen, but for servers that name an address; 0.0.0.0 is everywhere.",
)
def up(options: ServingOptions, concurrency: int, bind: str) -> None:
    """Serve, and run a real Envoy for each gateway that the configuration declares.

    Prints commands to try, and for every edit what it changed and how long it took until the
    Envoys had it. Ctrl-C stops everything.
    """
    from controlplane.cli.up_run import serve_with_envoys  # late: --help needs no server

    serve_with_envoys(options, concurrency, bind)
