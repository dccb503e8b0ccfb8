"""The files of an engine, as diagnostics are shown with them."""

from dataclasses import dataclass

from controlplane.base.locations import FieldRef
from controlplane.base.locations import SourceLocation
from controlplane.documents.content import Sources
from controlplane.engine import Engine


@dataclass(frozen=True, slots=True)
class EngineFiles:
    """Spots as the engine knows them, lines as they were read."""

    engine: Engine

    def location(self, place: FieldRef | SourceLocation) -> SourceLocation | None:
        return self.engine.location(place)

    def line(self, location: SourceLocation) -> str | None:
        contents = (c for c in self.engine.contents() if c.path == location.path)
        return next((Sources([c]).line(location) for c in contents), None)
