"""The SQLite file that accepted objects are kept in: one row for each, its body as JSON.

One process holds the file at a time. A file that is not such a database is set aside, never
overwritten; one that cannot be written is still read.
Source: sqlite.org, "Result and Error Codes" and "PRAGMA locking_mode".
"""

import errno
import os
import sqlite3
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.documents.document import Origin, RawObject
from controlplane.sources.state import set_aside

Row = tuple[str, str, str, str, str, str, bytes]
"""API group, kind, namespace, name, path, version, body."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS accepted (
    api_group TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    path TEXT NOT NULL, api_version TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (api_group, kind, namespace, name)
) WITHOUT ROWID
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS accepted_by_path ON accepted (path)"
_COLUMNS: Final = ("api_group", "kind", "namespace", "name", "path", "api_version", "body")
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM accepted WHERE"
_BY_KEY: Final = "api_group = ? AND kind = ? AND namespace = ? AND name = ?"
_NO_DATABASE: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_NOT_OURS_TO_WRITE: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_BESIDE: Final = ("-wal", "-shm")  # what SQLite keeps beside a database
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_FORMAT: Final = 1  # PRAGMA user_version: of this schema and of what the bodies are


class Broken(Exception):
    """The file is not a database of accepted objects; it was set aside, and the next is empty."""


class _Foreign(Exception):
    """A database that others made, or a newer version; it says which."""


class RowUnusable(Exception):
    """A row that cannot be written, or is not an accepted object."""

    def __init__(self, row: str, reason: str) -> None:
        super().__init__(f"{row}: {reason}")
        self.row = row
        self.reason = reason


class AcceptedFile:
    """Opened when it is needed. Every method raises ``Broken``, ``sqlite3.Error`` or ``OSError``
    where the file cannot be used; the next call tries again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def open(self) -> None:
        """Have the file open for writing, made if there is none."""
        self._opened()

    def close(self) -> None:
        if self._database is not None:
            database, self._database = self._database, None
            with suppress(sqlite3.Error):
                database.close()

    def is_lost(self) -> bool:
        """Whether the path leads to another file than the one that is open, or to none."""
        return self._database is not None and _identity(self.path) != self._identity

    def of_key(self, key: ObjectKey) -> list[Row]:
        return self._rows(f"{_SELECT} {_BY_KEY}", _columns(key))

    def of_path(self, path: Path) -> list[Row]:
        return self._rows(f"{_SELECT} path = ?", (str(path),))

    def keys(self) -> list[ObjectKey]:
        return [ObjectKey(Kind(r[0], r[1]), Namespace(r[2]), r[3]) for r in self.all()]

    def all(self) -> list[Row]:
        return self._rows(f"{_SELECT} true", ())

    def put(self, rows: Iterable[Row]) -> None:
        places = ", ".join("?" * len(_COLUMNS))
        with self._transaction() as database:
            database.executemany(f"INSERT OR REPLACE INTO accepted VALUES ({places})", rows)

    def remove(self, keys: Iterable[ObjectKey]) -> None:
        with self._transaction() as database:
            database.executemany(f"DELETE FROM accepted WHERE {_BY_KEY}", map(_columns, keys))

    def forget_others(self, known: Collection[ObjectKey]) -> None:
        """Remove all rows but those of ``known``."""
        keys = {_columns(key) for key in known}
        with self._transaction() as database:
            kept = database.execute(f"SELECT {', '.join(_COLUMNS[:4])} FROM accepted").fetchall()
            gone = [row for row in kept if row not in keys]
            database.executemany(f"DELETE FROM accepted WHERE {_BY_KEY}", gone)

    def _rows(self, query: str, values: tuple[str, ...]) -> list[Row]:
        with self._setting_aside():
            try:
                return self._opened().execute(query, values).fetchall()
            except (OSError, sqlite3.OperationalError) as error:
                if not _is_readable_all_the_same(error):
                    raise
                try:
                    with closing(_readable(self.path)) as database:
                        return database.execute(query, values).fetchall()
                except sqlite3.OperationalError:
                    raise error from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._setting_aside(), self._opened() as database:
            yield database

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            with self._setting_aside():
                self._database = _writable(self.path)
            self._identity = _identity(self.path)
        return self._database

    @contextmanager
    def _setting_aside(self) -> Iterator[None]:
        """Move away a file that turns out to be broken or not a database."""
        try:
            yield
        except _Foreign as foreign:
            self._set_aside(str(foreign))
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _NO_DATABASE:
                raise
            self._set_aside(str(error))

    def _set_aside(self, reason: str) -> None:
        self.close()
        aside = set_aside(self.path)
        for suffix in _BESIDE:
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        raise Broken(f"{reason}; it is now {aside.name}")


def row_of(raw: RawObject) -> Row:
    """``RowUnusable`` where SQLite or JSON cannot hold it (a lone surrogate in a string)."""
    texts = (*_columns(raw.key), str(raw.origin.path), raw.api_version)
    try:
        "".join(texts).encode()
        return (*texts, msgspec.json.encode(raw.body))
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise RowUnusable(str(raw.key), str(error)) from error


def raw_of(row: Row) -> RawObject:
    """``RowUnusable`` where it is not a row that ``row_of`` made."""
    group, kind, namespace, name, path, version, body = row
    spoken = f"{kind!s} {namespace!s}/{name!s}"
    if not all(isinstance(text, str) for text in row[:6]) or not isinstance(body, bytes):
        raise RowUnusable(spoken, "not the types of an accepted object")
    try:
        decoded = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RowUnusable(spoken, str(error)) from error
    return RawObject(
        key=ObjectKey(Kind(group, kind), Namespace(namespace), name),
        api_version=version,
        body=decoded,
        origin=Origin(path=Path(path), document=0),
    )


def _columns(key: ObjectKey) -> tuple[str, str, str, str]:
    return (key.kind.group, key.kind.name, key.namespace, key.name)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return (status.st_dev, status.st_ino)


def _writable(path: Path) -> sqlite3.Connection:
    """The database, held for this process alone; ``OSError`` where it is not writable."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    _check_regular(path)
    database = sqlite3.connect(path, timeout=0, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        _check_schema(database)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        with database:
            database.execute("BEGIN EXCLUSIVE")
            database.execute(_SCHEMA)
            database.execute(_INDEX)
            database.execute(f"PRAGMA user_version = {_FORMAT}")
    except BaseException:
        database.close()
        raise
    return database


def _check_regular(path: Path) -> None:
    """Have a regular file of mode 0600 at ``path``; ``OSError`` where there is something else."""
    flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            os.fchmod(descriptor, 0o600)  # it holds Secrets, too
    finally:
        os.close(descriptor)


def _check_schema(database: sqlite3.Connection) -> None:
    tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    columns = database.execute("PRAGMA table_info (accepted)").fetchall()
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > _FORMAT:
        raise _Foreign("a newer version's database")
    if tables and tuple(column[1] for column in columns) != _COLUMNS:
        raise _Foreign("another program's database, or another version's")


def _is_readable_all_the_same(error: OSError | sqlite3.OperationalError) -> bool:
    """Whether a file that cannot be opened for writing may be read: nobody else writes it."""
    if isinstance(error, OSError):
        return error.errno in _NOT_OURS_TO_WRITE
    return error.sqlite_errorcode & 0xFF not in _BUSY  # a full disk, a -wal that is a directory


def _readable(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, timeout=0)
