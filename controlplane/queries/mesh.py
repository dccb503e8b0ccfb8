"""MeshConfig, the one object that concerns everything."""

from typing import Final

from controlplane.graph import Graph
from controlplane.graph import Input
from controlplane.kinds.istio.mesh_config import MeshConfig

MESH_CONFIG: Final[Input[str, MeshConfig]] = Input("mesh_config", MeshConfig())


def mesh_config(graph: Graph) -> MeshConfig:
    return MESH_CONFIG(graph, "mesh")
