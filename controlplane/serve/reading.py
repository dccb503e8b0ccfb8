"""Long texts are read on another thread, so that proxies are answered meanwhile.

Python's interpreter lets the event loop go on every 5 ms (``sys.getswitchinterval``), also within
one document; short texts are read at once, which is faster than another thread.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from controlplane.documents.content import SecretFolder, Skipped, Unreadable
from controlplane.engine.file_reader import Read, Reading, Text, read

AT_ONCE: Final = 64 * 1024  # bytes, which are read in about 10 ms

T = TypeVar("T")


async def read_ahead(readings: Sequence[Reading]) -> tuple[Read, ...]:
    """All that is to be read, where it is so much that others would wait; else nothing."""
    size = sum(_size(reading.text) for reading in readings)
    if size <= AT_ONCE:
        return ()
    return await off_the_loop(partial(_read_all, readings), size=size)


async def off_the_loop(work: Callable[[], T], *, size: int) -> T:
    """What ``work`` gives, which reads ``size`` bytes."""
    return work() if size <= AT_ONCE else await asyncio.to_thread(work)


def _read_all(readings: Sequence[Reading]) -> tuple[Read, ...]:
    return tuple(map(read, readings))


def _size(text: Text) -> int:
    match text:
        case Unreadable() | Skipped():
            return 0
        case SecretFolder(files=files):
            return sum(len(content) for _, content in files if isinstance(content, bytes))
        case _:
            return len(text)
