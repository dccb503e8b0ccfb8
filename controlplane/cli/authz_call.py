"""The call that ``authz`` asks about, from its options."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from controlplane.admin.authorization import AskedCall
from controlplane.base.hosts import is_unscoped_ip


def asked_call(
    said: Mapping[str, str | int | bool | None],
    headers: Sequence[str],
    token: Path | None,
    claims: Sequence[str],
) -> AskedCall | None:
    """``None`` where no option is about a call; ``click.UsageError`` where one makes no sense."""
    of_call: dict[str, object] = {
        name: value for name, value in said.items() if value not in (None, False)
    }
    if not of_call and not headers and token is None and not claims:
        return None
    for name in ("ip", "peer_ip"):
        address = of_call.get(name)
        if address is not None and not is_unscoped_ip(str(address)):
            raise click.UsageError(f'--{name.replace("_", "-")}: "{address}" is not an IP address')
    _check_principal(of_call.get("principal"))
    path = of_call.get("path")
    if path is not None and not str(path).startswith("/"):
        raise click.UsageError(f'--path: "{path}" does not begin with a slash')
    if token is not None:
        of_call["token"] = token.read_text(encoding="utf-8", errors="replace").strip()
    if claims:
        of_call["claims"] = _claims_said(claims)
    if headers:
        of_call["headers"] = [_pair("--header", each) for each in headers]
    return msgspec.convert(of_call, AskedCall)


def _check_principal(principal: object) -> None:
    if principal is None:
        return
    rest = str(principal).removeprefix("spiffe://")
    parts = rest.split("/")
    if "" in parts or len(parts) < 2:
        raise click.UsageError(
            f'--as: "{principal}" is neither spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT nor '
            "NAMESPACE/ACCOUNT"
        )


def _claims_said(claims: Sequence[str]) -> dict[str, object]:
    found: dict[str, list[str]] = {}
    for name, value in (_pair("--claim", each) for each in claims):
        found.setdefault(name, []).append(value)
    return {name: each[0] if len(each) == 1 else each for name, each in found.items()}


def _pair(option: str, said: str) -> tuple[str, str]:
    name, equals, value = said.partition("=")
    if not name or not equals:
        raise click.UsageError(f'{option}: "{said}" is not NAME=VALUE')
    return name, value
