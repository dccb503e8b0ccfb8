"""A file's text becomes chunks, one for each YAML document.

A chunk is the unit that stays when unchanged and that fails alone. A line that starts with ``---``
or ``...`` and continues with white space ends a document wherever it is, in block scalars and
quotes too, so no parser is needed to find the borders. Only line feeds end lines here.
Source: YAML 1.1, production ``c-forbidden``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

_AFTER_MARKER: Final = frozenset(" \t\r\n")
_START: Final = "---"
_BARE_LINE: Final = re.compile(r"[ \t\r]*(#.*|%.*)?")


@dataclass(frozen=True, slots=True)
class Chunk:
    """The text of one document with its ``---`` line; ``first_line`` counts from 1."""

    text: str
    first_line: int


def chunks(text: str, most: int | None = None) -> list[Chunk]:
    """The documents of ``text``, empty ones too; their texts joined are ``text`` again. Where there
    are more than ``most``, one more than that is returned, and the rest is not looked at.
    """
    result: list[Chunk] = []
    start, line = 0, 1
    for border in chain(_borders(text), (len(text),)):
        part = text[start:border]
        if result and _is_only_an_end(part):
            result[-1] = Chunk(result[-1].text + part, result[-1].first_line)
        elif part:
            result.append(Chunk(part, line))
            if most is not None and len(result) > most + 1:
                return result[:-1]
        line += part.count("\n")
        start = border
    return result


def _borders(text: str) -> Iterator[int]:
    """Where documents begin, but the first."""
    start = 0
    for at, marker in _markers(text):
        if marker != _START:
            line_end = text.find("\n", at)
            start = len(text) if line_end < 0 else line_end + 1
            yield start
        elif at and not _directives(text, start, at):
            start = at
            yield at


def _markers(text: str) -> Iterator[tuple[int, str]]:
    """Every ``---`` and ``...`` that begins a line and is followed by white space or nothing."""
    starts, ends = _lines_with(text, _START), _lines_with(text, "...")
    start, end = next(starts, None), next(ends, None)
    while start is not None or end is not None:
        if end is None or (start is not None and start < end):
            assert start is not None, "one of both is left"
            yield start, _START
            start = next(starts, None)
        else:
            yield end, "..."
            end = next(ends, None)


def _lines_with(text: str, marker: str) -> Iterator[int]:
    size = len(marker)
    at = 0 if text.startswith(marker) else text.find("\n" + marker) + 1
    while at or text.startswith(marker):
        if at + size == len(text) or text[at + size] in _AFTER_MARKER:
            yield at
        at = text.find("\n" + marker, at + size) + 1
        if not at:
            return


def _directives(text: str, start: int, end: int) -> bool:
    """Whether the lines up to the ``---`` are its own.

    ``%`` directives, comments and blank lines only.
    """
    if text[start:end].find("%") < 0:
        return False
    lines = text[start:end].removesuffix("\n").split("\n")
    return all(_BARE_LINE.fullmatch(line) for line in lines)


def _is_only_an_end(part: str) -> bool:
    """Whether ``part`` ends a document a second time; to libyaml ``...`` is no document."""
    if "..." not in part:
        return False
    *lines, last = part.removesuffix("\n").split("\n")
    return last.startswith("...") and all(_BARE_LINE.fullmatch(line) for line in lines)
