"""The objects that were accepted last, so that a broken edit survives a restart of the control
plane.

One SQLite file in the state directory. What is to be kept is collected while edits are applied and
written afterwards, off the path of an edit. Deleting the file loses only this memory.
"""

import os
import sqlite3
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from controlplane.base.errors import StateUnusable
from controlplane.base.names import Kind
from controlplane.base.names import Namespace
from controlplane.base.names import ObjectKey
from controlplane.documents.document import Origin
from controlplane.documents.document import RawObject

Pending = Mapping[ObjectKey, RawObject | None]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS accepted (
    api_group TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    path TEXT NOT NULL, api_version TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (api_group, kind, namespace, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS accepted_by_path ON accepted (path);
"""
_BY_KEY: Final = "api_group = ? AND kind = ? AND namespace = ? AND name = ?"
_COLUMNS: Final = "api_group, kind, namespace, name, path, api_version, body"


class AcceptedObjects:
    """Remembers accepted objects; raises ``StateUnusable`` when its file cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._pending: dict[ObjectKey, RawObject | None] = {}
        with _told(file):
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = sqlite3.connect(file, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_SCHEMA)

    def of_key(self, key: ObjectKey) -> RawObject | None:
        return next(iter(self._rows(_BY_KEY, _key_columns(key))), None)

    def of_file(self, path: Path) -> Iterable[RawObject]:
        return self._rows("path = ?", (str(path),))

    def save(self, put: Iterable[RawObject], removed: Iterable[ObjectKey]) -> None:
        """Note what changed; ``write`` keeps it."""
        self._pending.update((raw.key, raw) for raw in put)
        self._pending.update((key, None) for key in removed)

    def take_pending(self) -> Pending:
        """What is to be written; belongs to the caller from now on."""
        pending, self._pending = self._pending, {}
        return pending

    def give_back(self, pending: Pending) -> None:
        """``pending`` could not be written: it is to be, with what was noted since."""
        self._pending = {**pending, **self._pending}

    def write(self, pending: Pending) -> None:
        """Write in one transaction; may run on another thread than the rest."""
        put = [_row(raw) for raw in pending.values() if raw is not None]
        removed = [_key_columns(key) for key, raw in pending.items() if raw is None]
        with _told(self._file), self._database:
            self._database.executemany(
                f"INSERT OR REPLACE INTO accepted ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", put
            )
            self._database.executemany(f"DELETE FROM accepted WHERE {_BY_KEY}", removed)

    def forget_others(self, known: Collection[ObjectKey]) -> None:
        """Forget the objects that no file claims: they were deleted while nothing ran."""
        with _told(self._file), self._database:
            kept = self._database.execute("SELECT api_group, kind, namespace, name FROM accepted")
            keys = {_key_columns(key) for key in known}
            gone = [row for row in kept.fetchall() if row not in keys]
            self._database.executemany(f"DELETE FROM accepted WHERE {_BY_KEY}", gone)

    def close(self) -> None:
        self.write(self.take_pending())
        self._database.close()

    def _rows(self, where: str, values: tuple[str, ...]) -> list[RawObject]:
        with _told(self._file):
            cursor = self._database.execute(
                f"SELECT {_COLUMNS} FROM accepted WHERE {where}",
                values,
            )
            return [_raw(*row) for row in cursor]


def _key_columns(key: ObjectKey) -> tuple[str, ...]:
    return (key.kind.group, key.kind.name, key.namespace, key.name)


def _row(raw: RawObject) -> tuple[str | bytes, ...]:
    return (
        *_key_columns(raw.key),
        str(raw.origin.path),
        raw.api_version,
        msgspec.json.encode(raw.body),
    )


def _raw(
    group: str, kind: str, namespace: str, name: str, path: str, api_version: str, body: bytes
) -> RawObject:
    return RawObject(
        key=ObjectKey(Kind(group, kind), Namespace(namespace), name),
        api_version=api_version,
        body=msgspec.json.decode(body),
        origin=Origin(path=Path(path), document=0),
    )


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Turns the database's faults into ``StateUnusable``."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StateUnusable(
            f"{file} cannot be used: {error}",
            hint="delete it; only the memory of accepted objects is lost",
        ) from error
