"""Files and folders become texts: all at first, then what is different since.

Files are checked by ``stat`` and compared by content: a file that was touched but has the same
content is no change. A file that is being written is waited for, so that a half of it is not taken
for the whole; until it is closed, where it is known to be open (``kubectl get … > mesh.yaml``
empties a file seconds before it fills it). One that arrives by a rename is read at once. A file
that is gone is waited for as well, because editors save by deleting. A root that is missing keeps
its content: deleting a whole mesh at once is most likely an accident.
"""

import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from xxhash import xxh3_128_digest

from controlplane.base.errors import ConfigMissing
from controlplane.documents.content import SIZE_LIMIT, SecretFolder, Skipped, TooLarge, Unreadable
from controlplane.sources.scan import (
    AT_ONCE,
    Scan,
    Seen,
    Stamp,
    Unnoticed,
    Visitor,
    glance,
    is_configuration,
    reason,
    stamp,
)

SETTLED: Final = 0.010  # seconds without a change after which a written file is taken as complete
LONGEST_WAIT: Final = 1.0  # seconds; also for an emptied file, which is how most writing begins
OPEN_WAIT: Final = 30.0  # seconds; a writer that has not closed its file by then never will
ABSENCE: Final = 0.050  # seconds; editors that save by deleting are done long before
_CLOCK_TICK: Final = 0.020  # seconds; two changes of a file within it may have the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A file's new bytes, or why they cannot be read, or ``None`` when the file is deleted.

    Of a folder of secrets: the entries of the Secret.
    """

    path: Path
    text: bytes | Unreadable | Skipped | SecretFolder | None


@dataclass(frozen=True, slots=True)
class Moment:
    """``steady`` seconds of a clock that only goes forward.

    ``wall`` seconds since 1970, as files have.
    """

    steady: float
    wall: float


Clock = Callable[[], Moment]
Steps = Generator[None, None, tuple[Changed, ...]]
"""Something that is done in steps of a few milliseconds, and the changes that it found."""


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What a recheck found. Only a scan finds the rest where it is not ``enough``: there is a new
    link or folder now, or one of several names of a file.
    """

    changes: tuple[Changed, ...]
    enough: bool


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it was last read. ``certain``: another change would have changed its stamp."""

    stamp: Stamp
    digest: bytes
    certain: bool
    linked: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file is not as it was read, but like ``stamp`` since ``since``.

    At ``until`` that is its state. ``opened``: since when it is known to be open for writing.
    """

    stamp: Stamp | None
    since: float
    until: float
    opened: float | None = None


