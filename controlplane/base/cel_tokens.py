"""The tokens of the Common Expression Language, and the literals among them.

Source: cel-go ``parser/gen/CEL.g4``, ``parser/unescape.go``
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class CelFault(Exception):
    """The text is not an expression; ``at`` is the position of the character where that shows."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at


class TokenKind(Enum):
    FLOAT = auto()
    UINT = auto()
    INT = auto()
    BYTES = auto()
    STRING = auto()
    IDENTIFIER = auto()
    QUOTED = auto()
    """The name of a field in backquotes."""
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    kind: TokenKind
    text: str
    at: int


KEYWORDS: Final = frozenset({"in", "true", "false", "null"})
"""Words that are symbols, even behind a dot."""
_INT_LIMIT: Final = 2**63
_DIGITS: Final = 21
"""More than 64 bits have."""
_ESCAPE: Final = (
    r"\\(?:[abfnrtv\"'\\?`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})"
)
_STRING: Final = (
    rf'"""(?:{_ESCAPE}|[^\\])*?"""'
    rf"|'''(?:{_ESCAPE}|[^\\])*?'''"
    rf'|"(?:{_ESCAPE}|[^\\"\n\r])*"'
    rf"|'(?:{_ESCAPE}|[^\\'\n\r])*'"
    r'|[rR]"""[\s\S]*?"""'
    r"|[rR]'''[\s\S]*?'''"
    r'|[rR]"[^"\n\r]*"'
    r"|[rR]'[^'\n\r]*'"
)
_TOKENS: Final = re.compile(
    rf"""
    (?P<SKIPPED>[\t\ \r\n\f]+|//[^\n]*)
    |(?P<FLOAT>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<UINT>(?:0x[0-9a-fA-F]+|[0-9]+)[uU])
    |(?P<INT>0x[0-9a-fA-F]+|[0-9]+)
    |(?P<BYTES>[bB](?:{_STRING}))
    |(?P<STRING>{_STRING})
    |(?P<IDENTIFIER>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<QUOTED>`[A-Za-z0-9_./\ -]+`)
    |(?P<SYMBOL>==|!=|<=|>=|&&|\|\||[<>\[\]{{}}().,\-!?:+*/%])
    """,
    re.VERBOSE,
)
_ESCAPES: Final = re.compile(_ESCAPE)
_SIMPLE: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
"""What escapes stand for that are not the character itself."""
_UNICODE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|.)", re.DOTALL)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of ``text``, the last of them ``END``.

    Raises ``CelFault`` where a character begins none, or a literal has no value.
    """
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None:
            raise CelFault(at, f'"{text[at]}" is not part of an expression here')
        group = found.lastgroup
        assert group is not None, "every alternative is named"
        if group != "SKIPPED":
            yield _token(group, found[0], at)
        at = found.end()
    yield Token(TokenKind.END, "", at)


def _token(group: str, text: str, at: int) -> Token:
    token = Token(TokenKind[group], text, at)
    match token.kind:
        case TokenKind.IDENTIFIER if text in KEYWORDS:
            return Token(TokenKind.SYMBOL, text, at)
        case TokenKind.UINT if _whole(text[:-1]) >= 2 * _INT_LIMIT:
            raise CelFault(at, f"{text} is more than 64 bits hold")
        case TokenKind.FLOAT if math.isinf(float(text)):
            raise CelFault(at, f"{text} is more than a double holds")
        case TokenKind.STRING if text[0] not in "rR":
            _check_code_points(text, at)
        case TokenKind.BYTES if text[1] not in "rR":
            _check_bytes(text, at)
    return token


def is_int(token: Token, *, negative: bool) -> bool:
    """Whether a whole number with this sign fits into 64 bits."""
    return _whole(token.text) < _INT_LIMIT + negative


def _whole(text: str) -> int:
    """The number; only its first digits where it is far too large."""
    is_hexadecimal = text.startswith("0x")
    digits = text.removeprefix("0x").lstrip("0")[:_DIGITS] or "0"
    return int(digits, 16 if is_hexadecimal else 10)


def _check_code_points(text: str, at: int) -> None:
    for found in _UNICODE.finditer(text):
        digits = found[1] or found[2]
        if digits and not _is_code_point(int(digits, 16)):
            raise CelFault(at + found.start(), f"{found[0]} is not a Unicode character")


def _is_code_point(number: int) -> bool:
    return number < 0xD800 or 0xE000 <= number <= 0x10FFFF


def _check_bytes(text: str, at: int) -> None:
    for found in _UNICODE.finditer(text):
        if found[1] or found[2]:
            raise CelFault(at + found.start(), f"bytes have no {found[0]}")


def text_of(literal: str) -> str | None:
    """The text that a literal of text stands for; ``None`` for a literal of anything else."""
    is_raw = literal[:1] in ("r", "R")
    quoted = literal[1:] if is_raw else literal
    if quoted[:1] not in ("'", '"'):
        return None
    length = 3 if quoted[:3] in ('"""', "'''") and len(quoted) >= 6 else 1
    inner = quoted[length:-length]
    return inner if is_raw else _ESCAPES.sub(_meant, inner)


def _meant(found: re.Match[str]) -> str:
    escape = found[0][1:]
    if escape[0] in "xXuU":
        return chr(int(escape[1:], 16))
    return chr(int(escape, 8)) if escape.isdecimal() else _SIMPLE.get(escape, escape)
