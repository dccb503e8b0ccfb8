"""One JSON file becomes plain data: JSON's own syntax, then the builder for YAML, of which JSON is
a part.

So depth, duplicate keys and places are the same for both. A ``.json`` file holds one value.
Source: RFC 8259.
"""

import json
import re
from typing import Final

from controlplane.base import codes
from controlplane.documents.faults import Fault
from controlplane.documents.yaml import Parsed, parsed

_SURROGATES: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_TRAILING_COMMA: Final = "a comma comes before the closing bracket"
_MESSAGES: Final = {
    "Expecting value": "a value is missing here",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing before this",
    "Expecting ':' delimiter": "a colon is missing before this",
    "Expecting property name enclosed in double quotes": "a key in double quotes is missing here",
    "Extra data": "text follows the value; a .json file holds one value, such as a List",
    "Unterminated string starting at": "the quote that opens here is not closed",
    "Invalid control character at": "a text holds a line break, tab or other control character",
    "Illegal trailing comma before end of object": _TRAILING_COMMA,
    "Illegal trailing comma before end of array": _TRAILING_COMMA,
}


def parsed_json(text: str) -> Parsed:
    """The value of ``text``, which has gone through ``as_yaml``.

    An empty text is an empty document.
    """
    if not text.strip():
        return Parsed(data=None)
    outcome = parsed(text)
    if outcome.fault is not None and outcome.fault.code is not codes.YAML_SYNTAX:
        return outcome  # too deep for the json module as well
    try:
        json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return Parsed(data=None, fault=_syntax_fault(text, error))
    except ValueError as error:
        return Parsed(
            data=None, fault=_fault(max(text.find(str(error)), 0), f"{error} is not JSON")
        )
    return outcome


def _syntax_fault(text: str, error: json.JSONDecodeError) -> Fault:
    before = text[: error.pos].rstrip()
    if before.endswith(",") and text[error.pos : error.pos + 1] in ("}", "]"):
        return _fault(len(before) - 1, _TRAILING_COMMA)  # which Python 3.13 says itself
    reason = error.msg.removesuffix(" at") if error.msg not in _MESSAGES else error.msg
    return _fault(min(error.pos, len(text) - 1), _MESSAGES.get(reason, reason))


def as_yaml(text: str) -> str:
    """The same value on the same lines for a YAML parser, which accepts JSON with two exceptions.

    Tabs before the first bracket become spaces, pairs of ``\\u`` surrogates their one character.
    """
    value = text.lstrip()
    space = text[: len(text) - len(value)].replace("\t", " ")
    return space + _SURROGATES.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), value.rstrip())


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _fault(start: int, message: str) -> Fault:
    return Fault(code=codes.YAML_SYNTAX, start=start, message=message)
