"""``controlplane token``: a proxy's token, on standard output or in a file that is renewed."""

from ipaddress import ip_network
from pathlib import Path
from typing import Final

import click

from controlplane.base.names import Namespace
from controlplane.cli.name_parameters import name_parameter, namespace_parameter
from controlplane.cli.options import StatePlace, example, state_options
from controlplane.identity.identity import TOKEN_FILE_LIFE, TOKEN_ID
from controlplane.model.proxy import Role

_HOUR: Final = 3600  # seconds
_MODES: Final = {"600": 0o600, "640": 0o640}


def _account(text: str) -> tuple[Namespace, str]:
    namespace, slash, account = text.partition("/")
    if not slash:
        raise click.BadParameter(f'"{text}" is not NAMESPACE/ACCOUNT, such as shop/cart')
    return namespace_parameter(namespace), name_parameter(account)


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise click.BadParameter(f"{error}, such as 10.0.0.0/8 or 10.0.0.7/32") from None


def _token_id(text: str) -> str:
    if not TOKEN_ID.fullmatch(text):
        raise click.BadParameter(f'"{text}" is not the id of a token: 16 digits from 0 to f')
    return text


@click.command(
    epilog=example(
        "controlplane token shop/cart --group cart-v1 --net 10.0.0.7/32 > token",
        "controlplane token shop/cart --out token.yaml --watch",
    )
)
@click.argument("account", required=False, type=_account, metavar="[NAMESPACE/ACCOUNT]")
@click.option(
    "--role",
    default=Role.SIDECAR.value,
    show_default=True,
    type=click.Choice([role.value for role in Role]),
    help="What bears it: a proxy, or what runs gateways (controlplane gateways).",
)
@click.option(
    "--group",
    type=name_parameter,
    metavar="NAME",
    help="The WorkloadGroup of the namespace that the proxy registers with.",
)
@click.option(
    "--net",
    "network",
    type=_network,
    metavar="CIDR",
    help="Where the proxy must connect from; from elsewhere the token is refused.",
)
@click.option(
    "--hours",
    type=click.IntRange(1, 365 * 24),
    metavar="N",
    help=f"How long it is valid.  [default: {TOKEN_FILE_LIFE.total_seconds() / _HOUR:g}]",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), metavar="N", help="As --hours, for longer times."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it there: for Envoy where FILE ends in .yaml, .yml or .json (bootstrap "
    "--token-file FILE), else the bare token.",
)
@click.option(
    "--mode",
    default="600",
    show_default=True,
    type=click.Choice(list(_MODES)),
    help="Who may read FILE: its owner, or its group too.",
)
@click.option(
    "--watch", is_flag=True, help="Stay, and write a new token to FILE at half of its life."
)
@click.option(
    "--revoke",
    type=_token_id,
    metavar="ID",
    help="Refuse that token from now on, also where it is in use.",
)
@click.option(
    "--rotate-key",
    is_flag=True,
    help="Sign with a new key; tokens of the key before the last are refused.",
)
@state_options
def token(
    account: tuple[Namespace, str] | None,
    role: str,
    group: str | None,
    network: str | None,
    hours: int | None,
    days: int | None,
    out: Path | None,
    mode: str,
    watch: bool,
    revoke: str | None,
    rotate_key: bool,
    state: StatePlace,
) -> None:
    """Issue the token of a proxy.

    Whoever has it can act as the proxy, so keep it like a private key. Its id, which revokes it,
    is printed on standard error, and logged when a proxy connects.
    """
    if [account is not None, revoke is not None, rotate_key].count(True) != 1:
        raise click.UsageError("give one of NAMESPACE/ACCOUNT, --revoke and --rotate-key")
    if hours is not None and days is not None:
        raise click.UsageError("--hours and --days exclude each other")
    if group is not None and role == Role.RUNNER.value:
        raise click.UsageError("--group is for proxies, which register with it")
    if watch and out is None:
        raise click.UsageError("--watch needs the file that it renews, --out FILE")
    from controlplane.cli.issued_token import (  # late: --help needs no keys
        TokenOrder,
        issue,
        keep_renewed,
        revoke_token,
        rotate,
    )

    if revoke is not None:
        revoke_token(revoke, state)
    elif rotate_key:
        rotate(state)
    elif account is not None:
        order = TokenOrder(
            namespace=account[0],
            service_account=account[1],
            role=Role(role),
            group=group,
            network=network,
            hours=days * 24 if days is not None else hours,
            out=out,
            mode=_MODES[mode],
        )
        if watch:
            keep_renewed(order, state)
        else:
            issue(order, state)
