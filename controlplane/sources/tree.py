"""Files and folders become texts: all at first, then what is different since.

Looking is by ``stat``, telling is by content: a file that was touched and says the same is no
change. A file that is being written is waited for, so that a half of it is not taken for the whole;
until it is closed, where it is known to be open (``kubectl get … > mesh.yaml`` empties a file
seconds before it fills it). One that came by a rename is taken at once. A file that is gone is
waited for as well, because editors save by deleting. A root that is missing keeps what it had:
nobody deletes a whole mesh by accident.
"""

import os
from collections.abc import Iterable
from collections.abc import Sequence
from collections.abc import Set
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog
from xxhash import xxh3_128_digest

from controlplane.base.errors import ConfigMissing
from controlplane.documents.content import SIZE_LIMIT
from controlplane.documents.content import Entries
from controlplane.documents.content import Unreadable
from controlplane.sources.sight import Folder
from controlplane.sources.sight import Seen
from controlplane.sources.sight import Sight
from controlplane.sources.sight import Stamp
from controlplane.sources.sight import glimpse
from controlplane.sources.sight import is_configuration
from controlplane.sources.sight import reason
from controlplane.sources.sight import sight
from controlplane.sources.sight import stamp

SETTLED: Final = 0.010  # seconds without a change after which a written file counts as complete
LONGEST_WAIT: Final = 1.0  # seconds; also for an emptied file, which is how most writing begins
OPEN_WAIT: Final = 30.0  # seconds; a writer that has not closed its file by then never will
ABSENCE: Final = 0.050  # seconds; editors that save by deleting are done long before
_CLOCK_TICK: Final = 0.020  # seconds; two changes of a file within it may have the same time

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A file's new bytes, or why they cannot be read, or ``None`` when the file is deleted.

    Of a folder of secrets: the entries of the Secret.
    """

    path: Path
    text: bytes | Unreadable | Entries | None


@dataclass(frozen=True, slots=True)
class Moment:
    """``steady`` seconds of a clock that only goes forward.

    ``wall`` seconds since 1970, as files have.
    """

    steady: float
    wall: float


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

    At ``until`` that is its state. ``opened``: since when somebody is known to write it.
    """

    stamp: Stamp | None
    since: float
    until: float
    opened: float | None = None


