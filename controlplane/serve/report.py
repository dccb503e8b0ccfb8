"""Diagnostics with their lines, as ``check``, ``status`` and the admin interface show them."""

from collections.abc import Iterable

from controlplane.admin.view import Diagnosis, Finding
from controlplane.base.diagnostics import Diagnostic, Effect
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.engine.engine import Engine


def finding(engine: Engine, diagnostic: Diagnostic) -> Finding:
    location = engine.location(diagnostic.place)
    return Finding(
        code=diagnostic.code.id,
        severity=diagnostic.severity.value,
        message=diagnostic.message,
        hint=diagnostic.hint,
        path=str(location.path) if location else None,
        line=location.line if location else None,
        column=location.column if location else None,
        object=_object(engine, diagnostic.place, location),
        refused=diagnostic.code.effect is Effect.REFUSED,
    )


def diagnosis(engine: Engine, found: Iterable[Finding]) -> Diagnosis:
    """All that was ``found``, in order, and how much was looked at."""
    return Diagnosis(
        diagnostics=tuple(sorted(found, key=_order)),
        objects=len({d.key for d in engine.declarations()}),
        refused=len({d.key for d in engine.declarations() if d.is_refused}),
    )


def _object(
    engine: Engine, place: FieldRef | SourceLocation, location: SourceLocation | None
) -> str | None:
    """The object a diagnostic is about; of a location, the object whose document it is in."""
    if isinstance(place, FieldRef):
        return str(place.object)
    key = engine.object_at(location) if location is not None else None
    return None if key is None else str(key)


def _order(found: Finding) -> tuple[str, int, int, str, str]:
    return found.path or "", found.line or 0, found.column or 0, found.code, found.message
