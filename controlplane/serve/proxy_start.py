"""How a proxy is to be started, as what is declared now says. Changes concern the next start."""

from controlplane.engine.engine import Engine
from controlplane.envoy.bootstrap import Node
from controlplane.kinds.istio.mesh_config import ProxyConfig
from controlplane.kinds.proxy_statistics import OwnStatistics, own_statistics
from controlplane.model.gateway_proxy import GatewayProxy
from controlplane.model.proxy import Proxy, Role, labels_of
from controlplane.model.proxy_start import ProxyStart
from controlplane.queries.registry.proxies import (
    own_annotation,
    own_annotations,
    resolved_or_as_it_says,
)
from controlplane.queries.registry.proxy_configs import proxy_config
from controlplane.translate.istio.proxy_config import with_statistics
from controlplane.translate.istio.proxy_start import proxy_start


def gateway_start(engine: Engine, gateway: GatewayProxy) -> ProxyStart:
    proxy = _gateway_proxy(gateway)
    return proxy_start(
        declared_config(engine, proxy),
        name=gateway.name,
        namespace=gateway.namespace,
        labels=gateway.labels,
        buckets=_own_statistics(engine, proxy).buckets,
    )


def node_start(engine: Engine, node: Node) -> ProxyStart:
    proxy = Proxy(
        name=node.name,
        role=node.role,
        namespace=node.namespace,
        service_account=node.service_account,
        labels=labels_of(dict(node.labels)),
        addresses=node.addresses,
    )
    return proxy_start(
        declared_config(engine, proxy),
        name=node.name,
        namespace=node.namespace,
        labels=proxy.labels,
        addresses=node.addresses,
        buckets=_own_statistics(engine, proxy).buckets,
    )


def gateway_config(engine: Engine, gateway: GatewayProxy) -> ProxyConfig:
    return declared_config(engine, _gateway_proxy(gateway))


def _gateway_proxy(gateway: GatewayProxy) -> Proxy:
    return Proxy(
        name=gateway.name,
        role=Role.GATEWAY,
        namespace=gateway.namespace,
        service_account=gateway.name,
        labels=gateway.labels,
    )


def declared_config(engine: Engine, proxy: Proxy) -> ProxyConfig:
    """The ProxyConfig of a proxy, of all levels, and the statistics that its workload's annotations
    ask for.
    """
    annotation = own_annotation(engine.graph, proxy)
    text = annotation[1] if annotation is not None else None
    labels = resolved_or_as_it_says(engine.graph, proxy).labels
    config = proxy_config(engine.graph, proxy.namespace, labels, text)
    return with_statistics(config, _own_statistics(engine, proxy))


def _own_statistics(engine: Engine, proxy: Proxy) -> OwnStatistics:
    return own_statistics(own_annotations(engine.graph, proxy))