class Tree:
    """The files below ``roots`` as they were last told; paths begin as the roots were given."""

    def __init__(self, roots: Sequence[Path], secrets: Sequence[Path] = ()) -> None:
        """Below ``secrets`` every file counts. ``ConfigMissing``: a root does not exist."""
        for root in (*roots, *secrets):
            try:
                root.stat()
            except OSError as error:
                hint = "name files and folders that exist"
                raise ConfigMissing(f"{root}: {reason(error)}", hint=hint) from error
        self._configuration: Final = tuple(str(root) for root in roots)
        self._secrets: Final = tuple(str(root) for root in secrets)
        self.roots: Final = (*self._configuration, *self._secrets)
        self._files: dict[str, _File] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._blind: frozenset[str] = frozenset()
        self.writing: Set[str] = frozenset()
        """The files that somebody writes to, as far as is known; to be set before each look."""
        self.folders: frozenset[Folder] = frozenset()
        """Every folder that the last scan walked through."""

    def load(self, at: Moment) -> tuple[Changed, ...]:
        """All files as they are."""
        found = self._walked()
        read = (self._read(path, seen, at) for path, seen in sorted(found.files.items()))
        return (*self._unseen(found), *(change for change in read if change is not None))

    def scan(self, at: Moment) -> tuple[Changed, ...]:
        """What is different."""
        found = self._walked()
        unseen = self._unseen(found)
        files: dict[str, Seen | None] = {p: None for p in self._files if not _below(p, found.blind)}
        files |= found.files
        moved = {self._files[path].stamp for path, seen in files.items() if seen is None}
        moved &= {seen.stamp for seen in found.files.values()}
        looks = (self._look(path, seen, at, moved) for path, seen in sorted(files.items()))
        return (*unseen, *(change for change in looks if change is not None))

    def glance(self, path: str, at: Moment, *, replaced: bool) -> Changed | None:
        """Whether the one file at ``path``, which was seen before, is different.

        ``replaced``: another file was renamed to it, or it was closed, so it is complete; unless
        it is empty, which is how writing in steps begins.
        """
        now = glimpse(path)
        seen = Seen(now, Path(path).is_symlink()) if now else None
        known = self._files.get(path)
        is_whole = replaced and now is not None and now.size > 0
        waiting = self._waiting.get(path)
        is_new = waiting is None or waiting.opened is not None
        if is_whole and is_new and known and seen and now != known.stamp:
            return self._read(path, seen, at)
        return self._look(path, seen, at)

    def knows(self, path: str) -> bool:
        """Whether a glance at ``path`` suffices: a known file whose name is no link."""
        known = self._files.get(path)
        return known is not None and not known.linked

    def wants(self, path: str) -> bool:
        """Whether a file at ``path`` counts, going by its name."""
        return is_configuration(path) or _below(path, self._secrets)

    def links(self) -> frozenset[str]:
        """The folders that links to files lead to; unlike ``folders``, these are complete paths."""
        linked = (path for path, known in self._files.items() if known.linked)
        return frozenset(str(Path(path).resolve().parent) for path in linked)

    def waiting(self, at: Moment) -> tuple[str, ...]:
        """Files that are waited for and may be read now."""
        return tuple(path for path, w in self._waiting.items() if w.until <= at.steady)

    def due(self) -> float | None:
        """When to look again for files that are waited for, on the steady clock."""
        return min((waiting.until for waiting in self._waiting.values()), default=None)

    def _look(
        self, path: str, seen: Seen | None, at: Moment, moved: Set[Stamp] = frozenset()
    ) -> Changed | None:
        """``moved``: files that have got another name; both names are told in one batch."""
        known = self._files.get(path)
        if seen is None:
            if known is None or path in self.roots:  # a root that is gone keeps what it had
                self._waiting.pop(path, None)
                return None
            gone = known.stamp in moved or self._is_settled(path, None, at)
            return self._forget(path) if gone else None
        if known is not None and known.stamp == seen.stamp:
            self._waiting.pop(path, None)
            return None if known.certain else self._read(path, seen, at)
        # A link that leads elsewhere leads to what was complete before: a ConfigMap is swapped so.
        swapped = seen.linked and (known is None or known.stamp.inode != seen.stamp.inode)
        is_complete = swapped or seen.stamp in moved or self._is_settled(path, seen.stamp, at)
        return self._read(path, seen, at) if is_complete else None

    def _is_settled(self, path: str, now: Stamp | None, at: Moment) -> bool:
        waiting = self._waiting.get(path)
        if now is not None and path in self.writing and path in self._files:
            return self._is_abandoned(path, now, at)
        if waiting is not None and waiting.opened is not None:
            waiting = None  # closed: how long its writer took says nothing any more
        if waiting is not None and waiting.stamp == now:
            return at.steady >= waiting.until
        gap = at.steady - waiting.since if waiting and waiting.stamp else 0.0
        if now is None:
            wait = ABSENCE
        elif now.size == 0:
            wait = LONGEST_WAIT
        else:
            age = at.wall - now.changed / 1e9
            wait = min(max(SETTLED - max(age, 0.0), 2 * gap, 0.0), LONGEST_WAIT)
        self._waiting[path] = _Waiting(now, at.steady, at.steady + wait)
        return wait == 0.0

    def _is_abandoned(self, path: str, now: Stamp, at: Moment) -> bool:
        """Whether a file has been open for so long that its writer does not count any more."""
        waiting = self._waiting.get(path)
        opened = at.steady if waiting is None or waiting.opened is None else waiting.opened
        self._waiting[path] = _Waiting(now, at.steady, opened + OPEN_WAIT, opened)
        return at.steady >= opened + OPEN_WAIT

    def _read(self, path: str, seen: Seen, at: Moment) -> Changed | None:
        text: bytes | Unreadable
        before = seen.stamp
        try:
            with Path(path).open("rb") as file:
                before = stamp(os.fstat(file.fileno()))
                text = file.read(SIZE_LIMIT + 1)
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
        if known is not None and known.digest == digest:
            return None
        return Changed(path=Path(path), text=text)

    def _forget(self, path: str) -> Changed:
        del self._files[path]
        self._waiting.pop(path, None)
        return Changed(path=Path(path), text=None)

    def _walked(self) -> Sight:
        found = sight(self._configuration, self._secrets)
        self.folders = frozenset(found.folders)
        return found

    def _unseen(self, found: Sight) -> list[Changed]:
        """What cannot be seen any more, as a file that cannot be read; what can be seen again."""
        changes: list[Changed] = []
        for path, why in sorted(found.blind.items()):
            if path not in self._blind:
                log.warning("config_unseen", path=path, reason=why, effect="what it held stays")
                changes.append(Changed(path=Path(path), text=Unreadable(why)))
            if path in self._files:
                self._files[path] = replace(self._files[path], digest=b"")  # to be told again
        for path in sorted(self._blind - found.blind.keys() - found.files.keys()):
            changes.append(Changed(path=Path(path), text=None))
        self._blind = frozenset(found.blind)
        return changes


def _below(path: str, blind: Iterable[str]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}{os.sep}") for prefix in blind)
