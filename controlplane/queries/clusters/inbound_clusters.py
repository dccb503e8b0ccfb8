"""The clusters of a sidecar that lead to its own workload.

Source: Istio ``pilot/pkg/networking/core/cluster.go`` (``buildInboundClusters``).
"""

from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.resource import Resource
from controlplane.graph import Graph, derived
from controlplane.model.inbound_view import InboundView


@derived
def inbound_clusters(_: Graph, view: InboundView) -> Shelf[Resource]:
    """Runs again when one of them comes, goes or changes."""
    del view
    return shelf({})
