"""``controlplane config``: what a proxy was sent, and from which lines it came."""

from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Final

import click
import msgspec
import yaml

from controlplane.admin.view import ProxyConfig
from controlplane.admin.view import json_text
from controlplane.base.errors import ProxyUnknown
from controlplane.cli import admin_client
from controlplane.cli.address import Address
from controlplane.cli.address import address_parameter
from controlplane.cli.options import admin_to_ask
from controlplane.cli.options import example
from controlplane.cli.options import state_option
from controlplane.cli.output import say
from controlplane.cli.output import show
from controlplane.cli.summary import summary

PARTS: Final = ("all", "listeners", "routes", "clusters", "endpoints", "secrets")


@click.command(
    epilog=example(
        "controlplane config ingressgateway.istio-system routes",
        "controlplane config ingressgateway clusters --output json",
    )
)
@click.argument("proxy")
@click.argument("part", type=click.Choice(PARTS), default="all", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["short", "json", "yaml"]),
    default="short",
    show_default=True,
    help="A line for each thing, or Envoy's resources whole (without keys).",
)
@admin_to_ask
@click.option(
    "--from-xds",
    type=address_parameter,
    metavar="HOST:PORT",
    help="Ask there as the proxy does, and decode what comes with envoy-data-plane.",
)
@state_option
def config(
    proxy: str,
    part: str,
    output: str,
    admin: Address,
    from_xds: Address | None,
    state: Path | None,
) -> None:
    """Show what a proxy was sent, with the file and line that each part came from.

    PROXY is NAME or NAME.NAMESPACE, as controlplane status shows it. Private keys are never shown.
    """
    found = admin_client.config(admin, proxy, part)
    if found is None:
        raise _unknown(proxy, admin)
    if from_xds is not None:
        found = _read_back(found, part, from_xds, state)
    match output:
        case "json":
            say(json_text(found))
        case "yaml":
            document = msgspec.to_builtins(found)
            say(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip())
        case _:
            show(summary(found, datetime.now(UTC)))


def _read_back(found: ProxyConfig, part: str, xds: Address, state: Path | None) -> ProxyConfig:
    # Only here: envoy-data-plane takes long to import.
    from controlplane.cli.xds_client import read_back

    return read_back(found, part, xds, state)


def _unknown(proxy: str, admin: Address) -> ProxyUnknown:
    connected = sorted(shown.proxy.full_name for shown in admin_client.status(admin).proxies)
    listed = f"connected are {', '.join(connected)}" if connected else "none is"
    return ProxyUnknown(f'no proxy "{proxy}" is connected; {listed}')
