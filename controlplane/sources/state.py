"""The state directory, which only we may enter: the keys of the authority, and what others keep in
files of their own beside them.

A key is seen whole or not at all, also after a crash: it is written beside its place, synced and
linked there, and the folder is synced. All of it may be deleted while nothing runs, at no more loss
than what was accepted and identity.
"""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controlplane.base.errors import StateUnusable

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def default_path(environment: Mapping[str, str]) -> Path:
    """``$XDG_STATE_HOME/controlplane``, or ``~/.local/state/controlplane`` where that is not set.

    Relative values do not count. Source: XDG Base Directory Specification.
    """
    for variable, below in (("XDG_STATE_HOME", ""), ("HOME", ".local/state")):
        base = Path(environment.get(variable, ""))
        if base.is_absolute():
            return base / below / "controlplane"
    raise StateUnusable(
        "the state has no directory: neither XDG_STATE_HOME nor HOME is set",
        hint="name a directory with --state",
    )


@dataclass(frozen=True, slots=True)
class Area:
    """A folder of the state directory."""

    path: Path

    def made_once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The file's content, made first when there is none; of several processes that make it, one
        wins for all.
        """
        file = self.path / name
        with _told(self.path):
            with suppress(FileNotFoundError):
                return file.read_bytes()
            with self._written_beside(make()) as new, suppress(FileExistsError):
                file.hardlink_to(new)
            return file.read_bytes()

    @contextmanager
    def _written_beside(self, content: bytes) -> Iterator[Path]:
        """A synced file with ``content`` in the folder; its first name is gone afterwards."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, new = tempfile.mkstemp(prefix=".", dir=self.path)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield Path(new)
        finally:
            Path(new).unlink(missing_ok=True)
        _sync_folder(self.path)


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
                    hint=f"chmod 700 {path} if it holds nothing else, or name another",
                )
            if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                raise StateUnusable(
                    f"the state directory {path} is not writable",
                    hint="run as its owner, or name another directory with --state",
                )
        return cls(path)

    @property
    def authority(self) -> Area:
        """Keys and certificates of the mesh's authority."""
        return Area(self.path / "authority")


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
