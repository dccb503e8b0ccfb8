"""The state directory: keys, last accepted objects and history as small named blobs that only we
may read.

A blob's name is a path of any strings (``VirtualService/default/reviews``); on disk each part is
one percent-encoded file name. A write is seen whole or not at all, also after a crash: a new file
is synced, renamed over the old one, and its folder is synced. All of it may be deleted while
nothing runs, at no more loss than history and identity.
"""

import os
import stat
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote
from urllib.parse import unquote

from controlplane.base.errors import StateUnusable

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_NOTHING: Final = "~"
"""Stands for an empty part of a name, such as the namespace of a cluster-wide object."""


def default_path(environment: Mapping[str, str]) -> Path:
    """``$XDG_STATE_HOME/controlplane``, or ``~/.local/state/controlplane`` where that is not set.

    Relative values do not count. Source: XDG Base Directory Specification.
    """
    for variable, below in (("XDG_STATE_HOME", ""), ("HOME", ".local/state")):
        base = Path(environment.get(variable, ""))
        if base.is_absolute():
            return base / below / "controlplane"
    raise StateUnusable(
        "neither XDG_STATE_HOME nor HOME says where to keep the state",
        hint="name a directory with --state",
    )


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the state directory: blobs by name."""

    path: Path

    def read(self, name: str) -> bytes | None:
        """The blob; ``None`` when there is none."""
        with _told(self.path):
            try:
                return self._file(name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, name: str, blob: bytes) -> None:
        """Keep ``blob``; on return it is on the disk."""
        with _told(self.path), self._written_beside(name, blob) as (new, target):
            new.replace(target)

    def made_once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The blob, made first when there is none; of several processes that make it, one wins for
        all.
        """
        with _told(self.path):
            if (kept := self.read(name)) is not None:
                return kept
            with self._written_beside(name, make()) as (new, target), suppress(FileExistsError):
                target.hardlink_to(new)
            return self._file(name).read_bytes()

    def delete(self, name: str) -> None:
        """Forget the blob, if there is one."""
        with _told(self.path):
            file = self._file(name)
            with suppress(FileNotFoundError, NotADirectoryError):
                file.unlink()
                _sync_folder(file.parent)

    def list(self) -> tuple[str, ...]:
        """The names of all blobs, sorted."""
        with _told(self.path):
            return tuple(sorted(self._names(self.path, "")))

    def _names(self, folder: Path, prefix: str) -> Iterator[str]:
        for entry in os.scandir(folder) if folder.exists() else ():
            if entry.name.startswith("."):
                continue  # a write that a crash cut off; no blob's file name begins with a dot
            name = prefix + _part(entry.name)
            if entry.is_dir(follow_symlinks=False):
                yield from self._names(Path(entry.path), f"{name}/")
            else:
                yield name

    def _file(self, name: str) -> Path:
        return self.path.joinpath(*map(_file_name, name.split("/")))

    @contextmanager
    def _written_beside(self, name: str, blob: bytes) -> Iterator[tuple[Path, Path]]:
        """A synced file with ``blob`` in the target's folder; gone afterwards if it was not
        renamed.
        """
        target = self._file(name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, new = tempfile.mkstemp(prefix=".", dir=target.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
            yield Path(new), target
        finally:
            Path(new).unlink(missing_ok=True)
        _sync_folder(target.parent)


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """A directory of mode 0700 that is ours; made by ``opened``."""

    path: Path

    @classmethod
    def opened(cls, path: Path) -> "StateDirectory":
        """The directory, made if it is new. ``StateUnusable`` when others than its owner may enter
        it.
        """
        with _told(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & _OTHERS:
                raise StateUnusable(
                    f"the state directory {path} is open to others (mode {mode:04o})",
                    hint=f"chmod 700 {path} if it is for the state alone, or name another",
                )
            if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                raise StateUnusable(
                    f"the state directory {path} is not ours to write",
                    hint="run as its owner, or name another directory with --state",
                )
        return cls(path)

    @property
    def authority(self) -> Area:
        """Keys and certificates of the mesh's authority."""
        return Area(self.path / "authority")

    @property
    def accepted(self) -> Area:
        """The last accepted text of each object, by its key."""
        return Area(self.path / "accepted")

    @property
    def history(self) -> Area:
        """Past revisions."""
        return Area(self.path / "history")


def _file_name(part: str) -> str:
    """``part`` as one file name; ``_part`` is the way back."""
    if not part:
        return _NOTHING
    encoded = quote(part, safe="").replace("~", "%7E")
    return f"%2E{encoded[1:]}" if encoded.startswith(".") else encoded


def _part(file_name: str) -> str:
    return "" if file_name == _NOTHING else unquote(file_name)


def _sync_folder(folder: Path) -> None:
    """Make a rename or removal in ``folder`` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the system says about a file below ``path`` into ``StateUnusable``."""
    try:
        yield
    except OSError as error:
        raise StateUnusable(
            f"the state directory cannot be used: {error.filename or path}: {error.strerror}",
            hint="name another directory with --state",
        ) from error
