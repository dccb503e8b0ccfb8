"""Which gateways are connected: the only thing about proxies that what is said of an object may
depend on.
"""

from typing import Final

from controlplane.base.names import Namespace
from controlplane.graph import Graph
from controlplane.graph import Input
from controlplane.model.proxy import Labels

CONNECTED: Final[Input[str, tuple[tuple[Namespace, Labels], ...]]] = Input("connected", ())
"""Namespace and labels of connected gateways, each once, sorted. The engine sets it under
``gateways``.
"""


def connected_gateways(graph: Graph) -> tuple[tuple[Namespace, Labels], ...]:
    return CONNECTED(graph, "gateways")
