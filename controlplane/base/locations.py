"""Where something is in the user's text: a field of an object, or a location in a file.

Values hold no lines. A ``FieldRef`` is an object and a field path; ``documents`` finds its file,
line and column when it is shown.
"""

from dataclasses import dataclass
from pathlib import Path

from controlplane.base.names import ObjectKey

Step = str | int


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of an object: ``FieldRef(key) / "spec" / "http" / 0``.

    ``on_key`` points at the field's name instead of its value (an unknown field, a field too many).
    """

    object: ObjectKey
    path: tuple[Step, ...] = ()
    on_key: bool = False

    def __truediv__(self, step: Step) -> "FieldRef":
        return FieldRef(self.object, (*self.path, step), self.on_key)

    @property
    def key(self) -> "FieldRef":
        return FieldRef(self.object, self.path, on_key=True)

    def __str__(self) -> str:
        return f"{self.object}{path_text(self.path)}"


@dataclass(frozen=True, slots=True, order=True)
class SourceLocation:
    """A location in a file, lines and columns counted from 1; line 0 means the file as a whole."""

    path: Path
    line: int = 0
    column: int = 0
    width: int = 1


def path_text(path: tuple[Step, ...]) -> str:
    """``.spec.http[0].route``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
