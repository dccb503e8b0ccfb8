"""Streams of changed files: how tests open one and wait for its batches."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

from controlplane.documents.content import SecretFolder, Skipped, Unreadable
from controlplane.sources.tree import Changed

HOUR = timedelta(hours=1)
"""So long between scans that what a test sees comes from events."""

Stream = AsyncGenerator[tuple[Changed, ...], None]
Opened = Callable[..., "aclosing[Stream]"]


async def batch(files: Stream) -> dict[str, bytes | Unreadable | Skipped | SecretFolder | None]:
    changed = await asyncio.wait_for(anext(files), timeout=10)
    return {change.path.name: change.text for change in changed}


async def reports(
    files: Stream, expected: Mapping[str, bytes | Unreadable | Skipped | SecretFolder | None]
) -> None:
    """It reports just this, perhaps in several batches: a change may be seen in the midst of it."""
    reported = await batch(files)
    while reported != expected:
        try:
            reported |= await batch(files)
        except TimeoutError:
            raise AssertionError(f"it reports {reported}, expected {expected}") from None


def replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    temporary.rename(path)
