"""The listeners of a sidecar for what its workload calls.

Source: Istio ``pilot/pkg/networking/core/listener.go``.
"""

from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.resource import Resource
from controlplane.graph import Graph, derived
from controlplane.model.outbound_view import OutboundView


@derived
def outbound_listeners(_: Graph, view: OutboundView) -> Shelf[Resource]:
    """Runs again when one of them comes, goes or changes."""
    del view
    return shelf({})
