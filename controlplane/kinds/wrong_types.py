"""What is said of a value of another type than its field's: what is expected, and one step."""

import re
from typing import Final

from msgspec import inspect

_UNSPACED: Final = re.compile(r"[A-Za-z]\w*:(?=\S)(?!//)")
UNQUOTE: Final = "leave out the quotes"


def wanted_text(wanted: inspect.Type) -> str:
    match wanted:
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.VarTupleType():
            return "a list"
        case inspect.EnumType():
            return "one of " + ", ".join(str(member.value) for member in wanted.cls)
        case inspect.CustomType():
            return "a duration"
        case _:
            return "a mapping"


def type_hint(wanted: str, value: object) -> str | None:
    if wanted == "text" and isinstance(value, bool):
        return "YAML reads y, n, yes, no, on and off as booleans: put the text in quotes"
    if wanted == "text" and isinstance(value, int | float):
        return "put it in quotes"  # not its value: 1.0 and 0777 are 1 and 511 by now
    if wanted == "a list" and value is not None:
        return "write each item on its own line, beginning with a dash"
    unspaced = unspaced_key(value) if wanted == "a mapping" else None
    if unspaced is not None:
        return f'write a space after the colon of "{unspaced[0]}"'
    if wanted == "a whole number":
        return _number_hint(value)
    return UNQUOTE if isinstance(value, str) and _fits(wanted, value) else None


def _number_hint(value: object) -> str | None:
    """Of a share with its sign, and of Istio's way to write a port."""
    match value:
        case str() if _fits("a whole number", value):
            return UNQUOTE
        case str() if _fits("a whole number", value.removesuffix("%")):
            return f"write {value.removesuffix('%')}"
        case {"number": int(number)}:
            return f"write {number}"
    return None


def unspaced_key(value: object) -> re.Match[str] | None:
    """A key whose colon has no space after it, as in ``host:web``; no scheme, as in ``https://``."""
    return _UNSPACED.match(value) if isinstance(value, str) else None


def _fits(wanted: str, text: str) -> bool:
    """Whether ``text`` without quotes has the type that is expected."""
    match wanted:
        case "a whole number":
            return re.fullmatch(r"[-+]?\d+", text) is not None
        case "a number":
            return re.fullmatch(r"[-+]?\d+(\.\d+)?", text) is not None
        case "true or false":
            return text.lower() in ("true", "false", "yes", "no", "on", "off", "y", "n")
        case _:
            return False
