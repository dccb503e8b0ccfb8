"""Incremental computation: inputs, derived values, recorded reads, early cut-off. Knows no mesh."""

from controlplane.graph.decorators import derived, guarded, guarded_by, tracked_functions
from controlplane.graph.failures import Fault
from controlplane.graph.graph import Derived, Graph, Input

__all__ = [
    "Derived",
    "Fault",
    "Graph",
    "Input",
    "derived",
    "guarded",
    "guarded_by",
    "tracked_functions",
]
