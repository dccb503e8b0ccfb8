"""``controlplane config``: what a proxy was sent, and from which lines it came."""

import click

from controlplane.base.addresses import Address
from controlplane.cli.address import address_parameter
from controlplane.cli.config_parts import proxy_and_part
from controlplane.cli.options import StatePlace, admin_to_ask, example, state_options


@click.command(
    epilog=example(
        "controlplane config ingressgateway.istio-system routes",
        "controlplane config ingressgateway routes --host shop.example.com --port 8080",
        "controlplane config ingressgateway clusters --output json",
    )
)
@click.argument("proxy")
@click.argument("part", default="all", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["short", "json", "yaml", "envoy"]),
    default="short",
    show_default=True,
    help="One line for each part, the resources in full (without secrets), or Envoy's own dump.",
)
@click.option("--host", metavar="HOST", help="Only what concerns this host.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Only this port.")
@admin_to_ask
@click.option(
    "--from-xds",
    type=address_parameter,
    metavar="HOST:PORT",
    help="Ask this xDS server as the proxy would, and decode the answer with envoy-data-plane.",
)
@click.option(
    "--envoy-admin",
    type=address_parameter,
    metavar="HOST:PORT",
    help="The admin interface of the proxy's Envoy, for -o envoy; known of those that up runs.",
)
@state_options
def config(
    proxy: str,
    part: str,
    output: str,
    host: str | None,
    port: int | None,
    admin: Address,
    from_xds: Address | None,
    envoy_admin: Address | None,
    state: StatePlace,
) -> None:
    """Show what a proxy was sent, with the file and line that each part came from.

    PROXY is NAME or NAME.NAMESPACE, as controlplane status shows it. PART is listeners, routes,
    clusters, endpoints, secrets, extensions or all; it may come first, as for istioctl. Private
    keys are never shown.
    """
    named, wanted = proxy_and_part(proxy, part)
    from controlplane.cli.config_view import (  # late: --help needs no messages
        Chosen,
        print_config,
        print_dump,
    )

    if output == "envoy":
        if host is not None or port is not None or from_xds is not None:
            raise click.UsageError("-o envoy shows Envoy's dump as it is, without a filter")
        print_dump(named, wanted, admin=admin, envoy_admin=envoy_admin, state=state)
        return
    chosen = Chosen(part=wanted, host=host, port=port)
    print_config(named, chosen, output, admin=admin, from_xds=from_xds, state=state)
