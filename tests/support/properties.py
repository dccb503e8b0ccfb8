"""How many examples a property is tried with: more in ``make fuzz`` than in the gate."""

from typing import Final

from hypothesis import settings

FUZZED: Final = 5
"""How many times as many examples ``make fuzz`` tries."""


def examples(number: int) -> int:
    """``number`` in the gate, whose examples are always the same."""
    return number if settings().derandomize else FUZZED * number
