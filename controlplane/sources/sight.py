"""One walk over files and folders: which configuration files there are, and in which folders.

Hidden names (a dot in front) and backups (``~`` behind) are not seen, so of a ConfigMap's folder
only the names count that lead through ``..data``. A file that is reached on several ways is seen
once, on the way without links or else the first by path.
"""

import os
import stat
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Final
from typing import NamedTuple

SUFFIXES: Final = (".yaml", ".yml", ".json")


class Stamp(NamedTuple):
    """What ``stat`` says of a file; ``changed`` counts nanoseconds."""

    device: int
    inode: int
    size: int
    changed: int


class Folder(NamedTuple):
    """A folder that was walked through; another one of the same name has another inode."""

    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that is there. ``linked``: its name is a link, so what changes may be elsewhere."""

    stamp: Stamp
    linked: bool


@dataclass(slots=True)
class Sight:
    """What one walk saw.

    Below ``blind`` paths nothing could be seen, for the reason given, so nothing there is known to
    be gone.
    """

    files: dict[str, Seen] = field(default_factory=dict)
    folders: set[Folder] = field(default_factory=set)
    blind: dict[str, str] = field(default_factory=dict)


def sight(roots: Iterable[str], secrets: Iterable[str] = ()) -> Sight:
    """All that is below ``roots``; a root that is a file counts whatever its name is.

    Below ``secrets`` files count whatever their names are, and however many names they have: two
    Secrets may share the file of an authority.
    """
    result = Sight()
    result.files = dict(_below(secrets, result, lambda _: True))
    result.files |= _once(_below(roots, result, is_configuration))
    return result


def is_configuration(name: str) -> bool:
    return name.endswith(SUFFIXES)


Wanted = Callable[[str], bool]


def _below(roots: Iterable[str], result: Sight, wanted: Wanted) -> list[tuple[str, Seen]]:
    candidates: list[tuple[str, Seen]] = []
    walked: set[tuple[int, int]] = set()
    for root in roots:
        try:
            status = Path(root).stat()
        except OSError as error:
            result.blind[root] = reason(error)
            continue
        if stat.S_ISDIR(status.st_mode):
            candidates.extend(_walk(root, status, result, walked, wanted))
        else:
            candidates.append((root, Seen(stamp(status), Path(root).is_symlink())))
    return candidates


def stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def glimpse(path: str) -> Stamp | None:
    """The stamp of the one file at ``path``; ``None`` when there is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return stamp(status) if stat.S_ISREG(status.st_mode) else None


def reason(error: OSError) -> str:
    """``Permission denied``: the system's words without a number."""
    return error.strerror or str(error)


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name.endswith("~")


def _walk(
    folder: str,
    status: os.stat_result,
    result: Sight,
    walked: set[tuple[int, int]],
    wanted: Wanted,
) -> Iterator[tuple[str, Seen]]:
    if (status.st_dev, status.st_ino) in walked:
        return
    walked.add((status.st_dev, status.st_ino))
    result.folders.add(Folder(folder, status.st_dev, status.st_ino))
    try:
        with os.scandir(folder) as entries:
            inside = sorted((e for e in entries if not is_hidden(e.name)), key=lambda e: e.name)
    except OSError as error:
        result.blind[folder] = reason(error)
        return
    for entry in inside:
        try:
            if entry.is_dir():
                yield from _walk(entry.path, entry.stat(), result, walked, wanted)
            elif wanted(entry.name) and entry.is_file():
                yield entry.path, Seen(stamp(entry.stat()), entry.is_symlink())
        except OSError:  # gone since the folder was listed, or a link to nothing
            continue


def _once(candidates: list[tuple[str, Seen]]) -> dict[str, Seen]:
    taken: set[tuple[int, int]] = set()
    files: dict[str, Seen] = {}
    for path, seen in sorted(candidates, key=lambda c: (c[1].linked, c[0])):
        identity = (seen.stamp.device, seen.stamp.inode)
        if identity not in taken:
            taken.add(identity)
            files[path] = seen
    return files
