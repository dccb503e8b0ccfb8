"""The files as they were last read, and which of them have faults in their text."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from controlplane.base.locations import SourceLocation
from controlplane.base.names import ObjectKey
from controlplane.documents.content import FileContent


class ReadFiles(Mapping[Path, FileContent]):
    """Contents by path. ``faulty`` are few where files are many, so they are kept apart."""

    def __init__(self) -> None:
        self._contents: dict[Path, FileContent] = {}
        self._faulty: dict[Path, FileContent] = {}

    def __getitem__(self, path: Path) -> FileContent:
        return self._contents[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._contents)

    def __len__(self) -> int:
        return len(self._contents)

    def faulty(self) -> Iterator[FileContent]:
        """The files whose text has diagnostics."""
        yield from self._faulty.values()

    def put(self, content: FileContent) -> None:
        self._contents[content.path] = content
        if content.diagnostics:
            self._faulty[content.path] = content
        else:
            self._faulty.pop(content.path, None)

    def remove(self, path: Path) -> None:
        self._contents.pop(path, None)
        self._faulty.pop(path, None)

    def object_at(self, location: SourceLocation) -> ObjectKey | None:
        """The object whose document ``location`` is in; ``None`` where the document is none."""
        content = self._contents.get(location.path)
        for document in reversed(content.documents if content else ()):
            if document.chunk.first_line <= location.line:
                return document.objects[0].key if document.objects else None
        return None
