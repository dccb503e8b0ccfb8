"""``controlplane status``: which proxies have what they should have, and what is in the way."""

import json
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from typing import Final

import click
import msgspec

from controlplane.cli import admin as questions
from controlplane.cli.address import Address
from controlplane.cli.options import admin_to_ask
from controlplane.cli.options import example
from controlplane.cli.output import Segment
from controlplane.cli.output import Style
from controlplane.cli.output import printable
from controlplane.cli.output import say
from controlplane.cli.output import show
from controlplane.cli.proxies import State
from controlplane.cli.proxies import rejection
from controlplane.cli.proxies import spoken
from controlplane.cli.proxies import state_of
from controlplane.cli.proxies import table
from controlplane.cli.sent import Sent

NOT_IN_SYNC: Final = 1


class Finding(Sent, frozen=True):
    """One diagnostic of ``/api/v1/diagnostics``."""

    code: str
    severity: str
    message: str
    hint: str | None = None
    path: str = ""
    line: int = 0
    column: int = 0
    object: str | None = None
    refused: bool = False

    @property
    def where(self) -> str:
        if not self.path:
            return self.object or "?"
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


class Findings(Sent, frozen=True):
    diagnostics: tuple[Finding, ...] = ()


@click.command(
    epilog=example("controlplane status", "controlplane status --output json | jq .proxies")
)
@admin_to_ask
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.pass_context
def status(context: click.Context, admin: Address, output: str) -> None:
    """Show which proxies have what they should have.

    Exits with 0 when all are synced, with 1 when something is rejected, refused or still on its
    way, with 3 when no control plane answers.
    """
    said, found = questions.status(admin), questions.diagnostics(admin)
    state = state_of(said)
    refused = [f for f in msgspec.convert(found, Findings).diagnostics if f.refused]
    if output == "json":
        assert isinstance(said, dict), "the state is a JSON object"
        shown = {**said, "diagnostics": msgspec.to_builtins(refused)}
        say(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        show(lines(state, refused, datetime.now(UTC)))
    if not state.is_synced:
        context.exit(NOT_IN_SYNC)


def lines(state: State, refused: list[Finding], now: datetime) -> Iterator[list[Segment]]:
    """The table, what proxies reject, and the objects that are refused."""
    if not state.ready:
        yield [("the first load is not complete", Style.WARNING)]
    if state.proxies:
        yield from table(state.proxies, now)
    else:
        yield [("no proxy is connected", Style.WARNING)]
    for shown in state.proxies:
        for rejected in shown.rejected:
            yield []
            yield from rejection(str(shown.proxy), rejected)
    for finding in refused:
        yield []
        yield from _refusal(finding)
    refusals = f", {state.refused} refused" if state.refused else ""
    yield []
    yield [(f"{state.objects} objects in force{refusals}", Style.PLAIN)]


def _refusal(finding: Finding) -> Iterator[list[Segment]]:
    yield [
        (printable(finding.where), Style.NAME),
        (": ", Style.PLAIN),
        (f"{finding.severity} {finding.code}", Style.ERROR),
        (f": {printable(finding.message)}", Style.NAME),
    ]
    if finding.object is not None:
        kept = f"   {spoken(finding.object)} is refused; its last accepted version stays in force"
        yield [(kept, Style.PLAIN)]
    if finding.hint is not None:
        yield [("   hint: ", Style.GOOD), (printable(finding.hint), Style.PLAIN)]
