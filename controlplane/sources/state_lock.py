"""One control plane at a time has a state directory.

The lock is the kernel's (``flock``, on a file of the directory), so it ends with the process that
holds it, however that ends. What the file says is who took it, for people.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from controlplane.base.errors import StateHeld

NAME: Final = "lock"
_HELD: Final = (errno.EWOULDBLOCK, errno.EACCES)
_NOT_WRITABLE: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR)
_LONGEST: Final = 64 * 1024  # bytes that are read of who holds it
_EFFECT: Final = "a second control plane on this directory is not noticed"

log = structlog.get_logger(__name__)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lock: a process, since when, and the configuration that it serves."""

    pid: int
    host: str
    command: str
    since: datetime
    config: tuple[str, ...]

    def seen_from(self, host: str) -> str:
        """``controlplane up (pid 7), since 2026-03-01 12:00:00 UTC, serving /srv/mesh``."""
        where = "" if self.host == host else f" on {self.host}"
        return (
            f"{self.command} (pid {self.pid}{where}), since {self.since:%Y-%m-%d %H:%M:%S} UTC, "
            f"serving {', '.join(self.config)}"
        )


class StateLock:
    """The lock on ``folder``, held until ``release`` or the end of the process.

    ``StateHeld`` when another process holds it. On a file system without locks there is none, which
    is logged once.
    """

    def __init__(
        self, folder: Path, holder: Holder, flock: Callable[[int, int], None] = fcntl.flock
    ) -> None:
        self._file = folder / NAME
        self._holder = holder
        self._flock = flock
        self._descriptor: int | None = None
        self._trouble: str | None = None
        self._take()

    def renew(self) -> bool:
        """Take the lock again where its file was deleted or replaced; whether that was needed."""
        if self._descriptor is not None and _is_at(self._file, self._descriptor):
            return False
        was_held = self._descriptor is not None
        self._take()
        return was_held and self._descriptor is not None

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self) -> None:
        """Open and lock the file until it is the one that the path leads to."""
        self.release()
        while True:
            try:
                descriptor = _opened(self._file)
            except OSError as error:
                self._without(error)
                return
            try:
                self._flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = _read_holder(descriptor)
                os.close(descriptor)
                if error.errno in _HELD:
                    raise self._held(holder) from error
                self._without(error)
                return
            if _is_at(self._file, descriptor):
                break
            os.close(descriptor)
        self._descriptor, self._trouble = descriptor, None
        with suppress(OSError):  # a full disk, a read-only file: the lock is held all the same
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, msgspec.json.encode(self._holder), 0)

    def _held(self, holder: Holder | None) -> StateHeld:
        who = "another process" if holder is None else holder.seen_from(self._holder.host)
        return StateHeld(
            f"{self._file.parent} is in use by {who}",
            hint="stop that one, or name another directory with --state",
        )

    def _without(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if reason != self._trouble:
            self._trouble = reason
            log.warning("state_not_locked", file=str(self._file), reason=reason, effect=_EFFECT)


def _opened(file: Path) -> int:
    """The file, open for writing where that is possible; a lock needs only reading."""
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | flags, 0o600)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        return os.open(file, os.O_RDONLY | flags)


def _is_at(file: Path, descriptor: int) -> bool:
    """Whether the path leads to the open file."""
    try:
        found, own = file.lstat(), os.fstat(descriptor)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)


def _read_holder(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, _LONGEST, 0), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None
