"""Steady traffic: clients that ask one after the other on connections that stay open."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

WAIT = 10.0  # seconds until answers that do not come fail the test


class Steady:
    """What clients were answered: the body of a 200, else the status."""

    def __init__(self, port: int) -> None:
        self.answers: Counter[str] = Counter()
        self._port = port
        self._answered = asyncio.Event()

    async def until(self, answer: str, times: int) -> None:
        """Return when ``answer`` came so many times from now on."""
        enough = self.answers[answer] + times
        async with asyncio.timeout(WAIT):
            while self.answers[answer] < enough:
                self._answered.clear()
                await self._answered.wait()

    async def _ask(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split()[0])
                body = await reader.readexactly(length)
                status = head.split()[1].decode()
                self.answers[body.decode() if status == "200" else status] += 1
                self._answered.set()
        finally:
            writer.close()


@asynccontextmanager
async def steady_traffic(port: int, *, clients: int = 2) -> AsyncIterator[Steady]:
    """Ask for ``/`` on ``port`` of loopback until the block ends; a lost connection fails it."""
    steady = Steady(port)
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(steady._ask()) for _ in range(clients)]
        yield steady
        for task in asking:
            task.cancel()
