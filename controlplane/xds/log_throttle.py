"""Limits how often one log line is repeated: a client that is refused comes back several times a
second.
"""

from datetime import datetime, timedelta
from typing import Final

REPEATED_EVERY: Final = timedelta(seconds=30)
LINES: Final = 30  # of one machine in that time, whatever the reasons: it may make them up
_REMEMBERED: Final = 1_000  # reasons and machines; when there are more, all are forgotten


class LogThrottle:
    """The reasons that were logged recently, with the machine each is about."""

    def __init__(self) -> None:
        self._logged: dict[tuple[str, str], datetime] = {}
        self._lines: dict[str, tuple[datetime, int]] = {}

    def is_due(self, peer: str, reason: str, now: datetime) -> bool:
        """Whether to log ``reason`` for ``peer`` (``ipv4:10.0.0.1:4711``, of any port) now."""
        machine = peer.rpartition(":")[0]
        last = self._logged.get((machine, reason))
        if last is not None and now - last < REPEATED_EVERY:
            return False
        began, lines = self._lines.get(machine, (now, 0))
        if now - began >= REPEATED_EVERY:
            began, lines = now, 0
        if lines >= LINES:
            return False
        for remembered in (self._logged, self._lines):
            if len(remembered) >= _REMEMBERED:
                remembered.clear()
        self._logged[machine, reason] = now
        self._lines[machine] = (began, lines + 1)
        return True
