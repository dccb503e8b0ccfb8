"""``controlplane status``: which proxies are in sync, and what is wrong and what requests get."""

import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

import click
import msgspec

from controlplane.admin.view import Finding, Status, json_text
from controlplane.base.addresses import Address
from controlplane.base.diagnostics import Code
from controlplane.cli import admin_client
from controlplane.cli.gateways_view import lines as lines_of_gateways
from controlplane.cli.options import admin_to_ask, example, ignore_option, text_or_json
from controlplane.cli.output import say, show
from controlplane.cli.status_report import Line, report, shown_findings
from controlplane.cli.tls_view import lines as lines_of_tls
from controlplane.cli.watching import Look, watched

NOT_GOOD: Final = 1
WATCHED_EVERY: Final = 2.0  # seconds


@click.command(
    epilog=example(
        "controlplane status",
        "controlplane status --watch",
        "controlplane status gateways",
        "controlplane status --tls",
        "controlplane status --output json | jq .proxies",
    )
)
@click.argument("of", required=False, type=click.Choice(["gateways"]), metavar="[gateways]")
@admin_to_ask
@text_or_json
@click.option(
    "-v",
    "--warnings",
    is_flag=True,
    help="Show every warning, not only those by which requests fail.",
)
@click.option(
    "--tls",
    "of_tls",
    is_flag=True,
    help="Perform a handshake with every TLS upstream; show what it presents and what "
    "is expected, and the Secrets in use.",
)
@ignore_option
@click.option("-w", "--watch", is_flag=True, help="Show it again whenever it changes.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is wrong.")
@click.pass_context
def status(
    context: click.Context,
    of: str | None,
    admin: Address,
    output: str,
    warnings: bool,
    of_tls: bool,
    ignore: tuple[Code, ...],
    watch: bool,
    exit_zero: bool,
) -> None:
    """Show which proxies are in sync, what is wrong and what requests get because of it.

    Exits with 0 when all proxies are synced and no error is in force, with 1 when there is an
    error or something is rejected, refused, held or still on its way, with 3 when no control plane
    answers. With --tls, 1 when a handshake fails or a Secret has problems; nothing but handshakes
    is sent.

    With gateways: the Gateways of the Gateway API, where they are reached, their listeners, and how
    many routes are attached to each; exits with 1 when one is not programmed.
    """
    if of is not None:
        if watch or of_tls:
            raise click.UsageError("status gateways shows neither --watch nor --tls")
        if not _show_gateways(admin, output) and not exit_zero:
            context.exit(NOT_GOOD)
        return
    if watch and (of_tls or output == "json"):
        raise click.UsageError("--watch shows text, without --tls")
    if watch:
        watched(lambda: _look(admin, ignore, warnings), time.sleep, every=WATCHED_EVERY)
        return
    good = _show_tls(admin, output) if of_tls else _show(admin, output, ignore, warnings)
    if not good and not exit_zero:
        context.exit(NOT_GOOD)


def _show_gateways(admin: Address, output: str) -> bool:
    """Whether all are programmed."""
    found = admin_client.gateways(admin)
    if output == "json":
        say(json_text(found))
    else:
        show(lines_of_gateways(found, datetime.now(UTC)))
    return found.is_programmed


def _look(admin: Address, ignore: Collection[Code], warnings: bool) -> Look:
    state, found = _asked(admin, ignore)

    def at(now: datetime) -> list[Line]:
        return list(report(state, found, now, warnings=warnings))

    return Look(at(datetime.now(UTC)), at(datetime.min.replace(tzinfo=UTC)))


def _show(admin: Address, output: str, ignore: Collection[Code], warnings: bool) -> bool:
    """Whether all is well."""
    state, found = _asked(admin, ignore)
    if output == "json":
        chosen = shown_findings(found, warnings=warnings).shown
        say(json_text({**msgspec.to_builtins(state), "diagnostics": chosen}))
    else:
        show(report(state, found, datetime.now(UTC), warnings=warnings))
    return state.is_synced and not any(f.severity == "error" for f in found)


def _asked(admin: Address, ignore: Collection[Code]) -> tuple[Status, tuple[Finding, ...]]:
    ignored = {code.id for code in ignore}
    state, found = admin_client.status(admin), admin_client.diagnostics(admin).diagnostics
    return state, tuple(finding for finding in found if finding.code not in ignored)


def _show_tls(admin: Address, output: str) -> bool:
    found = admin_client.tls(admin)
    if output == "json":
        say(json_text(found))
    else:
        show(lines_of_tls(found, datetime.now(UTC)))
    return found.is_good
