"""MeshConfig, the one object that concerns everything."""

from typing import Final

from controlplane.graph import Graph, Input
from controlplane.kinds.istio.mesh_config import MeshConfig

MESH_CONFIG: Final[Input[str, MeshConfig]] = Input("mesh_config", MeshConfig())
LEAN: Final[Input[str, bool]] = Input("lean", False)
"""Whether routes leave out the metadata that names their VirtualService (``--lean``)."""

METRICS: Final[Input[str, bool]] = Input("metrics", False)
"""Whether proxies have Istio's metrics where MeshConfig names no provider of them
(``--metrics``).
"""


def has_metrics(graph: Graph) -> bool:
    return METRICS(graph, "prometheus")


def is_lean(graph: Graph) -> bool:
    return LEAN(graph, "routes")


def mesh_config(graph: Graph) -> MeshConfig:
    return MESH_CONFIG(graph, "mesh")
