"""Reads the text of files into declarations. An internal error costs one document or one object,
and is tried again with the next edit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from controlplane.base.diagnostics import Report
from controlplane.documents.content import (
    FileContent,
    SecretFolder,
    Skipped,
    Unreadable,
    file_objects,
)
from controlplane.documents.document import RawObject
from controlplane.documents.redact import without_secrets
from controlplane.engine.declarations import Declaration
from controlplane.engine.internal_errors import refused
from controlplane.graph import Fault
from controlplane.kinds.decode import decode

Text = bytes | str | Unreadable | Skipped | SecretFolder
Heard = Callable[[Fault], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text that is to be read, and what its file was before."""

    path: Path
    text: Text
    previous: FileContent | None
    declared: tuple[Declaration, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read of a text, with the internal errors that it met."""

    of: Reading
    content: FileContent
    declarations: tuple[Declaration, ...]
    faults: tuple[Fault, ...]


def read(reading: Reading) -> Read:
    """What the text declares; may run in any thread. What did not change is what was there before,
    the same objects.
    """
    faults: list[Fault] = []
    path = reading.path
    content = file_objects(
        path,
        reading.text,
        reading.previous,
        lambda error: faults.append(Fault("file_objects", (path,), error)),
    )
    known = {id(d.raw): d for d in reading.declared if not d.is_unread}
    declarations = tuple(
        known.get(id(raw)) or _without_secrets(declaration(raw, faults.append), content)
        for raw in content.objects
    )
    return Read(of=reading, content=content, declarations=declarations, faults=tuple(faults))


class FileReader:
    """Remembers the files in which something failed, with what was said of it."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._unread: dict[Path, Text] = {}
        self._known: dict[Path, set[str]] = {}

    def unread(self) -> dict[Path, Text]:
        """The texts that are to be read again."""
        return dict(self._unread)

    def forget(self, path: Path) -> None:
        self._unread.pop(path, None)
        self._known.pop(path, None)

    def remember(self, outcome: Read) -> None:
        """Report what failed and was not said before."""
        path, faults = outcome.of.path, outcome.faults
        before = self._known.get(path, set())
        self.forget(path)
        if faults:
            self._unread[path] = outcome.of.text
            self._known[path] = {f"{fault.args} {fault.error!r}" for fault in faults}
        for fault in faults:
            if f"{fault.args} {fault.error!r}" not in before:
                self._heard(fault)


def declaration(raw: RawObject, heard: Heard) -> Declaration:
    """What ``raw`` declares, with all that is wrong with it."""
    report = Report()
    try:
        object_ = decode(raw, report) if not raw.is_mixed else None
    except Exception as error:
        heard(Fault("decode", (raw.key,), error))
        object_ = None
        report.diagnostics.append(refused(raw.key, "reading this object", error))
    is_refused = report.refused or raw.is_refused
    return Declaration(
        raw=raw,
        object=None if is_refused else object_,
        diagnostics=tuple(report),
        is_refused=is_refused,
    )


def _without_secrets(declaration: Declaration, content: FileContent) -> Declaration:
    """``declaration``, whose diagnostics quote no key material."""
    if not declaration.diagnostics or content.is_folder:
        return declaration
    text = content.documents[declaration.raw.origin.document].chunk.text
    shown = tuple(without_secrets(found, text) for found in declaration.diagnostics)
    return replace(declaration, diagnostics=shown)
