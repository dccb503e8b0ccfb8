"""``controlplane config``: what a proxy was sent, and from which lines it came."""

import click

from controlplane.base.addresses import Address
from controlplane.cli.address import address_parameter
from controlplane.cli.config_parts import proxy_and_part
from controlplane.cli.options import StatePlace, admin_to_ask, example, state_options


@click.command(
    epilog=example(
        "controlplane config ingressgateway.istio-system routes",
        "controlplane config ingressgateway clusters --output json",
    )
)
@click.argument("proxy")
@click.argument("part", default="all", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["short", "json", "yaml"]),
    default="short",
    show_default=True,
    help="One line for each part, or Envoy's resources in full (without secrets).",
)
@admin_to_ask
@click.option(
    "--from-xds",
    type=address_parameter,
    metavar="HOST:PORT",
    help="Ask this xDS server as the proxy would, and decode the answer with envoy-data-plane.",
)
@state_options
def config(
    proxy: str,
    part: str,
    output: str,
    admin: Address,
    from_xds: Address | None,
    state: StatePlace,
) -> None:
    """Show what a proxy was sent, with the file and line that each part came from.

    PROXY is NAME or NAME.NAMESPACE, as controlplane status shows it. PART is listeners, routes,
    clusters, endpoints, secrets or all; it may come first, as for istioctl. Private keys are never
    shown.
    """
    named, wanted = proxy_and_part(proxy, part)
    from controlplane.cli.config_view import print_config  # late: --help needs no messages

    print_config(named, wanted, output, admin=admin, from_xds=from_xds, state=state)
