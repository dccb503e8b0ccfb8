"""A report that is shown again whenever it changes, until Ctrl-C."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from controlplane.base.errors import AdminUnreachable
from controlplane.cli.output import Segment, Style, is_coloured, show

Lines = Sequence[Sequence[Segment]]


@dataclass(frozen=True, slots=True)
class Look:
    """A report as it is shown, and as it is compared: without ages, which change all the time."""

    lines: Lines
    ageless: Lines


def watched(look: Callable[[], Look], sleep: Callable[[float], None], *, every: float) -> None:
    """Show a report in place of the last one on a terminal, and below it elsewhere, where more has
    changed than ages; look at it ``every`` so many seconds. What no longer answers may come back,
    so that is shown, too.
    """
    before: Look | None = None
    try:
        while True:
            now = look() if before is None else _look_or_fault(look)
            if is_coloured():
                click.clear()
                show(now.lines)
            elif before is None or now.ageless != before.ageless:
                show([*([[]] if before is not None else []), *now.lines])
            before = now
            sleep(every)
    except KeyboardInterrupt:
        return


def _look_or_fault(look: Callable[[], Look]) -> Look:
    try:
        return look()
    except AdminUnreachable as fault:
        said = [[(fault.message, Style.ERROR)]]
        return Look(said, said)
