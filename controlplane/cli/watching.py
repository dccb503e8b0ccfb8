"""A report that is shown again whenever it changes, until Ctrl-C."""

from collections.abc import Callable, Sequence

import click

from controlplane.base.errors import AdminUnreachable
from controlplane.cli.output import Segment, Style, is_coloured, show

Lines = Sequence[Sequence[Segment]]


def watched(report: Callable[[], Lines], sleep: Callable[[float], None], *, every: float) -> None:
    """Show ``report`` in place of the last one on a terminal, below it elsewhere; look at it
    ``every`` so many seconds. What no longer answers may come back, so that is shown, too.
    """
    before: Lines | None = None
    try:
        while True:
            now = report() if before is None else _report_or_fault(report)
            if now != before:
                if is_coloured():
                    click.clear()
                elif before is not None:
                    show([[]])
                show(now)
                before = now
            sleep(every)
    except KeyboardInterrupt:
        return


def _report_or_fault(report: Callable[[], Lines]) -> Lines:
    try:
        return report()
    except AdminUnreachable as fault:
        return [[(fault.message, Style.ERROR)]]
