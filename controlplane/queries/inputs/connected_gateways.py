"""Which gateways are connected: with ``refused_claims`` and ``patched_proxies`` the only thing
about proxies that diagnostics may depend on.
"""

from typing import Final

from controlplane.graph import Graph, Input
from controlplane.model.proxy_view import ConnectedGateway

CONNECTED: Final[Input[str, tuple[ConnectedGateway, ...]]] = Input("connected", ())
"""Set under ``gateways`` by ``Connected``; each once, in a stable order."""


def connected_gateways(graph: Graph) -> tuple[ConnectedGateway, ...]:
    """None where no proxy connects, as for ``check``."""
    return CONNECTED(graph, "gateways")
