"""Where gateways are reached enters the graph here, when whoever runs them has news."""

from collections.abc import Mapping

from controlplane.base.names import ObjectKey
from controlplane.engine.engine import Engine
from controlplane.queries.inputs.gateway_reach import GATEWAY_REACH, GatewayReach


def set_gateway_reach(engine: Engine, known: Mapping[ObjectKey, GatewayReach]) -> int:
    """Take what is known of some Gateways; a new revision."""
    engine.graph.edit()
    for gateway, reach in known.items():
        engine.graph.set(GATEWAY_REACH, gateway, reach)
    engine.note_connected()
    return engine.revision
