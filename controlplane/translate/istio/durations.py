"""Lengths of time as the model has them."""

from datetime import timedelta

from controlplane.kinds.spec import Duration


def length(duration: Duration | None) -> timedelta | None:
    """The length, to the microsecond; ``None`` where the user said nothing."""
    return None if duration is None else duration.length
