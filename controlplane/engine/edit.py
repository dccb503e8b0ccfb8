"""What a batch of changed files did to the objects in force."""

from dataclasses import dataclass, replace
from pathlib import Path

from controlplane.base.names import ObjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What one batch of changed files did."""

    revision: int
    paths: tuple[Path, ...]
    put: tuple[ObjectKey, ...] = ()
    removed: tuple[ObjectKey, ...] = ()
    refused: tuple[ObjectKey, ...] = ()
    """Declared again and refused; the last accepted version of each, where there is one, stays."""

    waiting: tuple[ObjectKey, ...] = ()
    """What waits for the rest of its change, from this edit or from one before it."""
    held: tuple[ObjectKey, ...] = ()
    """What no file declares since this edit, and stays in force until its removal is confirmed."""

    def followed_by(self, other: "Edit") -> "Edit":
        """Both as one edit."""
        gone = set(other.removed)
        return replace(
            other,
            paths=(*self.paths, *other.paths),
            put=tuple(dict.fromkeys(k for k in (*self.put, *other.put) if k not in gone)),
            removed=tuple(dict.fromkeys((*self.removed, *other.removed))),
            refused=(*self.refused, *other.refused),
            held=(*self.held, *other.held),
        )

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)
