"""Lengths of time as Envoy can count them."""

from datetime import timedelta
from typing import Final

from controlplane.kinds.spec import Duration

LONGEST: Final = timedelta(days=36_500)
"""Envoy refuses what does not fit into 64 bits of nanoseconds, and multiplies some by ten."""


def length(duration: Duration | None) -> timedelta | None:
    """The length, at most a hundred years; ``None`` where the user said nothing."""
    return None if duration is None else min(duration.length, LONGEST)
