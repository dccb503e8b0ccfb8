"""Leaves out the diagnostics that the object's own annotation says to ignore."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from controlplane.base.diagnostics import Code, Diagnostic
from controlplane.base.ignoring import IGNORE, ignored
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.engine.declarations import Declaration

Winner = Callable[[ObjectKey], Declaration | None]
_NONE: frozenset[Code] = frozenset()


def without_ignored(found: Iterable[Diagnostic], winner: Winner) -> Iterator[Diagnostic]:
    """``found``, but for what the declaration in use of its object ignores."""
    known: dict[ObjectKey, frozenset[Code]] = {}
    for diagnostic in found:
        if isinstance(diagnostic.place, FieldRef):
            key = diagnostic.place.object
            if key not in known:
                known[key] = _ignored_by(winner(key))
            if diagnostic.code in known[key]:
                continue
        yield diagnostic


def _ignored_by(declaration: Declaration | None) -> frozenset[Code]:
    """Read from the text: objects that are not served have annotations, too."""
    metadata = declaration.raw.body.get("metadata") if declaration is not None else None
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    value = annotations.get(IGNORE) if isinstance(annotations, Mapping) else None
    return ignored(value) if isinstance(value, str) else _NONE
