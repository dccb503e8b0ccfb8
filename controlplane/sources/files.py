"""Configuration files as a stream: everything that is there at first, then each change within
milliseconds.

Events of the file system are hints at where to look; what is told is decided by content (``tree``).
Folders are watched, never files, so renames, links that are swapped (a ConfigMap's ``..data``) and
folders that come and go are seen; a scan of everything every two seconds finds what the events did
not say (network file systems, lost events).
Source: inotify(7), "Limitations and caveats".
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Final

import structlog
from watchfiles import Change
from watchfiles._rust_notify import RustNotify
from watchfiles._rust_notify import WatchfilesRustInternalError

from controlplane.sources.inotify import Hints
from controlplane.sources.printable import printable
from controlplane.sources.secret_folders import SecretFolders
from controlplane.sources.tree import Changed
from controlplane.sources.tree import Moment
from controlplane.sources.tree import Tree
from controlplane.sources.watched import Kinds
from controlplane.sources.watched import Watched

RESCAN: Final = timedelta(seconds=2)
POLLING: Final = 0.3  # seconds between scans where there are no events; watchfiles' own default
_SOON: Final = 2  # milliseconds to wait for watchfiles' batch after the kernel's hint
_STEP: Final = 1  # milliseconds between watchfiles' looks at its queue; the latency of a change
_BATCH: Final = 50  # milliseconds at most until events that keep coming are handed out

_NOT_WATCHED: Final = (OSError, UnicodeError, WatchfilesRustInternalError)

log = structlog.get_logger(__name__)

Tell = Callable[[tuple[Changed, ...]], None]


def loaded(paths: Sequence[Path], secrets: Sequence[Path] = ()) -> tuple[Changed, ...]:
    """All files below ``paths``, and Secrets of the folders below ``secrets``, once.

    ``ConfigMissing`` when one of these does not exist.
    """
    return SecretFolders(secrets).gathered(_shown(Tree(paths, secrets).load(_now())))


async def changes(
    paths: Sequence[Path],
    *,
    environment: Mapping[str, str],
    secrets: Sequence[Path] = (),
    rescan: timedelta = RESCAN,
) -> AsyncGenerator[tuple[Changed, ...], None]:
    """Yield all files below ``paths`` as the first batch, even if it is empty, then what changes.

    Of ``secrets`` each folder NAMESPACE/NAME is one Secret (``secret_folders``).
    ``ConfigMissing`` when one of the paths does not exist at first. Later a missing path keeps what
    it held. ``WATCHFILES_FORCE_POLLING`` in ``environment`` switches to scans instead of events.
    """
    loop = asyncio.get_running_loop()
    batches: asyncio.Queue[tuple[Changed, ...] | None] = asyncio.Queue()
    stop = Event()

    def tell(batch: tuple[Changed, ...] | None) -> None:
        loop.call_soon_threadsafe(batches.put_nowait, batch)

    folders = SecretFolders(secrets)
    watch = _Watch(
        Tree(paths, secrets), tell, stop, rescan.total_seconds(), polling=_polls(environment)
    )
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="files") as executor:
        watching = executor.submit(watch.run)
        watching.add_done_callback(lambda _: tell(None))
        try:
            while (batch := await batches.get()) is not None:
                yield folders.gathered(_shown(batch))
            watching.result()
        finally:
            stop.set()


def _shown(batch: Iterable[Changed]) -> Iterator[Changed]:
    return (replace(changed, path=printable(changed.path)) for changed in batch)


class _Watch:
    """Runs in a thread of its own until ``stop`` is set."""

    def __init__(
        self, tree: Tree, tell: Tell, stop: Event, rescan: float, *, polling: bool
    ) -> None:
        self._tree = tree
        self._tell = tell
        self._stop = stop
        self._rescan = rescan
        self._polling = polling
        self._next_scan = 0.0

    def run(self) -> None:
        self._tell(self._tree.load(_now()))
        while not self._stop.is_set():
            watched = Watched(self._tree)
            notify = None if self._polling else self._notify(watched)
            self._scan()  # what changed before the folders were watched
            if notify is None:
                self._stop.wait(min(POLLING, self._timeout() / 1000))
            else:
                with notify, Hints(watched.all) as hints:
                    self._follow_with(notify, hints, watched)

    def _notify(self, watched: Watched) -> RustNotify | None:
        try:
            return RustNotify(sorted(watched.all), False, False, 0, False, True)
        except FileNotFoundError:
            return None  # a folder is gone already: scan, then try again
        except _NOT_WATCHED as error:
            self._poll_instead(error)
            return None

    def _poll_instead(self, error: Exception) -> None:
        log.warning("watching_failed", reason=str(error), effect="files are polled instead")
        self._polling = True

    def _follow_with(self, notify: RustNotify, hints: Hints, watched: Watched) -> None:
        try:
            self._follow(notify, hints, watched)
        except _NOT_WATCHED as error:
            self._poll_instead(error)

    def _follow(self, notify: RustNotify, hints: Hints, watched: Watched) -> None:
        """Look where events hint at, until other folders have to be watched."""
        while not watched.is_outdated():
            self._look_at(hints.wait(self._timeout()), hints.writing, watched)
            timeout = _SOON if hints.work else self._timeout()
            found = notify.watch(_BATCH, _STEP, timeout, self._stop)
            if found in ("stop", "signal"):
                self._stop.set()
                return
            events = _by_path(found) if isinstance(found, set) else {}
            if time.monotonic() >= self._next_scan or watched.demand_scan(events):
                self._scan()
            else:
                self._glance(events, watched)
            if watched.are_lost(events):
                return

    def _look_at(self, completed: Set[str], writing: Set[str], watched: Watched) -> None:
        """Read known files that were closed or renamed into place just now."""
        self._tree.writing = frozenset(watched.shown(path) for path in writing)
        known = sorted(watched.shown(path) for path in completed if watched.knows(path))
        if known:
            now = _now()
            looks = (self._tree.glance(path, now, replaced=True) for path in known)
            if batch := tuple(change for change in looks if change is not None):
                self._tell(batch)

    def _scan(self) -> None:
        if batch := self._tree.scan(_now()):
            self._tell(batch)
        self._next_scan = time.monotonic() + self._rescan

    def _glance(self, events: Mapping[str, Kinds], watched: Watched) -> None:
        """Look only at the files that the events name, and at those that are waited for."""
        now = _now()
        hints: dict[str, Kinds] = {path: frozenset() for path in self._tree.waiting(now)}
        hints |= {
            watched.shown(path): kinds for path, kinds in events.items() if watched.knows(path)
        }
        looks = (
            self._tree.glance(path, now, replaced=kinds == {Change.added})
            for path, kinds in sorted(hints.items())
        )
        if batch := tuple(change for change in looks if change is not None):
            self._tell(batch)

    def _timeout(self) -> int:
        """Milliseconds until something is due without an event."""
        due = self._tree.due()
        until = self._next_scan if due is None else min(due, self._next_scan)
        return max(int((until - time.monotonic()) * 1000) + 1, 1)


def _by_path(found: set[tuple[int, str]]) -> dict[str, Kinds]:
    paths = {path for _, path in found}
    return {path: frozenset(Change(c) for c, p in found if p == path) for path in paths}


def _now() -> Moment:
    return Moment(time.monotonic(), time.time())


def _polls(environment: Mapping[str, str]) -> bool:
    """As watchfiles reads it. Source: watchfiles, ``force_polling``."""
    wish = environment.get("WATCHFILES_FORCE_POLLING", "").lower()
    return wish not in ("", "false", "disable", "disabled")
