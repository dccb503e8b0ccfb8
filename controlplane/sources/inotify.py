"""Linux' own watcher: events of the kernel, without a library and without a delay.

Source: inotify(7).
"""

import ctypes
import errno
import os
import select
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from controlplane.sources.watcher import Event, What

_ATTRIB: Final = 0x4
_MODIFY: Final = 0x2
_CLOSE_WRITE: Final = 0x8
_MOVED_FROM: Final = 0x40
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
_DELETE: Final = 0x200
_DELETE_SELF: Final = 0x400
_MOVE_SELF: Final = 0x800
_UNMOUNT: Final = 0x2000
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_ONLY_FOLDERS: Final = 0x1000000
_ADD: Final = 0x20000000  # to what is watched already in the same folder
_IS_FOLDER: Final = 0x40000000

_NAMES: Final = _CREATE | _DELETE | _MOVED_FROM | _MOVED_TO | _DELETE_SELF | _MOVE_SELF
_ALL: Final = _NAMES | _MODIFY | _CLOSE_WRITE | _ATTRIB
_MEANING: Final = (
    (_MOVED_TO, What.MOVED_IN),
    (_CLOSE_WRITE, What.CLOSED),
    (_DELETE | _MOVED_FROM, What.REMOVED),
    (_CREATE, What.CREATED),
    (_MODIFY, What.WRITING),
    (_ATTRIB, What.TOUCHED),
    (_DELETE_SELF | _MOVE_SELF | _UNMOUNT, What.LOST),
)
_EVENT: Final = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_READ: Final = 1 << 16  # bytes; some two thousand events
_OTHER_HALF: Final = 1  # milliseconds at most between the two events of one rename
_NONE_LEFT: Final = (errno.ENOSPC, errno.ENOMEM)
EVERYWHERE: Final = Event("", "", What.LOST)
"""More happened than the kernel keeps."""


class Inotify:
    """Raises ``OSError`` where the kernel has no inotify, or none left for this user."""

    follows_at_once = True

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._queue = self._called(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._queue, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        self._folders: dict[int, set[str]] = {}
        """The names of each watched folder: one may be reached on several ways."""
        self._watches: dict[str, int] = {}

    def watch(self, folder: str, *, only_names: bool = False) -> bool:
        """False where no more folders can be watched (``fs.inotify.max_user_watches``); a folder
        that is gone or not readable is left to the next scan.
        """
        mask = (_NAMES if only_names else _ALL) | _ONLY_FOLDERS | _ADD
        try:
            watch = self._called(
                self._libc.inotify_add_watch(self._queue, os.fsencode(folder), mask)
            )
        except OSError as error:
            return error.errno not in _NONE_LEFT
        before = self._watches.get(folder)
        if before is not None and before != watch:
            self._forget(folder)
        self._watches[folder] = watch
        self._folders.setdefault(watch, set()).add(folder)
        return True

    def watch_no_others(self, folders: Iterable[str]) -> None:
        for folder in self._watches.keys() - set(folders):
            self._forget(folder)

    def wait(self, seconds: float) -> list[Event]:
        ready = [descriptor for descriptor, _ in self._poll.poll(max(seconds, 0) * 1000)]
        if self._woken in ready:
            with suppress(BlockingIOError):
                os.read(self._woken, 64)
        return self._read() if self._queue in ready else []

    def wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._waker, b"\0")

    def close(self) -> None:
        for descriptor in (self._queue, self._woken, self._waker):
            os.close(descriptor)

    def _read(self) -> list[Event]:
        events: list[Event] = []
        with suppress(BlockingIOError):
            left: set[int] = set()
            self._take(os.read(self._queue, _READ), events, left)
            if left and self._poll.poll(_OTHER_HALF):
                self._take(os.read(self._queue, _READ), events, left)
        return events

    def _take(self, read: bytes, events: list[Event], left: set[int]) -> None:
        """``left``: renames of which only the first half has come."""
        for watch, mask, cookie, name in _parts(read):
            if mask & _MOVED_FROM:
                left.add(cookie)
            elif mask & _MOVED_TO:
                left.discard(cookie)
            if mask & _OVERFLOW:
                events.append(EVERYWHERE)
            folders = self._folders.get(watch, ())
            what = next((what for bits, what in _MEANING if mask & bits), None)
            if what is not None:
                is_folder = bool(mask & _IS_FOLDER)
                events.extend(Event(folder, name, what, is_folder) for folder in folders)
            if mask & _IGNORED:  # the kernel watches it no longer
                for folder in self._folders.pop(watch, ()):
                    self._watches.pop(folder, None)

    def _forget(self, folder: str) -> None:
        watch = self._watches.pop(folder)
        names = self._folders.get(watch, set())
        names.discard(folder)
        if not names:
            self._folders.pop(watch, None)
            self._libc.inotify_rm_watch(self._queue, watch)  # fails where it is gone already

    @staticmethod
    def _called(result: int) -> int:
        if result < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return result


def _parts(read: bytes) -> Iterator[tuple[int, int, int, str]]:
    at = 0
    while at < len(read):
        watch, mask, cookie, length = _EVENT.unpack_from(read, at)
        at += _EVENT.size + length
        yield watch, mask, cookie, os.fsdecode(read[at - length : at].rstrip(b"\0"))
