"""Modules of WebAssembly enter the graph here, when whoever fetches them has news."""

from collections.abc import Mapping

from controlplane.engine.engine import Engine
from controlplane.model.extension import ModuleSource
from controlplane.queries.inputs.modules import MODULE, MODULES_FOLDER, FetchedModule


def set_modules(engine: Engine, known: Mapping[ModuleSource, FetchedModule]) -> int:
    """Take what is known of some sources; a new revision."""
    engine.graph.edit()
    for source, fetched in known.items():
        engine.graph.set(MODULE, source, fetched)
    engine.note_connected()
    return engine.revision


def set_modules_folder(engine: Engine, folder: str) -> None:
    """Let the modules below ``folder`` be sent to proxies."""
    engine.graph.edit()
    engine.graph.set(MODULES_FOLDER, "folder", folder)
