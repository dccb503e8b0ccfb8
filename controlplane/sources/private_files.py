"""Folders and files that only their owner may read or write.

What is checked is what was opened, not what its path leads to by then: a link is never followed,
and type, owner and mode are those of the open file.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Final

from controlplane.base.errors import StateUnusable

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@contextmanager
def private_folder(path: Path, *, what: str, is_named: bool = False) -> Iterator[int]:
    """An open folder that only its owner may enter, who we are; ``StateUnusable`` otherwise.

    ``what`` is what messages call it. One that the user named may be behind a link.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if is_named else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        raise StateUnusable(f"{what} {path} is not a directory", hint=_moved_away(path)) from error
    try:
        status = os.fstat(descriptor)
        _check_owner(path, what, status)
        mode = stat.S_IMODE(status.st_mode)
        if mode & _OTHERS:
            raise StateUnusable(
                f"{what} {path} is open to others (mode {mode:04o})",
                hint=f"chmod 700 {quote(str(path))} if it holds nothing else, or name another",
            )
        yield descriptor
    finally:
        os.close(descriptor)


def private_content(folder: int, path: Path) -> bytes:
    """What the file ``path`` of the open ``folder`` holds, if it is a regular file that belongs to
    this user and that no other may read or write; ``StateUnusable`` with the command that mends it
    otherwise.
    """
    # Without O_NONBLOCK the open of a FIFO waits for a writer.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path.name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _link(path) from error
        if error.errno == errno.ENXIO:
            raise _irregular(path, "a socket or a device") from error
        error.filename = str(path)
        raise
    try:
        _check_key(path, os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _check_key(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_it, name in _KINDS if is_it(status.st_mode)), "something else")
        raise _irregular(path, kind)
    _check_owner(path, "the key", status)
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS:
        raise StateUnusable(
            f"the key {path} is open to others (mode {mode:04o})",
            hint=f"chmod 600 {quote(str(path))}, and delete it instead if others may have read it",
        )


def _check_owner(path: Path, what: str, status: os.stat_result) -> None:
    own = os.geteuid()
    if status.st_uid != own:
        raise StateUnusable(
            f"{what} {path} belongs to user {status.st_uid}, this process runs as user {own}",
            hint=f"run as its owner, or: sudo chown {own} {quote(str(path))}",
        )


def _link(path: Path) -> StateUnusable:
    quoted = quote(str(path))
    return StateUnusable(
        f"the key {path} is a symbolic link",
        hint="put the file itself there: "
        f'cp --remove-destination "$(readlink -f {quoted})" {quoted} && chmod 600 {quoted}',
    )


def _irregular(path: Path, kind: str) -> StateUnusable:
    return StateUnusable(f"the key {path} is {kind}, not a regular file", hint=_moved_away(path))


def _moved_away(path: Path) -> str:
    return f"move it away: mv {quote(str(path))} {quote(f'{path}.old')}"
