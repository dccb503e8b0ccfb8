"""libyaml's errors become faults that say what is there and what was expected.

Where the text shows the cause (a tab, a missing space, an open quote), the fault points there and
names it; otherwise libyaml's own words are kept.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from yaml import MarkedYAMLError, YAMLError
from yaml.reader import ReaderError

from controlplane.base import codes
from controlplane.documents.faults import Fault

_PAIR: Final = re.compile(r"\s*(?:- +)*(?P<key>[^\s:#'\"][^:#]*?):(?:\s+(?P<value>\S.*))?")
_UNSPACED: Final = re.compile(r"\s*(?:- +)*(?P<key>[A-Za-z_][\w./-]*):(?P<value>[^\s:/].*)")
_COLONLESS: Final = 'this line is not a "key: value" pair: it has no colon'
_TAB: Final = "a tab indents this line; YAML indents with spaces"


def syntax_fault(text: str, error: YAMLError) -> Fault:
    """What keeps ``text`` from being YAML, at the character where it shows."""
    if isinstance(error, ReaderError):
        return _unreadable(text, error)
    assert isinstance(error, MarkedYAMLError), "libyaml raises nothing else"
    complaint = _complaint(text, error)
    explain = _EXPLANATIONS.get(complaint.problem)
    return explain(complaint) if explain else _in_its_own_words(complaint)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Complaint:
    """Libyaml's problem at ``at`` while it was in what began at ``since``.

    Both count characters.
    """

    text: str
    problem: str
    at: int
    context: str
    since: int

    @property
    def line_start(self) -> int:
        return self.text.rfind("\n", 0, self.at) + 1

    @property
    def line(self) -> str:
        return _line_at(self.text, self.at)

    @property
    def before(self) -> str:
        """The line up to the problem."""
        return self.text[self.line_start : self.at]

    @property
    def character(self) -> str:
        return self.text[self.at : self.at + 1]

    def fault(
        self,
        message: str,
        *,
        hint: str | None = None,
        start: int | None = None,
        earlier: str | None = None,
    ) -> Fault:
        """``earlier`` is said of the place where the context began."""
        at = self.at if start is None else start
        return Fault(
            code=codes.YAML_SYNTAX,
            start=min(at, max(len(self.text) - 1, 0)),
            message=message,
            hint=hint,
            earlier=((self.since, earlier),) if earlier else (),
        )


def _complaint(text: str, error: MarkedYAMLError) -> _Complaint:
    at = error.problem_mark.index if error.problem_mark else 0
    since = error.context_mark.index if error.context_mark else at
    return _Complaint(
        text=text, problem=error.problem or "", at=at, context=error.context or "", since=since
    )


def _unreadable(text: str, error: ReaderError) -> Fault:
    """``error.position`` counts bytes of UTF-8."""
    start = len(text.encode()[: error.position].decode(errors="ignore"))
    character = ord(text[start]) if start < len(text) else 0
    message = f"the character U+{character:04X} is not allowed in YAML"
    hint = "the file looks like a binary file" if not character else None
    return Fault(code=codes.YAML_SYNTAX, start=start, message=message, hint=hint)


def _wrong_start(complaint: _Complaint) -> Fault:
    character = complaint.character
    if character == "\t":
        return complaint.fault(_TAB)
    message = f'a value cannot begin with "{character}" unless it is quoted'
    return complaint.fault(message, hint="put the value in quotes")


def _tab_in_block(complaint: _Complaint) -> Fault:
    return complaint.fault(_TAB)


def _second_colon(complaint: _Complaint) -> Fault:
    """A ``:`` where no key is possible.

    On the same line, or because the line before is not what it seems.
    """
    own = _PAIR.match(complaint.before)
    if own and own["value"]:
        message = f'the value of "{own["key"]}" has a second ": " in it'
        return complaint.fault(message, hint="put the value in quotes")
    above, above_start = _line_above(complaint)
    unspaced = _UNSPACED.match(above)
    if unspaced and ": " not in above:
        start = above_start + unspaced.start("value") - 1
        message = f'a space is missing after the colon of "{unspaced["key"]}:"'
        return complaint.fault(message, start=start)
    pair = _PAIR.match(above)
    deeper = _indentation(complaint.line) > _indentation(above)
    if deeper and pair and pair["value"]:
        message = f'this line nests under "{pair["key"]}", which already has a value'
        hint = "indent both lines equally, or remove that value"
        key = complaint.line_start + _indentation(complaint.line)
        return complaint.fault(message, hint=hint, start=key)
    if above.strip():
        return complaint.fault(_COLONLESS, start=above_start + _indentation(above))
    return complaint.fault("a colon is where no key is possible")


def _no_colon(complaint: _Complaint) -> Fault:
    """What began at ``since`` as a key ended without being one."""
    word = _line_at(complaint.text, complaint.since)[_column(complaint.text, complaint.since) :]
    hint = f'write "{word.rstrip()}:"' if word.strip().isalnum() else None
    return complaint.fault(_COLONLESS, hint=hint, start=complaint.since)


def _no_key(complaint: _Complaint) -> Fault:
    """The mapping that began at ``since`` continues with something that is not a key of it."""
    if complaint.before.strip():
        return complaint.fault(
            "the value ended before this text", hint="put the whole value in quotes"
        )
    since = _column(complaint.text, complaint.since)
    indentation = _indentation(complaint.line)
    dash = complaint.line.lstrip().startswith("- ")
    if indentation == since and complaint.character == ":":
        return complaint.fault("a key is missing before this colon")
    if indentation == since and not dash:
        return _in_its_own_words(complaint)
    if indentation == since:
        return complaint.fault("expected a key of the mapping, found a list item")
    return complaint.fault(
        f"this line is indented by {indentation}, the mapping that it continues by {since}",
        hint="indent the keys of a mapping equally",
        earlier="the mapping begins here",
    )


def _no_dash(complaint: _Complaint) -> Fault:
    since = _column(complaint.text, complaint.since)
    return complaint.fault(
        "this line is not an item of the list above, whose items begin with - "
        f"in column {since + 1}",
        hint="indent it below its item, or begin it with a dash",
    )


def _inner_dash(complaint: _Complaint) -> Fault:
    return complaint.fault("a list begins on the line of its key", hint="begin it on the next line")


def _end_of_text(complaint: _Complaint) -> Fault:
    if "quoted" in complaint.context:
        return complaint.fault("the quote that opens here is not closed", start=complaint.since)
    return _in_its_own_words(complaint)


def _open_bracket(complaint: _Complaint) -> Fault:
    bracket = complaint.text[complaint.since : complaint.since + 1]
    closing = {"[": "]", "{": "}"}.get(bracket, bracket)
    if _line_number(complaint.text, complaint.at) == _line_number(complaint.text, complaint.since):
        return complaint.fault(f'a comma or the closing "{closing}" is missing before this')
    message = f'the "{bracket}" that opens here is not closed, or a comma is missing in it'
    return complaint.fault(message, start=complaint.since)


def _no_value(complaint: _Complaint) -> Fault:
    character = complaint.character
    if character in ("]", "}"):
        return complaint.fault(f'a "{character}" closes nothing that was opened')
    if complaint.at >= len(complaint.text.rstrip()):
        message = "the document ends where a value or a closing bracket is missing"
        return complaint.fault(message, start=max(len(complaint.text.rstrip()) - 1, 0))
    if character == ":" and complaint.text[complaint.at + 1 : complaint.at + 2].strip():
        message = "a value in brackets cannot begin with a colon unless it is quoted"
        return complaint.fault(message, hint="put the value in quotes")
    return complaint.fault("a value is missing here")


def _no_name(complaint: _Complaint) -> Fault:
    what = "alias" if complaint.context.endswith("alias") else "anchor"
    return complaint.fault(
        f'a value cannot begin with "{"*" if what == "alias" else "&"}" unless it is quoted: '
        f"that begins the name of an {what}",
        hint="put the value in quotes",
        start=complaint.since,
    )


def _too_deep(complaint: _Complaint) -> Fault:
    return Fault(
        code=codes.TOO_DEEP,
        start=complaint.since,
        message="the document is nested far too deeply here",
    )


def _second_document(complaint: _Complaint) -> Fault:
    return complaint.fault("the document continues after its end", hint="begin a new one with ---")


def _escape(complaint: _Complaint) -> Fault:
    character = complaint.text[complaint.at + 1 : complaint.at + 2]
    return complaint.fault(
        f'"\\{character}" is not an escape sequence in double quotes',
        hint="use single quotes, or write the backslash twice",
    )


def _hexadecimal(complaint: _Complaint) -> Fault:
    return complaint.fault(
        "\\x needs 2 hexadecimal digits, \\u 4 and \\U 8",
        hint="use single quotes, or write the backslash twice",
    )


def _in_its_own_words(complaint: _Complaint) -> Fault:
    context = f"{complaint.context}: " if complaint.context else ""
    return complaint.fault(f"{context}{complaint.problem}")


_EXPLANATIONS: Final[dict[str, Callable[[_Complaint], Fault]]] = {
    "found character that cannot start any token": _wrong_start,
    "found a tab character where an indentation space is expected": _tab_in_block,
    "mapping values are not allowed in this context": _second_colon,
    "block sequence entries are not allowed in this context": _inner_dash,
    "could not find expected ':'": _no_colon,
    "did not find expected key": _no_key,
    "did not find expected '-' indicator": _no_dash,
    "did not find expected ',' or ']'": _open_bracket,
    "did not find expected ',' or '}'": _open_bracket,
    "did not find expected node content": _no_value,
    "did not find expected alphabetic or numeric character": _no_name,
    "found unexpected end of stream": _end_of_text,
    "did not find expected <document start>": _second_document,
    "exceeded maximum nesting depth": _too_deep,
    "found unknown escape character": _escape,
    "did not find expected hexdecimal number": _hexadecimal,
}


def _line_at(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return text[start : end if end >= 0 else len(text)].rstrip("\r")


def _line_above(complaint: _Complaint) -> tuple[str, int]:
    """The nearest line above with more than white space or a comment, and where it starts."""
    end = complaint.line_start
    while end > 0:
        start = complaint.text.rfind("\n", 0, end - 1) + 1
        line = complaint.text[start : end - 1]
        if line.strip() and not line.lstrip().startswith("#"):
            return line, start
        end = start
    return "", 0


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _column(text: str, at: int) -> int:
    return at - (text.rfind("\n", 0, at) + 1)


def _line_number(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
