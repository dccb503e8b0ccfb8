"""Why streams end, counted and logged."""

from collections.abc import Callable
from datetime import datetime

import structlog

from controlplane.xds.log_throttle import LogThrottle
from controlplane.xds.stream import Traffic
from controlplane.xds.wire import LimitExceeded, StreamFault

log = structlog.stdlib.get_logger("xds")


class FaultLog:
    """Of one limit there are not more than two lines a minute, whoever the peers are."""

    def __init__(self, traffic: Traffic, clock: Callable[[], datetime]) -> None:
        self._traffic = traffic
        self._clock = clock
        self._of_peer = LogThrottle()
        self._of_limit = LogThrottle()

    def note(self, fault: StreamFault, peer: str) -> None:
        """Count and log the fault of one stream."""
        if isinstance(fault, LimitExceeded):
            self._traffic.limited(fault.limit)
            if self._of_limit.is_due("", fault.limit, self._clock()):
                log.warning("client_limited", limit=fault.limit, peer=peer, reason=fault.text)
        elif self._of_peer.is_due(peer, fault.text, self._clock()):
            log.warning("stream_closed", peer=peer, reason=fault.text)
