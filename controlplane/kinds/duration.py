"""Text becomes a ``Duration``, in the range of Go's (64 bits of nanoseconds, about 292 years)."""

from datetime import timedelta
from functools import lru_cache
from typing import Final

from controlplane.base.units import nanoseconds
from controlplane.kinds.spec import Duration

_LONGEST: Final = 2**63 - 1  # nanoseconds; Go time.Duration


def value_of(wanted: type, value: object) -> object:
    """For msgspec: what it does not know itself are durations, and ``object``, which is anything.

    Raises ValueError where a duration is wanted and ``value`` is none.
    """
    if wanted is not Duration:
        return value
    found = duration(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a duration")
    return found


@lru_cache(maxsize=4096)
def duration(text: str) -> Duration | None:
    """The duration that ``text`` spells; ``None`` when it spells none."""
    length = nanoseconds(text)
    if length is None or abs(length) > _LONGEST:
        return None
    micros, beyond = divmod(length, 1_000)
    return Duration(timedelta(microseconds=micros), beyond)
