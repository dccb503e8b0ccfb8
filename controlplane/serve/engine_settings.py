"""The engine as the options want it."""

from datetime import datetime

from controlplane.engine.engine import Engine
from controlplane.engine.generations import Generations
from controlplane.serve.settings import Settings
from controlplane.sources.accepted import AcceptedObjects
from controlplane.sources.printable import printable


def engine_of(
    settings: Settings, now: datetime, accepted: AcceptedObjects, counted: Generations
) -> Engine:
    engine = Engine(
        settings.mesh,
        now=now,
        accepted=accepted,
        generations=counted,
        lean=settings.lean,
        metrics=settings.measures,
        guards_removals=not settings.allows_removal,
        max_objects=settings.max_objects,
    )
    if settings.mesh_file is not None:
        engine.read_mesh(printable(settings.mesh_file), settings.mesh_text)
    return engine
