"""The budget of streams that have not shown yet that they read."""

import asyncio
from contextlib import AsyncExitStack

from controlplane.xds.unread import Unread


class Writes:
    """Writes that end when they are told to."""

    def __init__(self, most: int) -> None:
        self.unread = Unread(most)
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, name: str, size: int) -> None:
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.ensure_future(self._write(name, size))
        await settled()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self._tasks[name]
        await settled()

    async def cancel(self, name: str) -> None:
        self._tasks[name].cancel()
        await settled()

    async def _write(self, name: str, size: int) -> None:
        async with self.unread.written(size):
            self.begun.append(name)
            await self._ends[name].wait()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_does_not_fit_waits_its_turn() -> None:
    writes = Writes(10)
    for name, size in (("a", 6), ("b", 4), ("c", 5), ("d", 1)):
        await writes.begin(name, size)
    before = (list(writes.begun), writes.unread.size)
    await writes.end("b")
    between = list(writes.begun)
    await writes.end("a")

    assert before == (["a", "b"], 10)
    assert between == ["a", "b"], "a small one does not overtake"
    assert (writes.begun, writes.unread.size) == (["a", "b", "c", "d"], 6)


async def test_one_that_is_larger_than_all_is_written_alone() -> None:
    writes = Writes(10)
    for name in ("a", "b"):
        await writes.begin(name, 50)
    before = list(writes.begun)
    await writes.end("a")

    assert (before, writes.begun, writes.unread.size) == (["a"], ["a", "b"], 50)


async def test_a_stream_that_ends_while_it_waits_or_writes_makes_room() -> None:
    writes = Writes(10)
    for name, size in (("a", 9), ("b", 9), ("c", 1)):
        await writes.begin(name, size)
    await writes.cancel("b")
    between = list(writes.begun)
    await writes.cancel("a")
    await writes.end("c")

    assert (between, writes.unread.size) == (["a", "c"], 0)


async def test_a_turn_that_comes_as_the_stream_ends_is_given_on() -> None:
    unread = Unread(10)
    async with AsyncExitStack() as first:
        await first.enter_async_context(unread.written(10))

        async def second() -> None:
            async with unread.written(10):
                raise AssertionError("it was cancelled")

        waiting = asyncio.ensure_future(second())
        await settled()
    waiting.cancel()
    await settled()

    assert (waiting.cancelled(), unread.size) == (True, 0)
