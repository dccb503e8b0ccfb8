"""Modules of WebAssembly, as they were fetched. ``check`` fetches none."""

from dataclasses import dataclass
from typing import Final

from controlplane.graph import Graph, Input
from controlplane.model.extension import Module, ModuleSource
from controlplane.queries.inputs.key_sets import FetchFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedModule:
    """``module``: the one that is used. ``failure``: why there is none, or no newer one."""

    module: Module | None = None
    failure: FetchFailure | None = None


UNKNOWN_MODULE: Final = FetchedModule()
MODULE: Final[Input[ModuleSource, FetchedModule]] = Input("module", UNKNOWN_MODULE)
MODULES_FOLDER: Final[Input[str, str | None]] = Input("modules_folder", None)
"""Set once, under ``folder``."""


def fetched_module(graph: Graph, source: ModuleSource) -> FetchedModule:
    return MODULE(graph, source)


def modules_folder(graph: Graph) -> str | None:
    """The folder whose modules the control plane sends to proxies; any other path is theirs."""
    return MODULES_FOLDER(graph, "folder")
