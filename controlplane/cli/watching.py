"""A report that is shown again whenever it changes, until Ctrl-C."""

from collections.abc import Callable, Sequence

import click

from controlplane.cli.output import Segment, is_coloured, show

Lines = Sequence[Sequence[Segment]]


def watched(report: Callable[[], Lines], sleep: Callable[[float], None], *, every: float) -> None:
    """Show ``report`` in place of the last one on a terminal, below it elsewhere; look at it
    ``every`` so many seconds.
    """
    before: Lines | None = None
    try:
        while True:
            now = report()
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
