"""Lists, counts and values, as messages word them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

_SHOWN: Final = 40  # characters of a text that a message shows


def listed(words: Iterable[object]) -> str:
    """``v1, v2 and v3``; ``nothing`` where there is none."""
    *first, last = [str(word) for word in words] or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last


def first_of(words: Sequence[str], shown: int) -> str:
    """``a, b and 3 more``: the first ``shown``, and how many there are beyond."""
    more = len(words) - shown
    return ", ".join(words[:shown]) + (f" and {more} more" if more > 0 else "")


def counted(count: int, noun: str) -> str:
    """``1 object``, ``3 objects``, ``2 proxies``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def described(value: object) -> str:
    """What a value is, in words of YAML: ``the text "80"``, ``a list``."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the text "{value if len(value) <= _SHOWN else value[:_SHOWN] + "…"}"'
        case Mapping():
            return "a mapping"
        case _:
            return "a list"
