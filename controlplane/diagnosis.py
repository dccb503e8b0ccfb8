"""Diagnostics with their lines, as ``check``, ``status`` and the admin interface show them."""

from dataclasses import dataclass
from pathlib import Path

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.diagnostics import Effect
from controlplane.base.locations import FieldRef
from controlplane.base.locations import SourceLocation
from controlplane.base.names import ObjectKey
from controlplane.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A diagnostic and where it stands; ``line`` and ``column`` are 0 where no file says it."""

    code: str
    severity: str
    message: str
    hint: str | None
    path: str
    line: int
    column: int
    object: str | None
    refused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that is wrong, sorted by file, line and column, with how much was looked at."""

    diagnostics: tuple[Finding, ...]
    objects: int
    refused: int


def finding(engine: Engine, diagnostic: Diagnostic) -> Finding:
    location = engine.location(diagnostic.place) or SourceLocation(Path())
    return Finding(
        code=diagnostic.code.id,
        severity=diagnostic.severity.value,
        message=diagnostic.message,
        hint=diagnostic.hint,
        path=str(location.path) if location.path != Path() else "",
        line=location.line,
        column=location.column,
        object=_object(engine, diagnostic.place, location),
        refused=diagnostic.code.effect is Effect.REFUSED,
    )


def diagnosis(engine: Engine) -> Diagnosis:
    """Everything known now; ``engine.analyse()`` makes the analysis complete."""
    found = (finding(engine, d) for d in engine.diagnostics())
    return Diagnosis(
        diagnostics=tuple(
            sorted(found, key=lambda f: (f.path, f.line, f.column, f.code, f.message))
        ),
        objects=len({d.key for d in engine.declarations()}),
        refused=len({d.key for d in engine.declarations() if d.is_refused}),
    )


def _object(
    engine: Engine, place: FieldRef | SourceLocation, location: SourceLocation
) -> str | None:
    """The object a diagnostic is about; of a location, the object whose document it stands in."""
    if isinstance(place, FieldRef):
        return str(place.object)
    key: ObjectKey | None = engine.object_at(location)
    return None if key is None else str(key)
