"""The bytes of a file become its content; ``Sources`` leads from a place back to its line."""

import base64
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from controlplane.base import codes
from controlplane.base.diagnostics import Code, Diagnostic
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.documents.document import Document, Origin, RawObject, document, meant, moved
from controlplane.documents.json import as_yaml
from controlplane.documents.locate import line_of, locate
from controlplane.documents.redact import redacted, without_secrets
from controlplane.documents.split import Chunk, chunks

SIZE_LIMIT: Final = 16 * 1024 * 1024  # bytes of one file
DOCUMENTS_LIMIT: Final = 5_000  # documents of one file, empty ones too
ENTRY_LIMIT: Final = 1024 * 1024  # bytes of one entry; Kubernetes accepts no larger Secret
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_SPLIT: Final = "split it into several files"
_SAVE_AS_UTF8: Final = "save it as UTF-8"
_INTERNAL: Final = "internal error while reading this {} (please report it)"
Failed = Callable[[Exception], None]
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Instead of bytes: why the file could not be read (``Permission denied``)."""

    reason: str


@dataclass(frozen=True, slots=True)
class TooLarge(Unreadable):
    """Instead of bytes: the file is larger than ``SIZE_LIMIT``, so it was not read."""

    reason: str = f"it is larger than {SIZE_LIMIT // 2**20} MiB"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Instead of bytes: why what is there is not read (``it is a named pipe``)."""

    reason: str


@dataclass(frozen=True, slots=True)
class SecretFolder:
    """Instead of bytes: the files of a folder ``NAMESPACE/NAME``, which are a Secret's entries.

    Sorted by name. They may hold private keys, so they are never printed.
    """

    files: tuple[tuple[str, bytes | Unreadable], ...]

    def __repr__(self) -> str:
        return f"SecretFolder({', '.join(name for name, _ in self.files)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """All that one file declares and all that is wrong with it as text.

    ``complete`` is false while it is unknown what some part of the file declares (it is no YAML, or
    no object): what the file declared before may still be meant.
    """

    path: Path
    documents: tuple[Document, ...]
    objects: tuple[RawObject, ...]
    diagnostics: tuple[Diagnostic, ...]
    complete: bool
    is_folder: bool = False
    """Whether it is a folder of a Secret's entries."""


def file_objects(
    path: Path,
    text: bytes | str | Unreadable | Skipped | SecretFolder,
    previous: FileContent | None = None,
    failed: Failed | None = None,
) -> FileContent:
    """What ``text`` declares.

    Documents that ``previous`` has with the same bytes are not read again. An internal error is
    given to ``failed`` and costs one document, or the file where it is none's; without ``failed``
    it is raised.
    """
    try:
        return _file_objects(path, text, previous, failed)
    except Exception as error:
        if failed is None:
            raise
        failed(error)
        return _without_text(
            path, codes.INTERNAL_ERROR, SourceLocation(path), _INTERNAL.format("file")
        )


def _file_objects(
    path: Path,
    text: bytes | str | Unreadable | Skipped | SecretFolder,
    previous: FileContent | None,
    failed: Failed | None,
) -> FileContent:
    if isinstance(text, Skipped):
        unread = _without_text(
            path, codes.NOT_A_FILE, SourceLocation(path), f"skipped: {text.reason}"
        )
        return replace(unread, complete=True)
    if isinstance(text, TooLarge):
        return _too_large(path)
    if isinstance(text, Unreadable):
        message = f"the file cannot be read: {text.reason}"
        return _without_text(path, codes.UNREADABLE_FILE, SourceLocation(path), message)
    if isinstance(text, SecretFolder):
        return _secret(path, text)
    if len(text) > SIZE_LIMIT:
        return _too_large(path)
    try:
        decoded = text if isinstance(text, str) else text.removeprefix(_UTF8_MARK).decode()
    except UnicodeDecodeError as error:
        return _not_utf8(path, error)
    is_json = path.suffix == ".json"
    parts = _json_chunks(decoded) if is_json else chunks(decoded, most=DOCUMENTS_LIMIT)
    if len(parts) > DOCUMENTS_LIMIT:
        place = SourceLocation(path, parts[DOCUMENTS_LIMIT].first_line, 1)
        message = f"the file has more than {DOCUMENTS_LIMIT:,} documents, counted to here"
        return _without_text(path, codes.TOO_MANY_DOCUMENTS, place, message, _SPLIT)
    known = _by_text(previous)
    read = (_read(path, i, part, known, failed) for i, part in enumerate(parts))
    return _content(path, _all_meant(path, tuple(read)))


