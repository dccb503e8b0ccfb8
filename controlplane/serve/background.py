"""Keeps background tasks alive: each step is contained, and a follower that fails is restarted."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Final

import structlog

from controlplane.base.diagnostics import UsersFault
from controlplane.base.errors import ControlPlaneError
from controlplane.engine.internal_errors import loggable, objects_of
from controlplane.graph import Fault
from controlplane.sources.tree import Changed

RESTARTED_AFTER: Final = 1.0  # seconds from the end of a follower to its next beginning

_FOLLOWING: Final = "following files"

Batch = tuple[Changed, ...]

log = structlog.stdlib.get_logger("serve")


class Steps:
    """The steps of background tasks. Repeated failures are logged once."""

    def __init__(self) -> None:
        self._failing: dict[str, str] = {}

    @contextmanager
    def contained(self, step: str, effect: str) -> Iterator[None]:
        """The boundary of one step: an internal error in it is logged and has only ``effect``."""
        try:
            yield
        except Exception as error:
            self.failed(step, effect, error)
        else:
            self.worked(step)

    def failed(self, step: str, effect: str, error: Exception) -> None:
        if self._failing.get(step) != repr(error):
            log.error("internal_error", where=step, effect=effect, exc_info=error)
        self._failing[step] = repr(error)

    def worked(self, step: str) -> None:
        if self._failing.pop(step, None) is not None:
            log.info("internal_error_over", where=step)


def log_faults(faults: Iterable[Fault]) -> None:
    """One line with a traceback for each kind of fault: a bug that every object meets is one."""
    kinds: dict[tuple[str, str], Fault] = {}
    times: Counter[tuple[str, str]] = Counter()
    for fault in faults:
        if isinstance(fault.error, UsersFault):
            continue
        kind = (fault.function, type(fault.error).__name__)
        kinds.setdefault(kind, fault)
        times[kind] += 1
    for kind, fault in kinds.items():
        key = next(objects_of(fault), None)
        log.error(
            "internal_error",
            where=fault.function,
            object=str(key) if key is not None else None,
            times=times[kind],
            effect="the last good version stays in force",
            exc_info=loggable(fault),
        )


async def followed(
    begin: Callable[[], AsyncGenerator[Batch, None]],
    pause: float = RESTARTED_AFTER,
) -> AsyncIterator[Batch]:
    """The batches of a follower of files, which begins again when it ends by an error.

    Then its first batch is whole, so the files that are gone by then are added. What the world
    refuses (``ControlPlaneError``) before the first batch is raised.
    """
    known: set[Path] = set()
    steps, has_begun = Steps(), False
    while True:
        try:
            async with aclosing(begin()) as batches:
                is_whole = has_begun
                async for batch in batches:
                    gone = known.difference(c.path for c in batch) if is_whole else ()
                    known |= {c.path for c in batch}
                    has_begun, is_whole = True, False
                    steps.worked(_FOLLOWING)
                    yield (*batch, *(Changed(path=path, text=None) for path in sorted(gone)))
            return
        except Exception as error:
            if isinstance(error, ControlPlaneError) and not has_begun:
                raise
            steps.failed(_FOLLOWING, "changes are noticed later", error)
        await asyncio.sleep(pause)
