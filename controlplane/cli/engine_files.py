"""The files of an engine, as diagnostics are shown with them."""

from functools import cached_property

from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.documents.content import Sources
from controlplane.engine.engine import Engine


class EngineFiles:
    """Locations as the engine knows them, lines as they were read; for one showing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def location(self, place: FieldRef | SourceLocation) -> SourceLocation | None:
        return self._engine.location(place)

    def line(self, location: SourceLocation) -> str | None:
        return self._sources.line(location)

    @cached_property
    def _sources(self) -> Sources:
        return Sources(self._engine.contents())