def _all_meant(path: Path, documents: tuple[Document, ...]) -> tuple[Document, ...]:
    """Beside objects, a document that is none is a mistake and not another tool's."""
    if not any(d.foreign for d in documents) or not any(d.objects for d in documents):
        return documents
    return tuple(
        _without_secrets(meant(path, found)) if found.foreign else found for found in documents
    )


def _read(
    path: Path, index: int, chunk: Chunk, known: Mapping[str, Document], failed: Failed | None
) -> Document:
    before = known.get(chunk.text)
    try:
        if before is None:
            return _without_secrets(document(path, index, chunk))
        return moved(before, path, index, chunk)
    except Exception as error:
        if failed is None:
            raise
        failed(error)
        fault = Diagnostic(
            code=codes.INTERNAL_ERROR,
            place=SourceLocation(path, chunk.first_line),
            message=_INTERNAL.format("document"),
        )
        return Document(index=index, chunk=chunk, diagnostics=(fault,), readable=False)


def _without_secrets(read: Document) -> Document:
    """``read``, whose diagnostics quote no key material."""
    shown = tuple(without_secrets(found, read.chunk.text) for found in read.diagnostics)
    return replace(read, diagnostics=shown) if shown != read.diagnostics else read


def _json_chunks(text: str) -> list[Chunk]:
    return [Chunk(as_yaml(text), 1)]


def _by_text(previous: FileContent | None) -> Mapping[str, Document]:
    """What need not be read again: all but what an internal error kept from being read, and what
    may be another tool's now.
    """
    again = (codes.INTERNAL_ERROR, codes.NOT_AN_OBJECT)
    return {
        d.chunk.text: d
        for d in (previous.documents if previous else ())
        if not any(found.code in again for found in d.diagnostics)
    }


def _content(path: Path, documents: tuple[Document, ...]) -> FileContent:
    return FileContent(
        path=path,
        documents=documents,
        objects=tuple(o for d in documents for o in d.objects),
        diagnostics=tuple(x for d in documents for x in d.diagnostics),
        complete=all(d.readable for d in documents),
    )


def _secret(folder: Path, entries: SecretFolder) -> FileContent:
    """The Secret whose entries are the files of ``folder``; one that cannot be read leaves the
    Secret as it was.
    """
    faults = tuple(_faults_of_entries(folder, entries))
    if faults:
        return FileContent(
            path=folder, documents=(), objects=(), diagnostics=faults, complete=False
        )
    key = ObjectKey(Kind("", "Secret"), Namespace(folder.parent.name), folder.name)
    secret = RawObject(
        key=key,
        api_version="v1",
        body={
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": key.name, "namespace": key.namespace},
            "data": {
                name: base64.b64encode(content).decode()
                for name, content in entries.files
                if isinstance(content, bytes)
            },
        },
        origin=Origin(path=folder, document=0),
    )
    return FileContent(
        path=folder,
        documents=(Document(index=0, chunk=Chunk("", 1), objects=(secret,)),),
        objects=(secret,),
        diagnostics=(),
        complete=True,
        is_folder=True,
    )


