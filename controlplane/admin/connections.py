"""The connections of the admin interface: idle and slow ones end, so that it always answers.

uvicorn ends connections that are idle after an answer and limits headers. It waits forever for the
first request and for the rest of one, and refuses everybody once there are too many connections;
here the oldest one makes room.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Times are seconds."""

    request: float = 5.0
    """In which a request must have come whole, from the connection or from its first byte."""
    keep_alive: int = 30
    """For which a connection is kept after an answer."""
    idle: int = 64
    """Connections without a request, of which the oldest is closed for a new one …"""
    spared: float = 0.5
    """… unless it is younger than this: its request may be on its way."""
    connections: int = 256
    """Connections of any kind; for a new one the oldest is closed, rather an idle one."""


DEFAULT: Final = ConnectionLimits()


class LimitedConnection(H11Protocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: ConnectionLimits,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn declares it
        super().connection_made(transport)
        self._since = self.loop.time()
        self._await_request()
        self._make_room(for_this=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.is_idle:
            self._await_request()
        else:
            self._stop_timer()

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    def _await_request(self) -> None:
        """From now on, unless it is awaited already: further bytes give no further time."""
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self._limits.request, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _make_room(self, *, for_this: bool) -> None:
        """Close the oldest connections beyond the limits, but not this one that just came."""
        oldest = sorted(
            (c for c in self.connections if isinstance(c, LimitedConnection) and c.is_open),
            key=lambda c: (c is self and for_this, not c.is_idle, c._since),
        )
        too_many = max(len(oldest) - self._limits.connections, 0)
        idle = [connection for connection in oldest if connection.is_idle]
        too_idle = max(len(idle) - self._limits.idle, 0)
        for connection in oldest[:too_many]:
            connection.transport.abort()
        young = self.loop.time() - self._limits.spared
        for connection in idle[too_many:too_idle]:
            if connection._since > young:
                later = partial(self._make_room, for_this=False)
                self.loop.call_later(self._limits.spared, later)
                break
            connection.transport.abort()

    @property
    def is_open(self) -> bool:
        return not self.transport.is_closing()
