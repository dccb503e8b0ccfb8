"""Configuration files as a stream: everything that exists at first, then each change within
milliseconds.

Events of the file system are hints at where to look; what is reported is decided by content
(``tree``). Folders are watched, never files, so renames, links that are swapped (a ConfigMap's
``..data``) and folders that come and go are seen. A scan of everything finds what no event
reported: now and then where events are reliable, every two seconds where they are not (network file
systems, folders beyond the kernel's limit), more often where there are none.
Source: inotify(7), "Limitations and caveats".
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event as Signal
from types import TracebackType
from typing import Final, Self

import structlog

from controlplane.documents.content import Unreadable
from controlplane.sources.fallback import Ticking, WatchFailed, Watchfiles
from controlplane.sources.filesystems import tell_every_change
from controlplane.sources.inotify import Inotify
from controlplane.sources.load import shown
from controlplane.sources.secret_folders import SecretFolders
from controlplane.sources.tree import Changed, Moment, Steps, Tree, next_step
from controlplane.sources.watch_set import Hints, WatchSet
from controlplane.sources.watcher import Event, Watcher

_RELIED_ON: Final = (20.0, 250)
"""Between two scans where every change is an event: seconds at least, and how many times as long as
a scan takes (so 0.4 % of a core)."""
_DOUBTED: Final = (2.0, 100)
"""Where there are events, but perhaps not of every change."""
_ALONE: Final = (0.3, 20)
"""Where there are no events."""

log = structlog.get_logger(__name__)

OnChange = Callable[[tuple[Changed, ...]], None]


async def changes(
    paths: Sequence[Path],
    *,
    environment: Mapping[str, str],
    secrets: Sequence[Path] = (),
    rescan: timedelta | None = None,
    watcher: Callable[[], Watcher] | None = None,
) -> AsyncGenerator[tuple[Changed, ...], None]:
    """Yield all files below ``paths`` as the first batch, even if it is empty, then what changes.

    Of ``secrets`` each folder NAMESPACE/NAME is one Secret (``secret_folders``).
    ``ConfigMissing`` when one of the paths does not exist at first. Later, a missing path keeps its
    last content. ``WATCHFILES_FORCE_POLLING`` in ``environment`` switches to scans instead of
    events. ``rescan`` and ``watcher`` are chosen by what the system offers unless given.
    """
    loop = asyncio.get_running_loop()
    batches: asyncio.Queue[tuple[Changed, ...] | None] = asyncio.Queue()

    def on_change(batch: tuple[Changed, ...] | None) -> None:
        loop.call_soon_threadsafe(batches.put_nowait, batch)

    folders = SecretFolders(secrets)
    tree = Tree(paths, secrets)
    follower = _Follower(tree, on_change, watcher or _watcher_of(environment), rescan)
    with follower, ThreadPoolExecutor(max_workers=1, thread_name_prefix="files") as executor:
        following = executor.submit(follower.run)
        following.add_done_callback(lambda _: on_change(None))
        try:
            while (batch := await batches.get()) is not None:
                yield folders.gathered(shown(batch))
            following.result()
        finally:
            follower.stop()


class _Follower:
    """Follows a tree on a thread of its own, so that a disk that hangs stops nothing else."""

    def __init__(
        self,
        tree: Tree,
        on_change: OnChange,
        watcher: Callable[[], Watcher],
        rescan: timedelta | None,
    ) -> None:
        self._tree = tree
        self._on_change = on_change
        self._rescan = rescan.total_seconds() if rescan is not None else None
        self._stopped = Signal()
        self._next_scan = 0.0
        self._earliest_scan = 0.0
        self._is_loaded = False
        self._is_limited = False
        self._use(_begun(watcher))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watcher.close()

    def stop(self) -> None:
        """End ``run``; may be called from any thread."""
        self._stopped.set()
        self._watcher.wake()

    def run(self) -> None:
        """Report all files, then every change, until ``stop``."""
        self._scan(self._tree.loading(self._watched, _now))
        while not self._stopped.is_set():
            hints = self._hints(self._wait(self._timeout()))
            self._recheck(hints)
            if hints.everywhere:
                self._next_scan = min(self._next_scan, self._earliest_scan)
            if time.monotonic() >= self._next_scan:
                self._scan(self._tree.scanning(self._watched, _now))

    def _use(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._watched = WatchSet(watcher, self._tree)

    def _wait(self, seconds: float) -> list[Event]:
        try:
            return self._watcher.wait(seconds)
        except WatchFailed as error:
            _say_polled(str(error))
            self._watcher.close()
            self._use(Ticking())
            self._next_scan = 0.0
            return []

    def _hints(self, events: list[Event]) -> Hints:
        hints = self._watched.hints(events)
        for path in self._tree.waiting(_now()):
            hints.recheck.setdefault(path, False)
        return hints

    def _recheck(self, hints: Hints) -> None:
        self._tree.writing = self._watched.writing
        if not hints.recheck:
            return
        found = self._tree.recheck(hints.recheck, _now())
        if found.changes:
            self._report(found.changes)
        hints.everywhere |= not found.enough

    def _report(self, changes: tuple[Changed, ...]) -> None:
        for change in shown(c for c in changes if str(c.path) in self._tree.blind):
            if isinstance(change.text, Unreadable):
                path, why = str(change.path), change.text.reason
                log.warning(
                    "config_unseen", path=path, reason=why, effect="its last known content is used"
                )
        self._on_change(changes)

    def _scan(self, steps: Steps) -> None:
        """Do all ``steps``, and meanwhile check what changes at the same time."""
        began = time.monotonic()
        is_due = False
        self._watched.begin()
        while (changes := next_step(steps)) is None:
            if self._stopped.is_set():
                return
            if self._is_loaded:  # what is there is reported before what changes
                hints = self._hints(self._wait(0))
                self._recheck(hints)
                is_due |= hints.everywhere
        self._watched.end()
        self._plan(began, time.monotonic(), is_due=is_due)
        if changes or not self._is_loaded:
            self._is_loaded = True
            self._report(changes)

    def _plan(self, began: float, ended: float, *, is_due: bool) -> None:
        """Schedule the next scan; a slow one is not repeated at once."""
        least, times = self._pace()
        took = ended - began
        self._earliest_scan = ended + took if self._is_loaded else ended
        self._next_scan = self._earliest_scan if is_due else ended + max(least, took * times)

    def _pace(self) -> tuple[float, int]:
        if not self._watcher.follows_at_once:
            return _ALONE
        if self._rescan is not None:
            return self._rescan, 0
        self._is_limited = self._says_limited(self._watched.unwatched)
        is_whole = not self._is_limited and tell_every_change(self._tree.devices)
        return _RELIED_ON if is_whole else _DOUBTED

    def _says_limited(self, unwatched: int) -> bool:
        """Whether folders could not be watched; it is logged when that begins."""
        if unwatched and not self._is_limited:
            log.warning(
                "watching_limited",
                reason=f"{unwatched} folders exceed the limit (fs.inotify.max_user_watches)",
                effect="changes there are found by a scan every few seconds",
            )
        return unwatched > 0

    def _timeout(self) -> float:
        """Seconds until something is due without an event."""
        due = self._tree.due()
        until = self._next_scan if due is None else min(due, self._next_scan)
        return max(until - time.monotonic(), 0.0)


def _begun(watcher: Callable[[], Watcher]) -> Watcher:
    try:
        return watcher()
    except OSError as error:
        _say_polled(str(error))
        return Ticking()


def _watcher_of(environment: Mapping[str, str]) -> Callable[[], Watcher]:
    if _polls(environment):
        return Ticking
    return Inotify if sys.platform == "linux" else Watchfiles


def _say_polled(reason: str) -> None:
    log.warning("watching_failed", reason=reason, effect="changes are found by scans instead")


def _now() -> Moment:
    return Moment(time.monotonic(), time.time())


def _polls(environment: Mapping[str, str]) -> bool:
    """As watchfiles reads it. Source: watchfiles, ``force_polling``."""
    wish = environment.get("WATCHFILES_FORCE_POLLING", "").lower()
    return wish not in ("", "false", "disable", "disabled")
