"""Why streams end, counted and logged."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import grpc
import grpc.aio
import structlog

from controlplane.xds.contained import first_fault
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

    async def guard(
        self, context: grpc.aio.ServicerContext[bytes, bytes], conversation: Awaitable[None]
    ) -> None:
        """Await ``conversation``; where it fails, the stream ends with a status that says why."""
        fault: StreamFault | None = None
        try:
            await conversation
        except* StreamFault as faults:
            fault = first_fault(faults)
            self._note(fault, context.peer())
        except* Exception:
            fault = StreamFault(
                grpc.StatusCode.INTERNAL, "internal error of the control plane on this stream"
            )
            self._traffic.failed()
            log.exception("stream_failed", peer=context.peer())
        if fault is not None:
            # A client that does not read sees its status when it does; one that does not even read
            # from its socket answers no ping and is dropped with its connection.
            await context.abort(fault.code, fault.text)

    def _note(self, fault: StreamFault, peer: str) -> None:
        """Count and log the fault of one stream."""
        if isinstance(fault, LimitExceeded):
            self._traffic.limited(fault.limit)
            if self._of_limit.is_due("", fault.limit, self._clock()):
                log.warning("client_limited", limit=fault.limit, peer=peer, reason=fault.text)
        elif self._of_peer.is_due(peer, fault.text, self._clock()):
            log.warning("stream_closed", peer=peer, reason=fault.text)
