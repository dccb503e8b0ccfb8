"""How much is being written to new streams of one identity at once.

gRPC holds a copy of a response until its client reads it. Whether a client does is known from its
first answer; until then it shares a budget with the others of its identity, so that two hundred
that never read do not make two hundred copies. Those that have answered wait for nobody.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Unread:
    """Lets ``most`` bytes be written at once, or one response that is larger."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def size(self) -> int:
        """The bytes that are being written now."""
        return self._size

    @asynccontextmanager
    async def written(self, size: int) -> AsyncIterator[None]:
        """Write ``size`` bytes in the block, when it is their turn."""
        size = max(size, 1)
        if self._waiting or not self._has_room(size):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append((size, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.cancelled():
                    self._admit()  # the next one may be smaller
                else:
                    self._end(size)
                raise
        else:
            self._size += size
        try:
            yield
        finally:
            self._end(size)

    def _has_room(self, size: int) -> bool:
        return not self._size or self._size + size <= self._most

    def _end(self, size: int) -> None:
        self._size -= size
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.cancelled():
                if not self._has_room(size):
                    break
                self._size += size
                turn.set_result(None)
            self._waiting.popleft()
