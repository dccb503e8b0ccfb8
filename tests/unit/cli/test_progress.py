"""The bar that long work shows on a terminal."""

import io
from collections.abc import Iterator
from itertools import count

from controlplane.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def seconds(step: float) -> Iterator[float]:
    return (number * step for number in count())


def shown(terminal: io.StringIO, step: float) -> str:
    clock = seconds(step)
    progress = Progress(terminal, lambda: next(clock))

    assert list(progress.over("Reading", range(10), 10)) == list(range(10))

    return terminal.getvalue()


def test_work_of_more_than_two_seconds_shows_a_bar_and_takes_it_away() -> None:
    text = shown(Terminal(), 0.5)

    assert "Reading  [" in text
    assert "30%" in text
    assert "90%" in text
    assert text.endswith("\r\x1b[K\x1b[?25h")


def test_shorter_work_shows_nothing() -> None:
    assert shown(Terminal(), 0.1) == ""


def test_what_is_no_terminal_gets_nothing() -> None:
    assert shown(io.StringIO(), 60) == ""
