"""A fault of a text, told by what is odd in its line or in the one before it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from controlplane.base.oddities import oddity
from controlplane.documents.faults import Fault

_RULER: Final = re.compile(r"[ \t]*(?:--|-{4,}|[\u2014\u2013][-\u2014\u2013]*|[ \t]+---)[ \t\r]*")
_REMOVE: Final = "remove the line"
_STRAYS: Final = (
    (re.compile(r"[ \t]*(?:`{3,}|~{3,}).*"), "this line fences code in Markdown", _REMOVE),
    (
        re.compile(r"(?:<{7}|={7}|>{7}|\|{7})(?: .*)?"),
        "this line marks a conflict of git that is not resolved",
        "keep one of the versions, and remove the marks",
    ),
    (
        re.compile(r".*<<-? ?[\"']?[A-Za-z_]\w*[\"']?(?: *[|>].*)?"),
        "this line begins a here-document of a shell",
        _REMOVE,
    ),
    (re.compile(r"EO[FTL]"), "this line ends a here-document of a shell", _REMOVE),
    (
        re.compile(r"[ \t]*(?:[$#] )?(?:kubectl|istioctl|helm|oc|cat|export) .*"),
        "this line is a command of a shell",
        _REMOVE,
    ),
)
"""Lines that come along with YAML from a page or a script: what they are, and the mend."""
_COMMENT: Final = re.compile(r"[ \t]*#")


def explained(text: str, fault: Fault) -> Fault:
    """``fault`` with the words and the place of what is odd nearby; itself where nothing is."""
    for start, line in _lines(text, fault):
        if _RULER.fullmatch(line):
            shown = line.strip()
            message = f'"{shown}" does not separate documents; three hyphens in column 1 do'
            at = start + len(line) - len(line.lstrip())
            return replace(
                fault, start=at, width=len(shown), message=message, hint="write ---", earlier=()
            )
        stray = next(((what, hint) for of, what, hint in _STRAYS if of.fullmatch(line)), None)
        if stray is not None:
            return replace(
                fault, start=start, width=len(line), message=stray[0], hint=stray[1], earlier=()
            )
        odd = oddity(line) if not _COMMENT.match(line) else None
        if odd is not None:
            return replace(
                fault,
                start=start + odd.start,
                width=odd.end - odd.start,
                message=odd.message,
                hint=odd.hint,
                earlier=(),
            )
    return fault


def _lines(text: str, fault: Fault) -> Iterator[tuple[int, str]]:
    """The line of the fault, the one before it, and those that the fault refers to."""
    start = text.rfind("\n", 0, fault.start) + 1
    yield start, _line(text, start)
    before = text[:start].rstrip().rfind("\n") + 1
    if before < start:
        yield before, _line(text, before)
    for at, _ in fault.earlier:
        other = text.rfind("\n", 0, at) + 1
        yield other, _line(text, other)


def _line(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start : end if end >= 0 else len(text)].rstrip("\r")
