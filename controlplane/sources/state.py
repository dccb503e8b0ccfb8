"""The state directory, which only its owner may enter: the keys of the authority, and files that
other modules keep next to them.

A key is seen whole or not at all, also after a crash: it is written beside its place, synced and
linked there, and the folder is synced. All of it may be deleted or broken at any time, at no more
loss than what was accepted and identity; while a control plane runs, not even that.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Final

from controlplane.base.errors import StateUnusable
from controlplane.sources.private_files import private_content, private_folder

_DIGITS: Final = 10  # of the hash: two of a user's projects meet once in a trillion
_NAME_LENGTH: Final = 40  # characters; file systems take 255 bytes
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9._-]+")


def default_path(environment: Mapping[str, str], config: Iterable[Path]) -> Path:
    """The directory of the project whose configuration is ``config``, below
    ``$XDG_STATE_HOME/controlplane`` or, where that is not set, ``~/.local/state/controlplane``.

    It is named after the last of these paths and a hash of all, whatever their order and however
    they are written. Relative values of the variables are ignored. Source: XDG Base Directory
    Specification.
    """
    paths = sorted({os.fsencode(os.path.realpath(path)) for path in config})
    digest = sha256(b"\0".join(paths)).hexdigest()[:_DIGITS]
    last = paths[-1].rpartition(b"/")[2].decode(errors="replace") if paths else ""
    name = f"{_UNUSUAL.sub('-', last)[:_NAME_LENGTH] or 'root'}-{digest}"
    for variable, below in (("XDG_STATE_HOME", ""), ("HOME", ".local/state")):
        base = Path(environment.get(variable, ""))
        if base.is_absolute():
            return base / below / "controlplane" / name
    raise StateUnusable(
        "the state has no directory: neither XDG_STATE_HOME nor HOME is set",
        hint="name a directory with --state",
    )


@dataclass(frozen=True, slots=True)
class Area:
    """A folder of the state directory, of keys: its files are read only where they are private."""

    path: Path

    def content(self, name: str) -> bytes | None:
        """The file's content; ``None`` when there is none."""
        with _reported(self.path):
            return self._content(name)

    def made_once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The file's content, made first when there is none; of several processes that make it, one
        wins for all.
        """
        file = self.path / name
        with _reported(self.path):
            while (content := self._content(name)) is None:
                with self._written_beside(make()) as new, suppress(FileExistsError):
                    file.hardlink_to(new)
            return content

    def replace(self, name: str, content: bytes) -> None:
        """Put ``content`` in the file at once, in place of what it holds."""
        with _reported(self.path), self._written_beside(content) as new:
            new.replace(self.path / name)

    def remove(self, name: str) -> None:
        """Remove the file, if it is there."""
        with _reported(self.path):
            (self.path / name).unlink(missing_ok=True)

    def rename(self, name: str, new: str) -> None:
        """Give the file another name in the folder, in place of what has it; if it is there."""
        with _reported(self.path), suppress(FileNotFoundError):
            (self.path / name).rename(self.path / new)

    def append(self, name: str, line: str) -> None:
        """Add a line to the file, whole even where several processes add one."""
        with _reported(self.path):
            self._content(name)  # it, and the folder, are private
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self.path / name, flags, 0o600)
            try:
                os.write(descriptor, f"{line}\n".encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            _sync_folder(self.path)

    def set_aside(self, name: str) -> Path:
        """Give the file another name, at which nothing was; return it."""
        with _reported(self.path):
            return set_aside(self.path / name)

    def _content(self, name: str) -> bytes | None:
        try:
            with private_folder(self.path, what="the folder of keys") as folder:
                return private_content(folder, self.path / name)
        except FileNotFoundError:
            return None

    @contextmanager
    def _written_beside(self, content: bytes) -> Iterator[Path]:
        """A synced file with ``content`` in the folder; its first name is gone afterwards."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _draft(self.path, content) as new:
            yield new
        _sync_folder(self.path)


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """A directory of mode 0700 that belongs to this user; made by ``opened``."""

    path: Path

    @classmethod
    def opened(cls, path: Path) -> "StateDirectory":
        """The directory, made if it is new. ``StateUnusable`` when others than its owner may enter
        it, or when we are not its owner.
        """
        with _reported(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with private_folder(path, what="the state directory", is_named=True):
                return cls(path)

    @property
    def authority(self) -> Area:
        """Keys and certificates of the mesh's authority."""
        return Area(self.path / "authority")

    def write(self, name: str, content: bytes) -> Path:
        """Put ``content`` in a file of the directory at once, and return its path; ``OSError`` when
        that is not possible.
        """
        file = self.path / name
        with _draft(self.path, content) as new:
            new.replace(file)
        return file


def set_aside(file: Path) -> Path:
    """Rename ``file`` to ``….unusable`` or, where that is taken, ``….unusable-2`` and so on."""
    for number in count(1):
        aside = file.with_name(f"{file.name}.unusable" + (f"-{number}" if number > 1 else ""))
        if not os.path.lexists(aside):
            file.rename(aside)
            return aside
    raise AssertionError("one of endlessly many names is free")


@contextmanager
def _draft(folder: Path, content: bytes) -> Iterator[Path]:
    """A synced file of mode 0600 with ``content``, without a name when the block ends."""
    descriptor, new = tempfile.mkstemp(prefix=".", dir=folder)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield Path(new)
    finally:
        Path(new).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename or removal in ``folder`` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn the system's errors about a file below ``path`` into ``StateUnusable``."""
    try:
        yield
    except OSError as error:
        raise StateUnusable(
            f"the state directory cannot be used: {error.filename or path}: {error.strerror}",
            hint="name another directory with --state",
        ) from error
