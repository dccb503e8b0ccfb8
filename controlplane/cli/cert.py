"""``controlplane cert``: server and client certificates of the local authority, for development.

They come as a Kubernetes Secret that a Gateway's ``credentialName`` can name, or as PEM files.
"""

from datetime import timedelta
from pathlib import Path

import click

from controlplane.cli.options import StatePlace, example, state_options


def _name(text: str) -> str:
    from controlplane.identity.certificates import general_name  # late: --help needs no keys

    try:
        general_name(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


def _secret_name(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not slash or not namespace or not name or "/" in name:
        raise click.BadParameter(f'"{text}" is not NAMESPACE/NAME')
    return namespace, name


@click.command(
    epilog=example(
        "controlplane cert shop.example.com -c mesh > mesh/shop-secret.yaml",
        "curl --cacert <(controlplane cert --trust -c mesh) https://shop.example.com/",
    )
)
@click.argument("names", nargs=-1, type=_name, metavar="[NAME]...")
@click.option(
    "--secret",
    type=_secret_name,
    metavar="NAMESPACE/NAME",
    help="Name of the Secret.  [default: istio-system/ and NAME with dashes]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write NAME.crt, NAME.key and ca.crt there instead of printing a Secret.",
)
@click.option(
    "--secrets",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the Secret as files there, as serve --secrets reads them.",
)
@click.option(
    "--days",
    default=365,
    show_default=True,
    type=click.IntRange(1, 3650),
    metavar="N",
    help="How long it is valid.",
)
@click.option(
    "--key",
    "key_type",
    default="ecdsa",
    show_default=True,
    type=click.Choice(["ecdsa", "rsa"]),
    help="P-256, or 2048-bit RSA for old clients.",
)
@click.option(
    "--client", is_flag=True, help="Issue a certificate for a client instead of a server."
)
@click.option(
    "--trust", is_flag=True, help="Print the authority's certificate and how to trust it."
)
@state_options
def cert(
    names: tuple[str, ...],
    secret: tuple[str, str] | None,
    out: Path | None,
    secrets: Path | None,
    days: int,
    key_type: str,
    client: bool,
    trust: bool,
    state: StatePlace,
) -> None:
    """Issue a certificate of the local authority.

    NAMEs are what it is for: host names, also *.example.com, IP addresses and URIs. That of a
    workload, spiffe://cluster.local/ns/shop/sa/cart, is signed by the mesh's authority. The output
    holds the private key.
    """
    if bool(names) == trust:
        raise click.UsageError("give the names of the certificate, or use --trust")
    if out is not None and (secret is not None or secrets is not None):
        raise click.UsageError("--out excludes --secret and --secrets")
    from controlplane.cli.issued_certificate import (
        Order,  # late: --help needs no keys
        issue,
        print_trust,
    )

    if trust:
        print_trust(state)
        return
    order = Order(
        names=names,
        secret=secret,
        out=out,
        secrets=secrets,
        life=timedelta(days=days),
        rsa=key_type == "rsa",
        client=client,
    )
    issue(order, state)
