"""Incremental computation: inputs, derived values, recorded reads, early cut-off. Knows no mesh."""

from controlplane.graph.decorators import derived
from controlplane.graph.decorators import guarded
from controlplane.graph.decorators import tracked_functions
from controlplane.graph.failures import Fault
from controlplane.graph.graph import Derived
from controlplane.graph.graph import Graph
from controlplane.graph.graph import Input

__all__ = ["Derived", "Fault", "Graph", "Input", "derived", "guarded", "tracked_functions"]
