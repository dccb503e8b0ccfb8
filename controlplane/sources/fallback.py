"""Watchers for systems without inotify: the library watchfiles, or the clock alone."""

import os
from collections.abc import Iterable
from threading import Event as Signal
from typing import Final

from watchfiles import Change
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from controlplane.sources.watcher import Event, What

_BATCH: Final = 50  # milliseconds at most until events that keep coming are handed out
_STEP: Final = 5  # milliseconds between watchfiles' looks at its queue

_MEANING: Final = {
    frozenset({Change.added}): What.MOVED_IN,
    frozenset({Change.deleted}): What.REMOVED,
}
"""Of all that happened to a name within one batch, in no order."""


class WatchFailed(Exception):
    """The watcher cannot go on, and nothing is watched any more."""


class Ticking:
    """Watches nothing."""

    follows_at_once = False

    def __init__(self) -> None:
        self._woken = Signal()

    def watch(self, folder: str, *, only_names: bool = False) -> bool:  # noqa: ARG002
        return True

    def watch_no_others(self, folders: Iterable[str]) -> None:
        """There are none."""

    def wait(self, seconds: float) -> list[Event]:
        self._woken.wait(max(seconds, 0))
        self._woken.clear()
        return []

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None: ...


class Watchfiles:
    """The library's events: of the folders that were to be watched when ``wait`` was called.

    What happens between is not seen, so after folders came in ``wait`` says so at once.
    """

    follows_at_once = True

    def __init__(self) -> None:
        self._wanted: dict[str, set[str]] = {}
        """By complete path, as events have it, the names that were given."""
        self._watched: set[str] = set()
        self._is_current = False
        """Whether everything that should be watched, and exists, is watched."""
        self._notify: RustNotify | None = None
        self._woken = Signal()

    def watch(self, folder: str, *, only_names: bool = False) -> bool:  # noqa: ARG002
        self._wanted.setdefault(os.path.realpath(folder), set()).add(folder)
        self._is_current = False
        return True

    def watch_no_others(self, folders: Iterable[str]) -> None:
        self._wanted.clear()
        for folder in folders:
            self.watch(folder)

    def wait(self, seconds: float) -> list[Event]:
        try:
            return self._waited(seconds)
        except (OSError, UnicodeError, WatchfilesRustInternalError) as error:
            raise WatchFailed(str(error)) from error

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        if self._notify is not None:
            self._notify.close()
            self._notify = None

    def _waited(self, seconds: float) -> list[Event]:
        if not self._is_current and self._begin():
            return [Event("", "", What.LOST)]
        assert self._notify is not None, "watching has begun"
        found = self._notify.watch(_BATCH, _STEP, max(int(seconds * 1000), 1), self._woken)
        self._woken.clear()
        return list(self._events(found)) if isinstance(found, set) else []

    def _begin(self) -> bool:
        """Watch what exists of what should be watched; returns whether that is new."""
        self._is_current = True
        there = {path for path in self._wanted if os.path.isdir(path)}
        if self._notify is not None and there == self._watched:
            return False
        self.close()
        self._notify = RustNotify(sorted(there), False, False, 0, False, True)
        self._watched = there
        return True

    def _events(self, found: set[tuple[int, str]]) -> Iterable[Event]:
        for path in sorted({path for _, path in found}):
            kinds = {Change(number) for number, changed in found if changed == path}
            above, name = os.path.split(path)
            what = _MEANING.get(frozenset(kinds), What.TOUCHED)
            yield from (Event(folder, name, what) for folder in self._wanted.get(above, ()))
            if path in self._watched and Change.deleted in kinds:
                self._watched.discard(path)
                self._is_current = False
                yield from (Event(folder, "", What.LOST) for folder in self._wanted.get(path, ()))
