"""``controlplane authz``: who may call a workload, and what becomes of one call."""

from pathlib import Path

import click

from controlplane.base.addresses import Address
from controlplane.cli.options import admin_to_ask, example, text_or_json


@click.command(
    epilog=example(
        "controlplane authz reviews-v1",
        "controlplane authz reviews-v1 --as default/productpage --method GET --path /reviews/1",
        "controlplane authz ingressgateway --host shop.example.com --path /admin --ip 203.0.113.7",
    )
)
@click.argument("workload")
@click.option(
    "--as",
    "principal",
    metavar="PRINCIPAL",
    help="The caller: spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT, or NAMESPACE/ACCOUNT.  [default: "
    "none, a caller without a certificate]",
)
@click.option("--method", metavar="METHOD", help="The method of the request.")
@click.option(
    "--path", metavar="PATH", help="The path of the request, as it is once it is normalized."
)
@click.option(
    "--host", metavar="HOST", help="The host of the request, with the port if it has one."
)
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header; may be repeated."
)
@click.option("--port", type=click.IntRange(1, 65535), help="The workload's own port.")
@click.option("--ip", metavar="IP", help="The client's address.")
@click.option(
    "--peer-ip", metavar="IP", help="Where the connection comes from, if that is another address."
)
@click.option("--sni", metavar="NAME", help="The SNI of the connection.")
@click.option(
    "--token",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A JWT that the request has, where the workload looks for it. It is verified.",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=VALUE",
    help="A claim of a token that is taken to be good; may be repeated, for a list.",
)
@click.option("--tcp", is_flag=True, help="A connection that is not read as HTTP.")
@text_or_json
@admin_to_ask
def authz(
    workload: str,
    output: str,
    admin: Address,
    headers: tuple[str, ...],
    token: Path | None,
    claims: tuple[str, ...],
    **call: str | int | bool | None,
) -> None:
    """Show who may call a workload or a gateway, and what becomes of one call.

    WORKLOAD is a proxy as controlplane status shows it (NAME or NAME.NAMESPACE), a WorkloadGroup
    that has registered one, or a WorkloadEntry or Pod. Without more the policies are shown in the
    order in which a proxy evaluates them; with any option about a call the answer to it, the rule
    that decides, or how the nearest rule fails to match.
    """
    from controlplane.cli.authz_call import asked_call  # late: --help needs none of it
    from controlplane.cli.authz_view import print_authorization

    asked = asked_call(call, headers, token, claims)
    print_authorization(workload, asked, output, admin)
