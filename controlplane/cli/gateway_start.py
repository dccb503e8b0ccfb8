"""How the Envoy of a gateway is started, as its ProxyConfig says."""

from dataclasses import dataclass
from datetime import timedelta

from controlplane.engine.engine import Engine
from controlplane.model.gateway_proxy import GatewayProxy
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.registry.proxy_configs import annotation_for, proxy_config
from controlplane.translate.istio.durations import length


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStart:
    """``concurrency``: threads of Envoy, 0 for one each core. ``drain``: how long a replaced
    listener keeps its connections. ``None``: nothing says it.
    """

    concurrency: int | None
    drain: timedelta | None


def gateway_start(engine: Engine, gateway: GatewayProxy) -> GatewayStart:
    """Changes concern the next start alone."""
    proxy = Proxy(
        name=gateway.name,
        role=Role.GATEWAY,
        namespace=gateway.namespace,
        service_account=gateway.service_account,
        labels=gateway.labels,
    )
    graph = engine.graph
    annotation = annotation_for(graph, proxy, None)
    text = annotation[1] if annotation is not None else None
    config = proxy_config(graph, gateway.namespace, gateway.labels, text)
    return GatewayStart(concurrency=config.concurrency, drain=length(config.drain_duration))
