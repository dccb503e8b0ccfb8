"""``controlplane status``: which proxies are in sync, and what keeps the others from it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import click
import msgspec

from controlplane.admin.view import Finding, Status, json_text
from controlplane.base import codes
from controlplane.base.addresses import Address
from controlplane.base.wording import first_of
from controlplane.cli import admin_client
from controlplane.cli.options import admin_to_ask, example
from controlplane.cli.output import Segment, Style, printable, say, show
from controlplane.cli.status_view import display_name, held_removals, overdue, rejection, table
from controlplane.cli.tls_view import lines as lines_of_tls

NOT_IN_SYNC: Final = 1
OBJECTS_NAMED: Final = 4
OF_SECRETS: Final = frozenset(
    code.id
    for code in (
        codes.UNKNOWN_SECRET,
        codes.SECRET_INCOMPLETE,
        codes.SECRET_UNREADABLE,
        codes.KEY_MISMATCH,
        codes.KEY_UNSUPPORTED,
        codes.CERTIFICATE_EXPIRED,
        codes.CERTIFICATE_NOT_YET_VALID,
        codes.CERTIFICATE_EXPIRES,
    )
)
"""What is wrong with Secrets; time alone can cause it."""


@click.command(
    epilog=example(
        "controlplane status",
        "controlplane status --tls",
        "controlplane status --output json | jq .proxies",
    )
)
@admin_to_ask
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output for people or for programs.",
)
@click.option(
    "--tls",
    "of_tls",
    is_flag=True,
    help="Perform a handshake with every TLS upstream; show what it presents and what"
    "is expected, and the Secrets in use.",
)
@click.pass_context
def status(context: click.Context, admin: Address, output: str, of_tls: bool) -> None:
    """Show which proxies are in sync.

    Exits with 0 when all are synced, with 1 when something is rejected, refused, held or still on
    its way, with 3 when no control plane answers. With --tls, 1 when a handshake fails or a Secret
    has problems; nothing but handshakes is sent.
    """
    if of_tls:
        _show_tls(context, admin, output)
        return
    state, findings = admin_client.status(admin), admin_client.diagnostics(admin).diagnostics
    refused = [f for f in findings if f.refused]
    secrets = [f for f in findings if f.code in OF_SECRETS]
    if output == "json":
        shown = {**msgspec.to_builtins(state), "diagnostics": [*refused, *secrets]}
        say(json_text(shown))
    else:
        show(lines(state, refused, datetime.now(UTC), secrets))
    if not state.is_synced:
        context.exit(NOT_IN_SYNC)


def _show_tls(context: click.Context, admin: Address, output: str) -> None:
    found = admin_client.tls(admin)
    if output == "json":
        say(json_text(found))
    else:
        show(lines_of_tls(found, datetime.now(UTC)))
    if not found.is_good:
        context.exit(NOT_IN_SYNC)


def lines(
    state: Status, refused: list[Finding], now: datetime, secrets: Sequence[Finding] = ()
) -> Iterator[list[Segment]]:
    """The table, what proxies do not answer or reject, objects that are refused, Secrets with
    problems.
    """
    if not state.ready:
        yield [("the first load is not complete", Style.WARNING)]
    if state.proxies:
        yield from table(state.proxies, now)
    else:
        yield [("no proxy is connected", Style.WARNING)]
    for shown in state.proxies:
        late = list(overdue(shown.proxy, now))
        yield from ([], *late) if late else ()
        for rejected in shown.rejected:
            yield []
            yield from rejection(shown.proxy.full_name, rejected)
    for finding in refused:
        yield []
        yield from _refusal(finding)
    for finding in secrets:
        yield []
        yield from _problem(finding)
    if state.held_removals:
        yield []
        names = [display_name(name) for name in state.held_removals]
        yield from held_removals(len(names), first_of(names, OBJECTS_NAMED))
    refusals = f", {state.refused} refused" if state.refused else ""
    yield []
    yield [(f"{state.objects} objects in force{refusals}", Style.PLAIN)]


def _refusal(finding: Finding) -> Iterator[list[Segment]]:
    yield _headline(finding)
    if finding.object is not None:
        name = display_name(finding.object)
        kept = f"   {name} is refused; its last accepted version stays in force"
        yield [(kept, Style.PLAIN)]
    yield from _hint(finding)


def _problem(finding: Finding) -> Iterator[list[Segment]]:
    """A Secret that is not served as declared, or expires soon; ``--tls`` shows who uses it."""
    yield _headline(finding)
    yield from _hint(finding)


def _headline(finding: Finding) -> list[Segment]:
    return [
        (printable(_where(finding)), Style.NAME),
        (": ", Style.PLAIN),
        (
            f"{finding.severity} {finding.code}",
            Style.ERROR if finding.severity == "error" else Style.WARNING,
        ),
        (f": {printable(finding.message)}", Style.NAME),
    ]


def _where(finding: Finding) -> str:
    if not finding.path:
        return finding.object or "?"
    return f"{finding.path}:{finding.line}:{finding.column}" if finding.line else finding.path


def _hint(finding: Finding) -> Iterator[list[Segment]]:
    if finding.hint is not None:
        yield [("   hint: ", Style.GOOD), (printable(finding.hint), Style.PLAIN)]
