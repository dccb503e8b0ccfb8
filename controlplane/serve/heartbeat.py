"""Notices that the event loop does not turn, and where it is then.

While it does not, nothing is served and ``/healthz`` does not answer, which is what a liveness
probe sees. A thread looks from outside and logs the step that takes so long.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

LATE: Final = 5.0  # seconds without a turn that are worth a line
BEAT: Final = 0.5  # seconds between two beats
FRAMES: Final = 6  # innermost functions of a blocked loop that are logged
REMEMBERED: Final = 300.0  # seconds for which ``/healthz`` mentions the last block

_PACKAGE: Final = f"{Path(__file__).parents[1]}/"

log = structlog.stdlib.get_logger("serve")


class Heartbeat:
    """The beats of one event loop. ``monotonic`` gives seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._thread = threading.get_ident()
        self._last = monotonic()
        self._where: str | None = None
        self._block: tuple[float, float, str] | None = None

    def beat(self) -> None:
        """The loop turns."""
        now = self._monotonic()
        if self._where is not None:
            took = now - self._last
            self._block = (now, took, self._where)
            log.warning("event_loop_turns_again", blocked=round(took, 1), where=self._where)
            self._where = None
        self._last = now

    def look(self) -> None:
        """Look from another thread whether it does."""
        late = self._monotonic() - self._last
        if late >= LATE and self._where is None:
            self._where = _where(sys._current_frames().get(self._thread))
            log.warning("event_loop_blocked", seconds=round(late, 1), where=self._where)

    def state(self) -> str:
        """For ``/healthz``, which answers only while the loop turns."""
        if self._block is None or self._monotonic() - self._block[0] > REMEMBERED:
            return "ok"
        ended, took, where = self._block
        ago = self._monotonic() - ended
        return f"ok; nothing was served for {took:.0f} s until {ago:.0f} s ago: {where}"


@asynccontextmanager
async def beating(heartbeat: Heartbeat) -> AsyncIterator[None]:
    """While the block runs, the loop beats and a thread looks."""
    stopped = threading.Event()

    async def beat() -> None:
        while True:
            heartbeat.beat()
            await asyncio.sleep(BEAT)

    def look() -> None:
        while not stopped.wait(BEAT):
            heartbeat.look()

    thread = threading.Thread(target=look, name="heartbeat", daemon=True)
    thread.start()
    async with asyncio.TaskGroup() as tasks:
        beats = tasks.create_task(beat())
        try:
            yield
        finally:
            beats.cancel()
            stopped.set()


def _where(frame: FrameType | None) -> str:
    """The innermost functions of this package, the outer one first; where there is none, of any."""
    stack = traceback.extract_stack(frame) if frame is not None else []
    own = [found for found in stack if found.filename.startswith(_PACKAGE)]
    shown = [f"{_short(f.filename)}:{f.lineno} {f.name}" for f in (own or stack)[-FRAMES:]]
    return " > ".join(shown) or "unknown"


def _short(file: str) -> str:
    """``engine/engine.py`` of this package, else the last two parts of the path."""
    if file.startswith(_PACKAGE):
        return file.removeprefix(_PACKAGE)
    return "/".join(Path(file).parts[-2:])
