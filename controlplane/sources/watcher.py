"""What reports that files changed: the kernel, a library, or only the clock.

Events are hints at where to look. A watcher that fails costs the time until the next scan.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol


class What(Enum):
    """What happened to a name in a folder."""

    CREATED = auto()
    TOUCHED = auto()
    """Its content or its attributes changed."""
    WRITING = auto()
    """Its content changed, and it is open for writing: ``CLOSED`` follows."""
    CLOSED = auto()
    MOVED_IN = auto()
    """It was renamed to this name, complete."""
    REMOVED = auto()
    """It was deleted, or renamed to another name."""
    LOST = auto()
    """The folder itself is gone, or more happened than can be reported."""


@dataclass(frozen=True, slots=True)
class Event:
    """``folder`` is named as it was given to ``watch``."""

    folder: str
    name: str
    what: What
    is_folder: bool = False
    """Whether what happened is known to have happened to a folder."""


class Watcher(Protocol):
    """Watches folders, not what is below them."""

    follows_at_once: bool
    """Whether there are events at all; without, files are found by scans alone."""

    def watch(self, folder: str, *, only_names: bool = False) -> bool:
        """Whether ``folder`` is watched from now on, also if it was before.

        With ``only_names`` only of names that come and go there need be events.
        """

    def watch_no_others(self, folders: Iterable[str]) -> None:
        """Forget all folders but these."""

    def wait(self, seconds: float) -> list[Event]:
        """What happened since the last call, as soon as something has; nothing after ``seconds``,
        or as soon as ``wake`` was called.
        """

    def wake(self) -> None:
        """End ``wait`` at once; may be called from any thread."""

    def close(self) -> None: ...
