"""One walk over files and folders: which configuration files there are, and in which folders.

Hidden names (a dot in front) and backups (``~`` behind) are not seen, so of a ConfigMap's folder
only the names count that lead through ``..data``. A file that is reached on several ways is seen
once, on the way without links or else the first by path. A walk is done in steps, so that what
happens meanwhile need not wait for it.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

SUFFIXES: Final = (".yaml", ".yml", ".json")
_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
AT_ONCE: Final = 250  # entries that one step looks at, in a few milliseconds


class Stamp(NamedTuple):
    """What ``stat`` says of a file; times count nanoseconds.

    ``changed`` moves with every write, also of equal size and with ``modified`` put back.
    """

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @property
    def moved(self) -> tuple[int, int, int, int]:
        """What stays when the file gets another name."""
        return self[:4]

    @property
    def identity(self) -> tuple[int, int]:
        return self[:2]


class Folder(NamedTuple):
    """A folder that was walked through; another one of the same name has another inode."""

    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that is there. ``linked``: its name is a link, so what changes may be elsewhere."""

    stamp: Stamp
    linked: bool
    names: int = 1
    """How many names (hard links) the file has."""


class Visitor(Protocol):
    """Is called for each place before it is looked at, so that later changes are noticed."""

    def root(self, path: str) -> None:
        """Where to look; it may be missing."""

    def folder(self, path: str) -> None: ...

    def link(self, path: str) -> None:
        """A name that leads to a file or a folder elsewhere, or to nothing."""


class Unnoticed:
    """A visitor that does nothing, for a single walk."""

    def root(self, path: str) -> None: ...

    def folder(self, path: str) -> None: ...

    def link(self, path: str) -> None: ...


Wanted = Callable[[str], bool]


@dataclass(slots=True)
class Scan:
    """What one walk saw.

    Below ``blind`` paths nothing could be seen, for the reason given, so nothing there is known to
    be gone. ``shared`` are files that are reached on several ways.
    """

    visitor: Visitor = field(default_factory=Unnoticed)
    files: dict[str, Seen] = field(default_factory=dict)
    folders: set[Folder] = field(default_factory=set)
    blind: dict[str, str] = field(default_factory=dict)
    shared: set[tuple[int, int]] = field(default_factory=set)
    spare: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    """What is named like a file and is none, and links that lead in a circle, with the reason."""
    _looked: int = 0

    def steps(self, roots: Iterable[str], secrets: Iterable[str] = ()) -> Iterator[None]:
        """Walk, some entries in each step; a root that is a file is included whatever its name is.
        Below ``secrets`` files are included whatever their names are, and however many names they
        have: two Secrets may share the file of an authority.
        """
        kept: list[tuple[str, Seen]] = []
        yield from self._below(secrets, kept, lambda _: True)
        candidates: list[tuple[str, Seen]] = []
        yield from self._below(roots, candidates, is_configuration)
        self.files.update(kept)
        yield from self._once(candidates)

    def _below(
        self, roots: Iterable[str], found: list[tuple[str, Seen]], wanted: Wanted
    ) -> Iterator[None]:
        walked: set[tuple[int, int]] = set()
        for root in roots:
            self.visitor.root(root)
            try:
                status = os.stat(root)
            except OSError as error:
                self.blind[root] = reason(error)
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self._walk(root, status, (), walked, found, wanted)
            elif stat.S_ISREG(status.st_mode):
                found.append((root, Seen(stamp(status), os.path.islink(root))))
            else:
                self.skipped[root] = _what(status)

    def _walk(
        self,
        folder: str,
        status: os.stat_result,
        above: tuple[tuple[int, int], ...],
        walked: set[tuple[int, int]],
        found: list[tuple[str, Seen]],
        wanted: Wanted,
    ) -> Iterator[None]:
        identity = status.st_dev, status.st_ino
        if identity in above:
            self.skipped[folder] = "the link leads back to a folder that it is in"
        if identity in walked:
            return
        walked.add(identity)
        self.visitor.folder(folder)
        self.folders.add(Folder(folder, status.st_dev, status.st_ino))
        try:
            with os.scandir(folder) as entries:
                inside = sorted((e for e in entries if not is_hidden(e.name)), key=_by_name)
        except FileNotFoundError:
            return  # gone since it was seen
        except OSError as error:
            self.blind[folder] = reason(error)
            return
        for entry in inside:
            if self._is_rest_due():
                yield
            try:
                is_link = entry.is_symlink()
                if is_link:
                    self.visitor.link(entry.path)
                if entry.is_dir():
                    inner = (*above, identity)
                    yield from self._walk(entry.path, entry.stat(), inner, walked, found, wanted)
                elif wanted(entry.name):
                    self._take(entry.path, entry.stat(), found, is_link=is_link)
            except OSError as error:  # gone since the folder was listed, or a link in a circle
                if error.errno == errno.ELOOP:
                    self.skipped[entry.path] = "the links lead in a circle"

    def _take(
        self,
        path: str,
        status: os.stat_result,
        found: list[tuple[str, Seen]],
        *,
        is_link: bool,
    ) -> None:
        if stat.S_ISREG(status.st_mode):
            found.append((path, Seen(stamp(status), is_link)))
        else:
            self.skipped[path] = _what(status)

    def _once(self, candidates: Iterable[tuple[str, Seen]]) -> Iterator[None]:
        """Take each file once: the way without links, or else the first by path."""
        ways: dict[tuple[int, int], str] = {}
        for path, seen in candidates:
            if self._is_rest_due():
                yield
            self.files[path] = seen
            other = ways.setdefault(seen.stamp.identity, path)
            if other != path:
                taken, spare = sorted((other, path), key=lambda p: (self.files[p].linked, p))
                ways[seen.stamp.identity] = taken
                del self.files[spare]
                self.spare.add(spare)
                self.shared.add(seen.stamp.identity)

    def _is_rest_due(self) -> bool:
        self._looked += 1
        return self._looked % AT_ONCE == 0


def is_configuration(name: str) -> bool:
    return name.endswith(SUFFIXES)


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name.endswith("~")


def glance(path: str) -> Seen | None:
    """The one file at ``path``; ``None`` when there is none."""
    try:
        status = os.lstat(path)
        is_link = stat.S_ISLNK(status.st_mode)
        if is_link:
            status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Seen(stamp(status), is_link, status.st_nlink)


def stamp(status: os.stat_result) -> Stamp:
    return Stamp(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def _what(status: os.stat_result) -> str:
    kind = stat.S_IFMT(status.st_mode)
    return f"it is {_KINDS[kind]}, not a file" if kind in _KINDS else "it is not a file"


def reason(error: OSError) -> str:
    """``Permission denied``: the system's words without a number."""
    return error.strerror or str(error)


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name
