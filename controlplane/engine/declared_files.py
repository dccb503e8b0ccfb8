"""Changed files become declarations: which objects each file declares, and which are touched."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from controlplane.base.codes import KIND_MISSPELLED
from controlplane.base.diagnostics import Diagnostic
from controlplane.base.names import ObjectKey
from controlplane.engine.declarations import Accepted, Declaration, Declarations
from controlplane.engine.file_reader import FileReader, Read, Reading, Text, read
from controlplane.engine.read_files import ReadFiles
from controlplane.engine.room import MAX_OBJECTS, Room, unread
from controlplane.graph import Fault


@dataclass(frozen=True, slots=True)
class Touched:
    """What changed files touch: the objects whose declarations may have changed."""

    paths: tuple[Path, ...]
    keys: Mapping[ObjectKey, None]


class DeclaredFiles:
    """The files as they were read last, and what they declare."""

    def __init__(
        self, accepted: Accepted, on_fault: Callable[[Fault], None], max_objects: int = MAX_OBJECTS
    ) -> None:
        self.declarations = Declarations()
        self.files = ReadFiles()
        self._accepted = accepted
        self._reader = FileReader(on_fault)
        self._room = Room(max_objects)

    def readings(self, changes: Iterable[tuple[Path, Text | None]]) -> tuple[Reading, ...]:
        """What there is to read of ``changes``."""
        return tuple(self._reading(path, text) for path, text in changes if text is not None)

    def read(
        self,
        changes: Iterable[tuple[Path, Text | None]],
        doubtful: Iterable[ObjectKey],
        ahead: Iterable[Read] = (),
    ) -> Touched:
        """Read the files that changed (``None``: the file is gone), and those that could not be
        read before; ``doubtful`` are touched as well. What was read ``ahead`` is used where its
        file is still what it was then.
        """
        changed = dict(changes)
        known = {one.of.path: one for one in ahead}
        keys = dict.fromkeys(doubtful)
        for path, text in (self._reader.unread() | changed).items():
            keys.update(dict.fromkeys(sorted(self._take(path, text, known.get(path)))))
        for path, text in self._room.fitting():
            keys.update(dict.fromkeys(sorted(self._take(path, text))))
        return Touched(tuple(changed), keys)

    def left_out(self) -> tuple[Diagnostic, ...]:
        """That objects are left out because there are too many; one diagnostic at most."""
        return self._room.left_out()

    def _reading(self, path: Path, text: Text) -> Reading:
        return Reading(
            path=path,
            text=text,
            previous=self.files.get(path),
            declared=self.declarations.of_file(path),
        )

    def _take(self, path: Path, text: Text | None, ahead: Read | None = None) -> set[ObjectKey]:
        previous = self.files.get(path)
        if text is None:
            self._reader.forget(path)
            self.files.remove(path)
            self._room.leave(path)
            return self.declarations.replace(path, (), is_complete=True)
        if ahead is not None and ahead.of.text is text and ahead.of.previous is previous:
            outcome = ahead
        else:
            outcome = read(self._reading(path, text))
        self._reader.remember(outcome)
        content, declarations = outcome.content, outcome.declarations
        if not self._room.takes(path, text, len(declarations)):
            content, declarations = unread(path), ()
        self.files.put(content)
        is_complete = content.complete and not any(map(_is_slip, declarations))
        touched = self.declarations.replace(path, declarations, is_complete=is_complete)
        if previous is None and not is_complete:
            declared = {d.key for d in declarations}
            remembered = [r for r in self._accepted.of_file(path) if r.key not in declared]
            self.declarations.keep(path, (r.key for r in remembered))
            touched.update(r.key for r in remembered)
        return touched


def _is_slip(declaration: Declaration) -> bool:
    """Whether its kind is misspelled, so that it may be any object of the file's."""
    return any(found.code is KIND_MISSPELLED for found in declaration.diagnostics)
