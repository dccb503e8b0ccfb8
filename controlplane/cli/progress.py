"""How far long work is, on a terminal: a bar on standard error once it takes more than two seconds.

Nothing is left of it at the end, and what is not a terminal gets nothing.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TextIO, TypeVar

import click

AFTER: Final = 2.0  # seconds of work before there is a bar
_ERASED: Final = "\r\x1b[K\x1b[?25h"
"""Takes the bar away and gives back the cursor, which click hides."""

T = TypeVar("T")


class Progress:
    """One piece of work with several parts, which began when this was made."""

    def __init__(
        self, terminal: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._terminal = terminal if terminal is not None else sys.stderr
        self._clock = clock
        self._due = clock() + AFTER

    def over(self, label: str, items: Iterable[T], length: int) -> Iterator[T]:
        """``items``, about ``length`` of them; each is done when the next is asked for."""
        bar = None
        shows = self._terminal.isatty()
        try:
            for done, item in enumerate(items):
                if bar is not None:
                    bar.update(1)
                elif shows and self._clock() >= self._due:
                    bar = click.progressbar(length=length, label=label, file=self._terminal)
                    bar.update(done)
                yield item
        finally:
            if bar is not None:
                self._terminal.write(_ERASED)
                self._terminal.flush()
