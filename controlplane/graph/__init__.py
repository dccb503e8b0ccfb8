"""Incremental computation: inputs, derived values, recorded reads, early cut-off. Knows no mesh."""

from controlplane.graph.failures import Fault
from controlplane.graph.graph import Derived
from controlplane.graph.graph import Graph
from controlplane.graph.graph import Input
from controlplane.graph.graph import derived
from controlplane.graph.graph import guarded
from controlplane.graph.graph import tracked_functions

__all__ = ["Derived", "Fault", "Graph", "Input", "derived", "guarded", "tracked_functions"]
