"""Lines that are alike, below each other in columns."""

from collections.abc import Iterable, Iterator
from itertools import groupby, zip_longest
from typing import Final

from controlplane.cli.diagnostic_text import cells
from controlplane.cli.output import Segment, Style

Line = list[Segment]
_WIDEST: Final = 64
"""Cells of a terminal; what is wider pushes its own line aside and no other."""
_BREAKS: Final = ("  ", " → ")


def aligned(lines: Iterable[Line]) -> Iterator[Line]:
    """``lines`` with each run of neighbours of one indentation in columns.

    A column begins at a segment that starts with two blanks or an arrow.
    """
    for _, run in groupby(lines, key=_indentation):
        rows = [_columns(line) for line in run]
        by_column = zip_longest(*([_width(column) for column in row[:-1]] for row in rows))
        widths = [max((w for w in ws if w and w <= _WIDEST), default=0) for ws in by_column]
        for row in rows:
            *first, last = row
            padded = [_padded(column, widths[i]) for i, column in enumerate(first)]
            yield [segment for column in (*padded, last) for segment in column]


def _indentation(line: Line) -> int:
    text = "".join(text for text, _ in line)
    return len(text) - len(text.lstrip(" "))


def _columns(line: Line) -> list[Line]:
    columns: list[Line] = [[]]
    has_begun = False
    for text, style in line:
        if has_begun and text.startswith(_BREAKS):
            columns.append([])
        columns[-1].append((text, style))
        has_begun = has_begun or bool(text.strip())
    return columns


def _width(column: Line) -> int:
    return sum(cells(text) for text, _ in column)


def _padded(column: Line, width: int) -> Line:
    missing = width - _width(column)
    return [*column, (" " * missing, Style.PLAIN)] if missing > 0 else column
