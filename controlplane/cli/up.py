"""``controlplane up``: serve, and run a real Envoy for each gateway of the configuration."""

from ipaddress import IPv4Network, IPv6Network

import click

from controlplane.cli.address import ip_parameter, network_parameter
from controlplane.cli.options import ServingOptions, example, serving_options


@click.command(epilog=example("controlplane up samples/hello"))
@serving_options
@click.option(
    "--concurrency",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    metavar="N",
    help="Worker threads of each Envoy whose ProxyConfig says no other number.",
)
@click.option(
    "--bind",
    default="127.0.0.1",
    show_default=True,
    type=ip_parameter,
    metavar="ADDRESS",
    help="Where the gateways listen, but for servers that name an address; 0.0.0.0 is everywhere.",
)
@click.option(
    "--gateway-addresses",
    default="127.0.1.0/24",
    show_default=True,
    type=network_parameter,
    metavar="NETWORK",
    help="Where a Gateway of the Gateway API listens whose ports another gateway has: each such "
    "Gateway gets an address of its own from here, unless it names one itself.",
)
def up(
    options: ServingOptions,
    concurrency: int,
    bind: str,
    gateway_addresses: IPv4Network | IPv6Network,
) -> None:
    """Serve, and run a real Envoy for each gateway that the configuration declares.

    Prints commands to try, and for every edit what it changed and how long it took until the
    Envoys had it. Ctrl-C stops everything.
    """
    from controlplane.cli.gateway_envoys import Binding  # late: --help needs no server
    from controlplane.cli.up_run import serve_with_envoys

    serve_with_envoys(options, concurrency, Binding(address=bind, spare=gateway_addresses))
