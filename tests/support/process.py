"""A process with a log: started, awaited, and ended whatever happens in between."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_EVERY = 0.01  # seconds between two looks at something that gives no event
GRACE = 5.0  # seconds from SIGTERM to SIGKILL


def eventually(what: str, holds: Callable[[], bool], *, within: float = 10.0) -> None:
    """Wait until ``holds()``; ``AssertionError`` naming ``what`` after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within:g} s")
        time.sleep(POLL_EVERY)


class Running:
    """A child process; leaving the ``with`` block ends it."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.terminate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def eventually(self, what: str, holds: Callable[[], bool], *, within: float = 10.0) -> None:
        """As the function; fails at once, with the end of the log, when the process ends."""

        def holds_or_dead() -> bool:
            return not self.alive() or holds()

        try:
            eventually(what, holds_or_dead, within=within)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.last_words()}") from late
        if not self.alive():
            status = self._process.returncode
            raise AssertionError(f"{what}: it ended with status {status}\n{self.last_words()}")

    def last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def wait(self, within: float = 20.0) -> int:
        """Its exit status, once it has ended by itself."""
        return self._process.wait(within)

    def terminate(self, by: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit status; safe to repeat."""
        if self.alive():
            self._process.send_signal(by)
        try:
            return self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
