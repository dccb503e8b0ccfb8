"""Long work in the event loop that lets others run in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

LONGEST: Final = 0.01  # seconds of work before others get their turn

T = TypeVar("T")


async def paced(items: Iterable[T]) -> AsyncIterator[T]:
    """``items``, each computed as it is asked for, with a pause for others now and then."""
    began = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - began >= LONGEST:
            await asyncio.sleep(0)
            began = time.perf_counter()
