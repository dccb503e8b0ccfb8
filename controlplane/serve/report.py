"""Diagnostics with their lines, as ``check``, ``status`` and the admin interface show them."""

from collections.abc import Iterable

from msgspec import UNSET

from controlplane.admin.view import Diagnosis, Finding
from controlplane.base.diagnostics import Diagnostic, Effect
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import ObjectKey
from controlplane.engine.consequences import consequence
from controlplane.engine.engine import Engine


def finding(engine: Engine, diagnostic: Diagnostic) -> Finding:
    location = engine.location(diagnostic.place)
    key = _object(engine, diagnostic.place, location)
    declared = engine.object(key) if key is not None else None
    return Finding(
        code=diagnostic.code.id,
        severity=diagnostic.severity.value,
        message=diagnostic.message,
        hint=diagnostic.hint,
        path=str(location.path) if location else None,
        line=location.line if location else None,
        column=location.column if location else None,
        object=str(key) if key is not None else None,
        refused=diagnostic.code.effect is Effect.REFUSED,
        in_force=declared is not None,
        consequence=consequence(declared, diagnostic) or UNSET,
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
) -> ObjectKey | None:
    """The object a diagnostic is about; of a location, the object whose document it is in."""
    if isinstance(place, FieldRef):
        return place.object
    return engine.object_at(location) if location is not None else None


def _order(found: Finding) -> tuple[str, int, int, str, str]:
    return found.path or "", found.line or 0, found.column or 0, found.code, found.message
