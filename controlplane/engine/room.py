"""How many objects are taken from all files together.

A file that does not fit is left out as a whole: what it declared before stays in force, and it is
taken as soon as there is room.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from controlplane.base import codes
from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import SourceLocation
from controlplane.base.wording import counted
from controlplane.documents.content import FileContent
from controlplane.engine.file_reader import Text

MAX_OBJECTS: Final = 100_000  # --max-objects, default; these take about 6 GB


class Room:
    """The room for ``most`` objects, and what takes it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._by_file: dict[Path, int] = {}
        self._left_out: dict[Path, tuple[Text, int]] = {}

    def takes(self, path: Path, text: Text, objects: int) -> bool:
        """Whether there is room for what ``text`` declares now; else it is remembered."""
        before = self._by_file.get(path, 0)
        if self._taken - before + objects > self._most:
            self._left_out[path] = (text, objects)
            return False
        self._left_out.pop(path, None)
        self._by_file[path] = objects
        self._taken += objects - before
        return True

    def leave(self, path: Path) -> None:
        """The file is gone."""
        self._left_out.pop(path, None)
        self._taken -= self._by_file.pop(path, 0)

    def fitting(self) -> Iterator[tuple[Path, Text]]:
        """The files that were left out and fit now, in their order."""
        for path in sorted(self._left_out) if self._taken < self._most else ():
            text, objects = self._left_out[path]
            if self._taken - self._by_file.get(path, 0) + objects <= self._most:
                yield path, text

    def left_out(self) -> tuple[Diagnostic, ...]:
        """That there are too many objects, at the first file that is left out."""
        if not self._left_out:
            return ()
        objects = sum(count for _, count in self._left_out.values())
        files = counted(len(self._left_out), "file")
        message = (
            f"left out, this file first: {counted(objects, 'object')} of {files}; at most "
            f"{counted(self._most, 'object')} are taken, and the other files have {self._taken}"
        )
        return (
            Diagnostic(
                code=codes.TOO_MANY_OBJECTS,
                place=SourceLocation(min(self._left_out)),
                message=message,
                hint="leave out files, or allow more with --max-objects",
            ),
        )


def unread(path: Path) -> FileContent:
    """A file of which is not known what it declares."""
    return FileContent(path=path, documents=(), objects=(), diagnostics=(), complete=False)