def _faults_of_entries(folder: Path, entries: SecretFolder) -> Iterator[Diagnostic]:
    for name, content in entries.files:
        at = SourceLocation(folder / name)
        if isinstance(content, TooLarge):
            limit = f"an entry is at most {ENTRY_LIMIT // 2**20} MiB"
            message = f"the file is larger than {SIZE_LIMIT // 2**20} MiB; {limit}"
            yield Diagnostic(code=codes.FILE_TOO_LARGE, place=at, message=message)
        elif isinstance(content, Unreadable):
            message = f"the file cannot be read: {content.reason}"
            yield Diagnostic(code=codes.UNREADABLE_FILE, place=at, message=message)
        elif len(content) > ENTRY_LIMIT:
            size = f"{len(content) / 2**20:.1f} MiB"
            message = f"the file has {size}; an entry is at most {ENTRY_LIMIT // 2**20} MiB"
            yield Diagnostic(code=codes.FILE_TOO_LARGE, place=at, message=message)


def _without_text(
    path: Path, code: Code, place: SourceLocation, message: str, hint: str | None = None
) -> FileContent:
    diagnostic = Diagnostic(code=code, place=place, message=message, hint=hint)
    return FileContent(
        path=path, documents=(), objects=(), diagnostics=(diagnostic,), complete=False
    )


def _too_large(path: Path) -> FileContent:
    message = f"the file is larger than {SIZE_LIMIT // 2**20} MiB"
    return _without_text(path, codes.FILE_TOO_LARGE, SourceLocation(path), message, _SPLIT)


def _not_utf8(path: Path, error: UnicodeDecodeError) -> FileContent:
    text = error.object
    if text.startswith(_UTF16_MARKS):
        message = "the file is UTF-16; YAML files are read as UTF-8"
        return _without_text(
            path, codes.UNREADABLE_FILE, SourceLocation(path), message, _SAVE_AS_UTF8
        )
    before = text[: error.start]
    line_start = before.rfind(b"\n") + 1
    place = SourceLocation(
        path=path,
        line=before.count(b"\n") + 1,
        column=len(before[line_start:].decode(errors="replace")) + 1,
    )
    message = f"the byte 0x{text[error.start]:02x} is not UTF-8"
    return _without_text(path, codes.UNREADABLE_FILE, place, message, _SAVE_AS_UTF8)


class Sources:
    """The files of a mesh as they were read last: finds where a field is, and the line there.

    Where two files declare one object, the first one by path is used.
    """

    def __init__(self, contents: Iterable[FileContent]) -> None:
        self._contents = {content.path: content for content in contents}
        self._origins: dict[ObjectKey, Origin] = {}
        for path in sorted(self._contents):
            for found in self._contents[path].objects:
                self._origins.setdefault(found.key, found.origin)

    def location(self, place: FieldRef | SourceLocation) -> SourceLocation | None:
        """Where ``place`` is; ``None`` when no file declares its object."""
        if isinstance(place, SourceLocation):
            return place
        origin = self._origins.get(place.object)
        return location_in(self._contents[origin.path], origin, place) if origin else None

    def line(self, location: SourceLocation) -> str | None:
        """The text of the line that ``location`` is in; ``None`` when the file has none such.

        Without the keys of Secrets: it is shown in logs and in the output of CI.
        """
        content = self._contents.get(location.path)
        if content is None or not content.documents or location.line < 1:
            return None
        at = bisect_right(content.documents, location.line, key=_first_line) - 1
        chunk = content.documents[at].chunk
        line = line_of(chunk.text, location.line - chunk.first_line)
        return None if line is None else redacted(line, chunk.text)


def _first_line(document: Document) -> int:
    return document.chunk.first_line


def location_in(content: FileContent, origin: Origin, place: FieldRef) -> SourceLocation:
    """Where ``place`` is in ``content``, which declares its object at ``origin``."""
    if content.is_folder:
        match place.path:
            case ("data", str(entry), *_):
                return SourceLocation(content.path / entry, 1, 1)
        return SourceLocation(content.path)
    chunk = content.documents[origin.document].chunk
    path = (*origin.prefix, *place.path)
    return locate(content.path, chunk.text, chunk.first_line, path, on_key=place.on_key)
