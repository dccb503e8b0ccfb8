"""Where the gateways that Gateways bring with them are reached, as whoever runs them has it.
``check`` runs none.
"""

from dataclasses import dataclass
from typing import Final

from controlplane.base.names import ObjectKey
from controlplane.graph import Graph, Input
from controlplane.model.gateway_proxy import ListenPort, PortRange


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayReach:
    """``published``: the ports that others reach; ``None``: all of them. ``taken``: the ports that
    another Gateway, which came first, has on the address that others reach. ``arrives`` pairs
    ports of its listeners with those where its proxies listen, where they differ.
    """

    published: tuple[PortRange, ...] | None = None
    taken: tuple[tuple[ListenPort, ObjectKey], ...] = ()
    arrives: tuple[tuple[int, int], ...] = ()


REACHED_EVERYWHERE: Final = GatewayReach()
GATEWAY_REACH: Final[Input[ObjectKey, GatewayReach]] = Input("gateway_reach", REACHED_EVERYWHERE)


def gateway_reach(graph: Graph, key: ObjectKey) -> GatewayReach:
    return GATEWAY_REACH(graph, key)
