"""The boundaries of one stream: what fails in it ends or misses something in it alone."""

import structlog

from controlplane.xds.stream import Stream
from controlplane.xds.wire import StreamFault

log = structlog.stdlib.get_logger("xds")


def first_fault(faults: ExceptionGroup[StreamFault]) -> StreamFault:
    """The first fault, however deep task groups have wrapped it."""
    for fault in faults.exceptions:
        return first_fault(fault) if isinstance(fault, ExceptionGroup) else fault
    raise AssertionError("a group of exceptions is never empty")


class Contained:
    """The boundary of a stream for events that come from outside of it.

    Not a generator: a publish enters it a thousand times.
    """

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        log.error("stream_failed", proxy=self._stream.connection.proxy.name, exc_info=error)
        return True
