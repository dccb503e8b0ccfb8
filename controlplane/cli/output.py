"""All output of commands: plain text, in colour only for a person at a terminal."""

import os
import sys
from collections.abc import Iterable, Sequence
from enum import Enum

import click

Segment = tuple[str, "Style"]
"""A part of a line, and what it is."""


class Style(Enum):
    """What a part of a line is; the value is how rich shows it."""

    PLAIN = ""
    NAME = "bold"
    ERROR = "bold red"
    WARNING = "bold yellow"
    INFO = "bold cyan"
    GOOD = "green"
    QUIET = "dim"


def say(text: str) -> None:
    """Print to standard output what a command was asked for."""
    click.echo(text)


def complain(text: str) -> None:
    """Print errors and notices to standard error."""
    click.echo(text, err=True)


def show(lines: Iterable[Sequence[Segment]]) -> None:
    """Print to standard output, in colour where that is wanted."""
    if is_coloured():
        _show_coloured(lines)
        return
    for line in lines:
        say("".join(text for text, _ in line))


def is_coloured() -> bool:
    """Whether standard output is a terminal that shows colour. Source: https://no-color.org"""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def printable(text: str) -> str:
    """``text`` in one line and without anything that a terminal would interpret.

    Escapes, line breaks, bidi marks.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _show_coloured(lines: Iterable[Sequence[Segment]]) -> None:
    from rich.console import Console  # only where colour is shown: it takes long to import
    from rich.text import Text

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in lines:
        console.print(Text.assemble(*((text, style.value) for text, style in line)))
