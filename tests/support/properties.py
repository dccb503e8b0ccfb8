"""How many examples a property is tried with: more in ``make fuzz`` than in the gate."""

from typing import Final

from hypothesis import settings

FUZZED: Final = 5
"""How many times as many examples ``make fuzz`` tries."""


def examples(number: int, *, in_gate: int | None = None) -> int:
    """``number`` in the gate, whose examples are always the same, or fewer where each is slow."""
    if not settings().derandomize:
        return FUZZED * number
    return number if in_gate is None else in_gate


def is_fuzzing() -> bool:
    """Whether this is ``make fuzz``."""
    return not settings().derandomize