class Tree:
    """The files below ``roots`` as they were last reported; paths begin as the roots were given.

    Not for use by two threads at once.
    """

    def __init__(self, roots: Sequence[Path], secrets: Sequence[Path] = ()) -> None:
        """Below ``secrets`` every file is included. ``ConfigMissing``: a root does not exist."""
        for root in (*roots, *secrets):
            try:
                root.stat()
            except OSError as error:
                hint = "name files and folders that exist"
                raise ConfigMissing(f"{root}: {reason(error)}", hint=hint) from error
        self._configuration: Final = tuple(str(root) for root in roots)
        self._secrets: Final = tuple(str(root) for root in secrets)
        self._roots: Final = frozenset((*self._configuration, *self._secrets))
        self._files: dict[str, _File] = {}
        self._linked: dict[str, tuple[int, int]] = {}
        """The links among the files, and which file each leads to."""
        self._waiting: dict[str, _Waiting] = {}
        self.blind: frozenset[str] = frozenset()
        """Where the last scan could not look."""
        self._skipped: dict[str, str] = {}
        """What is reported not to be read, and why."""
        self._shared: Set[tuple[int, int]] = frozenset()
        self.devices: Set[int] = frozenset()
        """The file systems that the last scan saw folders of."""
        self.writing: Set[str] = frozenset()
        """The files known to be open for writing; to be set before each look."""

    def load(self, at: Moment) -> tuple[Changed, ...]:
        """All files as they are."""
        return completed(self.loading(Unnoticed(), lambda: at))

    def scan(self, at: Moment) -> tuple[Changed, ...]:
        """Find what is different."""
        return completed(self.scanning(Unnoticed(), lambda: at))

    def loading(self, visitor: Visitor, clock: Clock) -> Steps:
        """Read all files as they are."""
        found = yield from self._walking(visitor)
        changes = self._unseen(found)
        for number, (path, seen) in enumerate(sorted(found.files.items()), 1):
            if number % AT_ONCE == 0:
                yield
            if change := self._read(path, seen, clock()):
                changes.append(change)
        return tuple(changes)

    def scanning(self, visitor: Visitor, clock: Clock) -> Steps:
        """Look for what is different; between the steps files may be rechecked."""
        found = yield from self._walking(visitor)
        changes = self._unseen(found)
        sights = yield from self._differing(found)
        moved = _moved(sights, self._files)
        at = clock()
        for number, (path, seen) in enumerate(sorted(sights.items()), 1):
            if number % AT_ONCE == 0:
                yield
                at = clock()
            # Where it was not seen, it may have come meanwhile; links are looked at together, as
            # they may be swapped together. What a file holds is decided when it is read.
            is_stale = (seen is None or seen.linked) and path not in found.spare
            now = glance(path) if is_stale else seen
            if change := self._look(path, now, at, moved):
                changes.append(change)
        return tuple(changes)

    def _differing(self, found: Scan) -> Generator[None, None, dict[str, Seen | None]]:
        """The files that are not as they were read, or may not be."""
        sights: dict[str, Seen | None] = {}
        for number, (path, seen) in enumerate(found.files.items(), 1):
            if number % AT_ONCE == 0:
                yield
            known = self._files.get(path)
            is_same = known and known.certain and known.stamp == seen.stamp and not known.linked
            if not is_same or path in self._waiting:
                sights[path] = seen
        for number, path in enumerate(tuple(self._files), 1):
            if number % AT_ONCE == 0:
                yield
            if path not in found.files and not _below(path, found.blind):
                sights[path] = None
        return sights

    def recheck(self, paths: Mapping[str, bool], at: Moment) -> Rechecked:
        """Whether the files at ``paths``, which are included by name, are different.

        True where another file was renamed to it, or it was closed, so it is complete; unless it
        is empty, which is how writing in steps begins.
        """
        sights = {path: glance(path) for path in sorted(paths)}
        moved = _moved(sights, self._files)
        changes: list[Changed] = []
        enough = True
        for path, seen in sights.items():
            if self._is_one_of_several(path, seen):
                enough = False
                if path not in self._files:
                    continue
            if change := self._look(path, seen, at, moved, is_complete=paths[path]):
                changes.append(change)
        return Rechecked(tuple(changes), enough)

    def is_root(self, path: str) -> bool:
        return path in self._roots

    def wants(self, path: str) -> bool:
        """Whether a file at ``path`` is included, going by its name."""
        return is_configuration(path) or path in self._roots or _below(path, self._secrets)

    def waiting(self, at: Moment) -> tuple[str, ...]:
        """Files that are waited for and may be read now."""
        return tuple(path for path, w in self._waiting.items() if w.until <= at.steady)

    def due(self) -> float | None:
        """When to look again for files that are waited for, on the steady clock."""
        return min((waiting.until for waiting in self._waiting.values()), default=None)

    def _walking(self, visitor: Visitor) -> Generator[None, None, Scan]:
        found = Scan(visitor)
        yield from found.steps(self._configuration, self._secrets)
        self.devices = {folder.device for folder in found.folders}
        self._shared = found.shared
        return found

    def _is_one_of_several(self, path: str, seen: Seen | None) -> bool:
        """Whether there is more to see than the file at ``path``: it is, or was, a link, a folder
        or one of several names.
        """
        known = self._files.get(path)
        if seen is None:
            was_shared = known is not None and known.stamp.identity in self._shared
            return was_shared or path in self._skipped or os.path.lexists(path)
        if known is None:
            has_links = seen.stamp.identity in self._linked.values()
            return seen.linked or seen.names > 1 or has_links
        is_other = known.stamp.identity != seen.stamp.identity
        was_shared = is_other and known.stamp.identity in self._shared
        return known.linked != seen.linked or was_shared

    def _look(
        self,
        path: str,
        seen: Seen | None,
        at: Moment,
        moved: Set[tuple[int, ...]] = frozenset(),
        *,
        is_complete: bool = False,
    ) -> Changed | None:
        """``moved``: files that have got another name; both names are reported in one batch."""
        known = self._files.get(path)
        if seen is None:
            if known is None or path in self._roots:  # a root that is gone keeps what it had
                self._waiting.pop(path, None)
                return None
            gone = known.stamp.moved in moved or self._is_settled(path, None, at)
            return self._forget(path) if gone else None
        if known is not None and known.stamp == seen.stamp:
            self._waiting.pop(path, None)
            return None if known.certain else self._read(path, seen, at)
        # A link that leads elsewhere leads to what was complete before: a ConfigMap is swapped so.
        swapped = seen.linked and (known is None or known.stamp.inode != seen.stamp.inode)
        is_whole = seen.stamp.size > 0 and (swapped or (is_complete and self._is_first_look(path)))
        if is_whole or seen.stamp.moved in moved or self._is_settled(path, seen.stamp, at):
            return self._read(path, seen, at)
        return None

    def _is_first_look(self, path: str) -> bool:
        """Whether ``path`` is not waited for, or only because it was open for writing."""
        waiting = self._waiting.get(path)
        return waiting is None or waiting.opened is not None

    def _is_settled(self, path: str, now: Stamp | None, at: Moment) -> bool:
        waiting = self._waiting.get(path)
        if now is not None and path in self.writing:
            return self._is_abandoned(path, now, at)
        if waiting is not None and waiting.opened is not None:
            waiting = None  # closed: how long its writer took no longer matters
        if waiting is not None and waiting.stamp == now:
            return at.steady >= waiting.until
        gap = at.steady - waiting.since if waiting and waiting.stamp else 0.0
        if now is None:
            wait = ABSENCE
        elif now.size == 0:
            wait = LONGEST_WAIT
        else:
            age = at.wall - now.modified / 1e9
            wait = min(max(SETTLED - max(age, 0.0), 2 * gap, 0.0), LONGEST_WAIT)
        self._waiting[path] = _Waiting(now, at.steady, at.steady + wait)
        return wait == 0.0

    def _is_abandoned(self, path: str, now: Stamp, at: Moment) -> bool:
        """Whether a file has been open for so long that its writer is ignored."""
        waiting = self._waiting.get(path)
        opened = at.steady if waiting is None or waiting.opened is None else waiting.opened
        self._waiting[path] = _Waiting(now, at.steady, opened + OPEN_WAIT, opened)
        return at.steady >= opened + OPEN_WAIT

    def _read(self, path: str, seen: Seen, at: Moment) -> Changed | None:
        text: bytes | Unreadable
        before = seen.stamp
        try:
            with open(path, "rb", opener=_without_waiting) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return None
                before = stamp(status)
                # A buffer no larger than the file, and nothing read of one that is refused.
                size = min(status.st_size or SIZE_LIMIT, SIZE_LIMIT)
                text = TooLarge() if status.st_size > SIZE_LIMIT else file.read(size + 1)
                after = stamp(os.fstat(file.fileno()))
        except FileNotFoundError:
            return None
        except OSError as error:
            after, text = before, Unreadable(reason(error))
        if before != after:
            self._waiting[path] = _Waiting(after, at.steady, at.steady + SETTLED)
            return None
        self._waiting.pop(path, None)
        digest = xxh3_128_digest(text if isinstance(text, bytes) else text.reason.encode())
        known = self._files.get(path)
        certain = not 0 <= at.wall - after.changed / 1e9 < _CLOCK_TICK
        self._files[path] = _File(after, digest, certain, seen.linked)
        if seen.linked:
            self._linked[path] = after.identity
        else:
            self._linked.pop(path, None)
        if known is not None and known.digest == digest:
            return None
        return Changed(path=Path(path), text=text)

    def _forget(self, path: str) -> Changed:
        del self._files[path]
        self._linked.pop(path, None)
        self._waiting.pop(path, None)
        return Changed(path=Path(path), text=None)

    def _unseen(self, found: Scan) -> list[Changed]:
        """What cannot be seen any more, as a file that cannot be read; what can be seen again."""
        changes: list[Changed] = []
        for path, why in sorted(found.blind.items()):
            if path not in self.blind:
                changes.append(Changed(path=Path(path), text=Unreadable(why)))
            if path in self._files:
                self._files[path] = replace(self._files[path], digest=b"")  # to be reported again
        for path in sorted(self.blind - found.blind.keys() - found.files.keys()):
            changes.append(Changed(path=Path(path), text=None))
        self.blind = frozenset(found.blind)
        return [*changes, *self._passed_over(found)]

    def _passed_over(self, found: Scan) -> Iterator[Changed]:
        """What is skipped now and was not; what no longer is. A file that was there before is
        reported as gone first.
        """
        skipped = {path: why for path, why in found.skipped.items() if path not in self._files}
        for path in sorted(self._skipped.keys() - skipped.keys()):
            if path not in found.files and path not in found.blind:
                yield Changed(path=Path(path), text=None)
        for path, why in sorted(skipped.items()):
            if self._skipped.get(path) != why:
                yield Changed(path=Path(path), text=Skipped(why))
        self._skipped = skipped


def _without_waiting(path: str, flags: int) -> int:
    """Open ``path``; a pipe that has come in the place of a file does not wait for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _moved(sights: Mapping[str, Seen | None], known: Mapping[str, _File]) -> Set[tuple[int, ...]]:
    """The files that are gone under one name and there under another."""
    gone = {known[path].stamp.moved for path, seen in sights.items() if not seen and path in known}
    return {seen.stamp.moved for seen in sights.values() if seen} & gone


def next_step(steps: Steps) -> tuple[Changed, ...] | None:
    """Do one of ``steps``: ``None`` where there are more, else what all of them found."""
    try:
        next(steps)
    except StopIteration as end:
        changes: tuple[Changed, ...] = end.value
        return changes
    return None


def completed(steps: Steps) -> tuple[Changed, ...]:
    """Do all ``steps`` at once."""
    while (changes := next_step(steps)) is None:
        pass
    return changes


def _below(path: str, blind: Iterable[str]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}{os.sep}") for prefix in blind)
