"""Limits how often one log line is repeated: a client that is refused comes back several times a
second.
"""

from datetime import datetime, timedelta
from typing import Final

REPEATED_EVERY: Final = timedelta(seconds=30)
_REMEMBERED: Final = 1_000  # reasons; when there are more, all are forgotten and logged again


class LogThrottle:
    """The reasons that were logged recently, with the machine each is about."""

    def __init__(self) -> None:
        self._logged: dict[tuple[str, str], datetime] = {}

    def is_due(self, peer: str, reason: str, now: datetime) -> bool:
        """Whether to log ``reason`` for ``peer`` (``ipv4:10.0.0.1:4711``, of any port) now."""
        about = (peer.rpartition(":")[0], reason)
        last = self._logged.get(about)
        if last is not None and now - last < REPEATED_EVERY:
            return False
        if len(self._logged) >= _REMEMBERED:
            self._logged.clear()
        self._logged[about] = now
        return True
