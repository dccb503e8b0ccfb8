"""What waits for the rest of its change, and what is reported of it."""

from collections.abc import Iterator
from pathlib import Path

from controlplane.base import codes
from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import ObjectKey
from controlplane.engine.declarations import Declarations
from controlplane.engine.in_force import InForce
from controlplane.engine.read_files import ReadFiles


class Waiting:
    """The objects that stay as they were until the rest of their change comes."""

    def __init__(self, declarations: Declarations, files: ReadFiles, in_force: InForce) -> None:
        self.keys: dict[ObjectKey, None] = {}
        self._declarations = declarations
        self._files = files
        self._in_force = in_force

    @property
    def due(self) -> tuple[ObjectKey, ...]:
        """Those that time lets go: all but what waits until its file is right."""
        return tuple(key for key in self.keys if not self._is_in_broken_file(key))

    def diagnostics(self) -> Iterator[Diagnostic]:
        """What waits until its file is right."""
        for key in self.keys:
            winner = self._declarations.winner(key)
            if winner is not None and self._is_in_broken_file(key):
                yield Diagnostic(
                    code=codes.CHANGE_WAITS,
                    place=FieldRef(key),
                    message=f"this change of {key.display_name} is not in force yet: it would "
                    f"break what uses it, and part of {winner.raw.origin.path} is refused",
                    hint="correct the rest of the file",
                )

    def is_about_to_go(self, place: FieldRef | SourceLocation) -> bool:
        """Whether no file declares the object of ``place`` any more, and it only waits to go."""
        if isinstance(place, SourceLocation) or place.object not in self.keys:
            return False
        return self._declarations.winner(place.object) is None

    def _is_in_broken_file(self, key: ObjectKey) -> bool:
        """Whether a part of the file that declares an object, or declared it, is refused."""
        winner = self._declarations.winner(key)
        raws = (winner.raw if winner is not None else None, self._in_force.raw(key))
        return any(self._is_broken(raw.origin.path) for raw in raws if raw is not None)

    def _is_broken(self, path: Path) -> bool:
        content = self._files.get(path)
        if content is None:
            return False
        return not content.complete or any(d.is_refused for d in self._declarations.of_file(path))
