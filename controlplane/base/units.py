"""Quantities as users write them become typed values here, and print here.

Durations follow Go's ``time.ParseDuration`` (``1h2m3.5s``, ``100ms``, ``.5s``), which is what
Istio's API accepts. Source: https://pkg.go.dev/time#ParseDuration
"""

import re
from datetime import timedelta
from fractions import Fraction
from typing import Final

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def nanoseconds(text: str) -> int | None:
    """The length of a Go duration in nanoseconds; ``None`` when ``text`` is not one."""
    rest, sign = text, 1
    if rest[:1] in ("-", "+"):
        sign = -1 if rest[0] == "-" else 1
        rest = rest[1:]
    if rest == "0":
        return 0
    total, at = 0, 0
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None:
            return None
        total += int(
            Fraction(part[1] if part[1][0] != "." else f"0{part[1]}") * _NANOSECONDS[part[2]]
        )
        at = part.end()
    return sign * total if at else None


def duration(text: str) -> timedelta | None:
    """A Go duration, to the microsecond; ``None`` when ``text`` is not one."""
    length = nanoseconds(text)
    return None if length is None else timedelta(microseconds=length // 1_000)
