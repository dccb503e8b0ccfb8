"""A plain scalar's text becomes the value that Kubernetes reads in it.

YAML 1.1 as go-yaml v2 resolves it: ``y``, ``no`` and ``off`` are booleans, ``0x1f``, ``0o17``,
``017`` and ``0b1`` are integers; dates and sexagesimals stay text. A float that is a whole number
is an integer, because Kubernetes passes objects on as JSON (``80.0`` is 80).
Source: https://github.com/kubernetes-sigs/yaml, goyaml.v2/resolve.go
"""

import math
import re
from typing import Final

Scalar = str | int | float | bool | None

_SPELLINGS: Final[tuple[tuple[Scalar, tuple[str, ...]], ...]] = (
    (True, ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")),
    (False, ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")),
    (None, ("", "~", "null", "Null", "NULL")),
    (math.nan, (".nan", ".NaN", ".NAN")),
    (math.inf, (".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF")),
    (-math.inf, ("-.inf", "-.Inf", "-.INF")),
)
WORDS: Final[dict[str, Scalar]] = {word: value for value, words in _SPELLINGS for word in words}
FIRST_OF_NUMBER: Final = frozenset("+-.0123456789")

_INTEGER: Final = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))"
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WHOLE_LIMIT: Final = 1e21  # from here on Go's encoding/json writes an exponent
_SHORT: Final = 18  # digits that fit in 64 bits whatever they are
_INT64: Final = -(2**63)
_UINT64: Final = 2**64 - 1


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar without a tag."""
    if text in WORDS:
        return WORDS[text]
    return number(text) if text[0] in FIRST_OF_NUMBER else text


def number(text: str) -> str | int | float:
    """The number that ``text`` spells, or ``text`` itself; ``1_000`` is 1000."""
    if text.isdecimal() and text.isascii() and text[0] != "0" and len(text) < _SHORT:
        return int(text)
    digits = text if text[0] == "." else text.replace("_", "")
    whole = _integer(digits)
    if whole is not None:
        return whole
    if not _FLOAT.fullmatch(digits):
        return text
    value = float(digits)
    if math.isinf(value):
        return text
    return int(value) if value.is_integer() and abs(value) < _WHOLE_LIMIT else value


def key_text(value: Scalar) -> str | None:
    """A key as JSON has it, ``true`` for ``y``; ``None`` where the value cannot be a key."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case None:
            return None


def _integer(digits: str) -> int | None:
    spelled = _INTEGER.fullmatch(digits)
    if spelled is None:
        return None
    sign, hexadecimal, binary, octal, decimal = spelled.groups()
    if hexadecimal:
        value = int(hexadecimal, 16)
    elif binary:
        value = int(binary, 2)
    elif octal:
        value = int(octal, 8)
    else:
        if len(decimal) > 20:  # 2**64 has 20 digits, and int() is slow on very many
            return None
        value = int(decimal)
    value = -value if sign == "-" else value
    limit = _UINT64 if not sign else -_INT64 - 1
    return value if _INT64 <= value <= limit else None
