"""What a batch of changed files did to the objects in force."""

from dataclasses import dataclass
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

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)
