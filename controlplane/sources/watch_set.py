"""Which folders are watched for a tree, and what an event in one of them means for it.

Watched are the folders that files were seen in, and every folder in which a name decides where a
root or a link leads: the one that a ConfigMap's ``..data`` is in, those above a root.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from controlplane.sources.scan import is_hidden
from controlplane.sources.tree import Tree
from controlplane.sources.watcher import Event, Watcher, What

_COMPLETE: Final = (What.CLOSED, What.MOVED_IN)
_COMES_OR_GOES: Final = (What.CREATED, What.MOVED_IN, What.REMOVED)
_MOST_LINKS: Final = 40  # on the way to a file; as the kernel

Step = tuple[str, str]
"""A folder, and the name in it that the way to a file leads through."""


@dataclass(slots=True)
class Hints:
    """Where to look: at files whether they are different (true: what is there is complete), or
    everywhere.
    """

    recheck: dict[str, bool] = field(default_factory=dict)
    everywhere: bool = False


@dataclass(slots=True)
class _Places:
    """What one scan asked to be watched, and why."""

    folders: set[str] = field(default_factory=set)
    names: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """By folder and name, the roots and links on whose way it is."""

    def watched(self) -> Iterator[str]:
        yield from self.folders
        yield from self.names


class WatchSet:
    """The visitor of each scan: it watches what the scan looks at before it is looked at."""

    def __init__(self, watcher: Watcher, tree: Tree) -> None:
        self._watcher = watcher
        self._tree = tree
        self._places = _Places()
        self._next = _Places()
        self._asked: dict[str, bool] = {}
        """The folders that this scan has had watched, and whether for names only."""
        self._ends: dict[str, Step] = {}
        """What the way to each root ends in."""
        self.writing: set[str] = set()
        """The files that were written to and are not closed yet."""
        self.unwatched = 0
        """How many folders could not be watched, by the last scan."""

    def begin(self) -> None:
        """A scan begins, which will visit all that is to be watched."""
        self._next = _Places()
        self._asked.clear()
        self.unwatched = 0

    def end(self) -> None:
        self._places = self._next
        self._watcher.watch_no_others(self._places.watched())

    def root(self, path: str) -> None:
        complete = os.path.join(os.getcwd(), path)
        self._watch_way(path, way(os.sep, complete))

    def folder(self, path: str) -> None:
        self._watch(path)
        for places in (self._next, self._places):
            places.folders.add(path)

    def link(self, path: str) -> None:
        folder, name = os.path.split(path)
        self._watch_way(path, way(os.path.realpath(folder), name))

    def hints(self, events: Iterable[Event]) -> Hints:
        hints = Hints()
        for event in events:
            if event.what is What.LOST:
                self._lose(event, hints)
                continue
            for path in self._places.names.get(event.folder, {}).get(event.name, ()):
                self._follow_way(path, event, hints)
            if event.folder in self._places.folders and not is_hidden(event.name):
                self._follow(os.path.join(event.folder, event.name), event, hints)
        return hints

    def _lose(self, event: Event, hints: Hints) -> None:
        if not event.folder:
            self.writing.clear()  # that a file was closed may be what was lost
            hints.everywhere = True
        elif event.folder in self._places.folders or event.folder in self._places.names:
            hints.everywhere = True

    def _follow_way(self, path: str, event: Event, hints: Hints) -> None:
        """``path`` may lead elsewhere now, or there is something new where it leads."""
        if path in self._ends:
            is_written = self._ends[path] == (event.folder, event.name) and (
                event.what is not What.REMOVED and path not in self._places.folders
            )
            hints.everywhere |= not is_written or path in self._tree.blind
        elif not self._tree.wants(path):
            hints.everywhere = True
            return
        self._hint(path, event, hints)

    def _follow(self, path: str, event: Event, hints: Hints) -> None:
        if event.is_folder or path in self._places.folders:
            hints.everywhere |= event.what in _COMES_OR_GOES or event.what is What.TOUCHED
        elif self._tree.wants(path):
            self._hint(path, event, hints)
        elif event.what in (What.CREATED, What.MOVED_IN, What.TOUCHED):
            hints.everywhere |= os.path.isdir(path)

    def _hint(self, path: str, event: Event, hints: Hints) -> None:
        if event.what is What.WRITING:
            self.writing.add(path)
        elif event.what in (*_COMPLETE, What.REMOVED):
            self.writing.discard(path)
        if event.what is not What.CREATED or not _is_being_made(path):
            hints.recheck[path] = event.what in _COMPLETE

    def _watch_way(self, path: str, steps: Iterable[Step]) -> None:
        end: Step | None = None
        for folder, name in steps:
            self._watch(folder, only_names=True)
            for places in (self._next, self._places):
                places.names.setdefault(folder, {}).setdefault(name, set()).add(path)
            end = folder, name
        if end is None:
            return
        if self._tree.wants(path) and not os.path.isdir(path):
            self._watch(end[0])  # what is written to a file elsewhere
        if self._tree.is_root(path):
            self._ends[path] = end

    def _watch(self, folder: str, *, only_names: bool = False) -> None:
        asked = self._asked.get(folder)
        if asked is None or (asked and not only_names):
            self._asked[folder] = only_names
            self.unwatched += not self._watcher.watch(folder, only_names=only_names)


def way(folder: str, path: str) -> Iterator[Step]:
    """The names that decide where ``path`` leads from ``folder``, whose own path has no links.

    Each is given before it is looked at; the last is the one that is no link, or is missing.
    """
    names = path.split(os.sep)[::-1]
    links = 0
    while names:
        name = names.pop()
        if name == os.pardir:
            folder = os.path.dirname(folder)
        if name in ("", os.curdir, os.pardir):
            continue
        yield folder, name
        complete = os.path.join(folder, name)
        try:
            target = os.readlink(complete)
        except OSError:  # no link
            folder = complete
            continue
        links += 1
        if links > _MOST_LINKS:
            return
        if target.startswith(os.sep):
            folder = os.sep
        names.extend(target.split(os.sep)[::-1])


def _is_being_made(path: str) -> bool:
    """Whether ``path`` is a new, empty file: its maker will write to it and close it."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0 and status.st_nlink == 1
