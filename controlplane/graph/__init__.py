"""Incremental computation: inputs, derived values, recorded reads, early cut-off. Knows no mesh."""

from controlplane.graph.cell import Graph
from controlplane.graph.cell import Input
from controlplane.graph.cell import derived
from controlplane.graph.cell import guarded

__all__ = ["Graph", "Input", "derived", "guarded"]
