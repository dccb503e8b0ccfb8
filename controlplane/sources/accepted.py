"""The objects that were accepted last, so that a broken edit survives a restart of the control
plane.

What is to be kept is collected while edits are applied and written afterwards, off the path of an
edit. It is only a cache: a file that is missing, broken, locked, read-only, deleted or not
accessible costs what it held or what would be added, and a line in the log. Nothing here raises
because of it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import Enum, auto
from pathlib import Path
from threading import Lock
from typing import Final

import structlog

from controlplane.base.names import ObjectKey
from controlplane.documents.document import RawObject
from controlplane.sources.accepted_file import (
    AcceptedFile,
    Broken,
    Row,
    RowUnusable,
    raw_of,
    row_of,
)

Pending = Mapping[ObjectKey, RawObject | None]
"""What is to be written: an object, or ``None`` where it is to be forgotten."""

AT_ONCE: Final = 500  # rows of one transaction (about 5 ms), so that a reader never waits long
_UNKNOWN: Final = "an object that is broken, now or after a restart, may have no accepted version"
_FORGOTTEN: Final = "objects that are broken now have no accepted version"
_ITS_OWN: Final = "its last accepted version is not stored"

log = structlog.get_logger(__name__)


class _Written(Enum):
    YES = auto()
    NO = auto()
    EMPTY = auto()
    """The file is another one than before: everything has to be written, not only changes."""


class AcceptedObjects:
    """Remembers accepted objects in ``file``, which one process at a time may use."""

    def __init__(self, file: Path) -> None:
        self._file = AcceptedFile(file)
        self._pending: dict[ObjectKey, RawObject | None] = {}
        self._writing = asyncio.Lock()
        self._lock = Lock()  # of the file: it is written on another thread than it is read on
        self._is_new = False
        self._problem: str | None = None
        """Why the file cannot be used now, as it was logged."""
        self._unusable_rows: set[Row] = set()
        self._in_file(self._file.open)

    def keys(self) -> Iterable[ObjectKey]:
        found: list[ObjectKey] = []
        self._in_file(lambda: found.extend(self._file.keys()))
        return found

    def differing(self, objects: Iterable[RawObject]) -> Iterable[RawObject]:
        found: list[RawObject] = []
        by_key = {raw.key: raw for raw in objects}
        for raw in self._objects(self._file.all):
            same = by_key.get(raw.key)
            if same is None or (same.body, same.api_version) != (raw.body, raw.api_version):
                found.append(raw)
        return found

    def of_key(self, key: ObjectKey) -> RawObject | None:
        return next(self._objects(lambda: self._file.of_key(key)), None)

    def of_file(self, path: Path) -> Iterable[RawObject]:
        return tuple(self._objects(lambda: self._file.of_path(path)))

    def save(self, put: Iterable[RawObject], removed: Iterable[ObjectKey]) -> None:
        """Note what changed; ``keep`` writes it."""
        self._pending.update((raw.key, raw) for raw in put)
        self._pending.update((key, None) for key in removed)

    async def keep(self, everything: Callable[[], Iterable[RawObject]]) -> None:
        """Write what was noted; ``everything`` that is accepted where the file was lost.

        What cannot be written now is tried again the next time.
        """
        async with self._writing:
            pending, self._pending = self._pending, {}
            written = await asyncio.to_thread(self._write, pending)
            if written is _Written.EMPTY:
                pending = {**{raw.key: raw for raw in everything()}, **pending}
                written = await asyncio.to_thread(self._write, pending)
            if written is not _Written.YES:
                self._pending = {**pending, **self._pending}

    async def forget_others(self, known: Collection[ObjectKey]) -> None:
        """Forget the objects that no file declares: they were deleted while nothing ran."""
        async with self._writing:
            await asyncio.to_thread(self._in_file, lambda: self._file.forget_others(known))

    def close(self) -> None:
        """Write what is left, and let another process use the file."""
        self._write(self._pending)
        with self._lock:
            self._file.close()

    def _write(self, pending: Pending) -> _Written:
        put = [row for raw in pending.values() if raw is not None for row in self._row(raw)]
        removed = [key for key, raw in pending.items() if raw is None]
        if not self._in_file(self._renew):
            return _Written.NO
        if self._is_new:
            self._is_new = False
            return _Written.EMPTY
        if not pending and self._problem is None:
            return _Written.YES
        for start in range(0, len(put), AT_ONCE):
            chunk = put[start : start + AT_ONCE]
            if not self._in_file(lambda chunk=chunk: self._file.put(chunk)):  # type: ignore[misc]
                return _Written.NO
        if not self._in_file(lambda: self._file.remove(removed)):
            return _Written.NO
        if self._problem is not None:
            self._problem = None
            log.info("accepted_kept_again", file=str(self._file.path))
        return _Written.YES

    def _renew(self) -> None:
        """Notice that the file was deleted or replaced, and make it again."""
        is_lost = self._file.is_lost()
        if is_lost:
            self._file.close()
            self._is_new = True
        self._file.open()
        if is_lost:
            self._report("accepted_lost", "the file was deleted or replaced", "it is written again")

    def _objects(self, read: Callable[[], list[Row]]) -> Iterator[RawObject]:
        found: list[Row] = []
        self._in_file(lambda: found.extend(read()))
        for row in found:
            try:
                yield raw_of(row)
            except RowUnusable as fault:
                if row not in self._unusable_rows:
                    self._unusable_rows.add(row)
                    log.error(
                        "accepted_row_unusable",
                        object=fault.row,
                        reason=fault.reason,
                        effect=_ITS_OWN,
                    )

    def _row(self, raw: RawObject) -> Iterator[Row]:
        try:
            yield row_of(raw)
        except RowUnusable as fault:
            log.error(
                "accepted_row_unusable", object=fault.row, reason=fault.reason, effect=_ITS_OWN
            )

    def _in_file(self, work: Callable[[], None]) -> bool:
        """Whether ``work`` was done; what kept it from that is logged once."""
        with self._lock:
            try:
                work()
            except Broken as fault:
                self._is_new = True
                self._report("accepted_forgotten", str(fault), _FORGOTTEN)
                return False
            except (sqlite3.Error, OSError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                self._report("accepted_unusable", reason, _UNKNOWN)
                return False
        return True

    def _report(self, event: str, reason: str, effect: str) -> None:
        if reason != self._problem:
            self._problem = reason
            log.error(event, file=str(self._file.path), reason=reason, effect=effect)
