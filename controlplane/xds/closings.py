"""Why streams are closed, told now and then: who is refused comes again several times a second."""

from datetime import datetime
from datetime import timedelta
from typing import Final

TOLD_EVERY: Final = timedelta(seconds=30)
_REMEMBERED: Final = 1_000  # reasons; when there are more, all are told anew


class Closings:
    """The reasons that were told lately, with the machine each is about."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], datetime] = {}

    def are_news(self, peer: str, reason: str, now: datetime) -> bool:
        """Whether ``reason`` is to be told of ``peer`` (``ipv4:10.0.0.1:4711``, of any port)."""
        about = (peer.rpartition(":")[0], reason)
        last = self._told.get(about)
        if last is not None and now - last < TOLD_EVERY:
            return False
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[about] = now
        return True
