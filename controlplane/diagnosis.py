"""Diagnostics with their lines, as ``check``, ``status`` and the admin interface show them."""

from dataclasses import dataclass
from pathlib import Path

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.diagnostics import Effect
from controlplane.base.names import ObjectKey
from controlplane.base.places import Place
from controlplane.base.places import Spot
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
    spot = engine.spot(diagnostic.place) or Spot(Path())
    return Finding(
        code=diagnostic.code.id,
        severity=diagnostic.severity.value,
        message=diagnostic.message,
        hint=diagnostic.hint,
        path=str(spot.path) if spot.path != Path() else "",
        line=spot.line,
        column=spot.column,
        object=_object(engine, diagnostic.place, spot),
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


def _object(engine: Engine, place: Place | Spot, spot: Spot) -> str | None:
    """The object a diagnostic is about; of a spot, the object whose document it stands in."""
    if isinstance(place, Place):
        return str(place.object)
    key: ObjectKey | None = engine.object_at(spot)
    return None if key is None else str(key)
