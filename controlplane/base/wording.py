"""Lists and counts, as messages word them."""

from collections.abc import Iterable, Sequence


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
