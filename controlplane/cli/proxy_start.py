"""How an Envoy is started, as its ProxyConfig says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from controlplane.base.errors import ConfigMissing
from controlplane.engine.engine import Engine
from controlplane.envoy.bootstrap import Node
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.gateway_proxy import GatewayProxy
from controlplane.model.proxy import Proxy, Role, labels_of
from controlplane.queries.registry.proxies import own_annotation, resolved_or_as_it_says
from controlplane.queries.registry.proxy_configs import proxy_config
from controlplane.sources.load import loaded
from controlplane.translate.istio.durations import length


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyStart:
    """``concurrency``: threads of Envoy, 0 for one each core. ``drain``: how long a replaced
    listener keeps its connections. ``None``: nothing says it.
    """

    concurrency: int | None
    drain: timedelta | None

    @property
    def options(self) -> tuple[str, ...]:
        """Of Envoy's command line; 0 threads are one for each core, as Envoy has it unasked."""
        found: list[str] = []
        if self.concurrency:
            found += ["--concurrency", str(self.concurrency)]
        if self.drain is not None:
            found += ["--drain-time-s", str(max(0, self.drain // timedelta(seconds=1)))]
        return tuple(found)


def gateway_start(engine: Engine, gateway: GatewayProxy) -> ProxyStart:
    """Changes concern the next start alone."""
    proxy = Proxy(
        name=gateway.name,
        role=Role.GATEWAY,
        namespace=gateway.namespace,
        service_account=gateway.name,
        labels=gateway.labels,
    )
    return proxy_start(engine, proxy)


def proxy_start(engine: Engine, proxy: Proxy) -> ProxyStart:
    """How a proxy is to be started, as what is declared now says."""
    annotation = own_annotation(engine.graph, proxy)
    text = annotation[1] if annotation is not None else None
    labels = resolved_or_as_it_says(engine.graph, proxy).labels
    config = proxy_config(engine.graph, proxy.namespace, labels, text)
    return ProxyStart(concurrency=config.concurrency, drain=length(config.drain_duration))


def start_note(paths: Sequence[Path], node: Node, now: datetime) -> str | None:
    """The options of Envoy that a node's ProxyConfig in the files below ``paths`` asks for: a
    bootstrap cannot hold them.
    """
    try:
        files = loaded(paths)
    except ConfigMissing:  # they may only name a state directory
        return None
    engine = Engine(MeshConfig(), now=now)
    engine.apply([(changed.path, changed.text) for changed in files])
    proxy = Proxy(
        name=node.name,
        role=node.role,
        namespace=node.namespace,
        service_account=node.service_account,
        labels=labels_of(dict(node.labels)),
        addresses=node.addresses,
    )
    options = proxy_start(engine, proxy).options
    return f"note: its ProxyConfig asks for envoy {' '.join(options)}" if options else None
