"""The kernel's word that a file is complete, milliseconds before watchfiles hands its batch out.

watchfiles collects events in steps of a millisecond and does not tell a file that was closed after
writing from one that is being written. On Linux the same folders are therefore also watched here:
a file that was closed, or renamed into place, is looked at once, and one that is still open is
known to be. Everything else is left to watchfiles; without inotify nothing is lost but the
milliseconds, and writers that are slower than a second are not waited for.
Source: inotify(7).
"""

import ctypes
import os
import select
import struct
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Final

_CLOSE_WRITE: Final = 0x8
_MOVED_TO: Final = 0x80
_MODIFIED: Final = 0x2
_GONE: Final = 0x40 | 0x200  # moved away, deleted
_OTHERS: Final = _MODIFIED | _GONE | 0x100  # created
_COMPLETE: Final = _CLOSE_WRITE | _MOVED_TO
_EVENT: Final = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_LONGEST_WAIT: Final = 50  # milliseconds


class Hints:
    """Watches folders while the ``with`` block runs; watches none where there is no inotify."""

    def __init__(self, folders: Iterable[str]) -> None:
        self._folders: dict[int, str] = {}
        self._poll = select.poll()
        self._descriptor: int | None = None
        self.writing: set[str] = set()
        """The files that were written to and are not closed yet."""
        with suppress(OSError, AttributeError):
            self._watch(sorted(folders))

    def __enter__(self) -> "Hints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def work(self) -> bool:
        return self._descriptor is not None

    def wait(self, timeout: int) -> frozenset[str]:
        """The files that were completed, after the first event or ``timeout`` milliseconds.

        May return sooner; an empty answer says only that it is time to look.
        """
        if self._descriptor is None or not self._poll.poll(min(timeout, _LONGEST_WAIT)):
            return frozenset()
        try:
            events = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return frozenset()
        return frozenset(self._completed(events))

    def _watch(self, folders: list[str]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._descriptor = descriptor
        self._poll.register(descriptor, select.POLLIN)
        for folder in folders:
            watch = libc.inotify_add_watch(descriptor, os.fsencode(folder), _COMPLETE | _OTHERS)
            if watch >= 0:
                self._folders[watch] = folder

    def _completed(self, events: bytes) -> Iterable[str]:
        at = 0
        while at < len(events):
            watch, mask, _, length = _EVENT.unpack_from(events, at)
            at += _EVENT.size + length
            if watch not in self._folders:
                continue
            name = os.fsdecode(events[at - length : at].rstrip(b"\0"))
            path = f"{self._folders[watch]}{os.sep}{name}"
            if mask & _MODIFIED:
                self.writing.add(path)
            elif mask & (_COMPLETE | _GONE):
                self.writing.discard(path)
            if mask & _COMPLETE:
                yield path
