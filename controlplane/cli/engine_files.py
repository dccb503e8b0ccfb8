"""The files of an engine, as diagnostics are shown with them."""

from dataclasses import dataclass

from controlplane.base.places import Place
from controlplane.base.places import Spot
from controlplane.documents.content import Sources
from controlplane.engine import Engine


@dataclass(frozen=True, slots=True)
class EngineFiles:
    """Spots as the engine knows them, lines as they were read."""

    engine: Engine

    def spot(self, place: Place | Spot) -> Spot | None:
        return self.engine.spot(place)

    def line(self, spot: Spot) -> str | None:
        contents = (c for c in self.engine.contents() if c.path == spot.path)
        return next((Sources([c]).line(spot) for c in contents), None)
