"""Which gateways a configuration implies: one for each selector of Istio's Gateways, one for each
Gateway of the Gateway API.

A selector stands for the proxy, so its labels are the proxy's. A Service in front of that proxy
gives it name and namespace; without one, Istio's conventions do. A Gateway of the Gateway API
brings its own, unless its addresses name a Service: then it is served by what the Service selects.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.names import ROOT_NAMESPACE, Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.kinds.core.service import SERVICE, Service
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY, KubernetesGateway
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS, GatewayClass
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET, ListenerSet
from controlplane.kinds.istio.gateway import GATEWAY, Gateway
from controlplane.kinds.object import Object
from controlplane.model.gateway_proxy import GatewayProxy, ListenPort, numbered
from controlplane.model.proxy import Labels, labels_of
from controlplane.translate.gateway_api.deployment import (
    arrivals,
    is_deployed,
    listen_ports,
    named_services,
    names_service,
    own_proxy,
)
from controlplane.translate.gateway_api.own_addresses import Listening

IMPLYING: Final = frozenset({GATEWAY, SERVICE, KUBERNETES_GATEWAY, GATEWAY_CLASS, LISTENER_SET})
"""The kinds that say which gateways there are, and where they listen."""
_NAMING_LABELS: Final = ("istio", "app")
_NAMELESS: Final = "gateway"
_NOT_OF_A_NAME: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What is declared of the kinds that imply gateways."""

    gateways: tuple[Object[Gateway], ...] = ()
    services: tuple[Object[Service], ...] = ()
    kubernetes_gateways: tuple[Object[KubernetesGateway], ...] = ()
    classes: tuple[Object[GatewayClass], ...] = ()
    listener_sets: tuple[Object[ListenerSet], ...] = ()

    def service(self, namespace: Namespace, name: str) -> Service | None:
        found = (s.spec for s in self.services if (s.namespace, s.name) == (namespace, name))
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Implied:
    """The gateways to run, by namespace and name, and Gateways whose addresses name nothing that
    could run.
    """

    gateways: tuple[Listening, ...]
    unserved: tuple[ObjectKey, ...] = ()


def declared_by(engine: Engine) -> Declared:
    return Declared(
        gateways=tuple(engine.objects(GATEWAY)),
        services=tuple(engine.objects(SERVICE)),
        kubernetes_gateways=tuple(engine.objects(KUBERNETES_GATEWAY)),
        classes=tuple(engine.objects(GATEWAY_CLASS)),
        listener_sets=tuple(engine.objects(LISTENER_SET)),
    )


def implied_gateways(declared: Declared) -> Implied:
    """What is to run; a Gateway of a class that is another controller's implies nothing."""
    classes = {each.name: each for each in declared.classes}
    deployed = sorted(
        (g for g in declared.kubernetes_gateways if is_deployed(g, classes)), key=lambda g: g.age
    )
    selected = [*gateway_proxies(declared.gateways, declared.services)]
    unserved = []
    for gateway in deployed:
        if names_service(gateway):
            services = tuple(_named(gateway, declared.services))
            selected += (_before(s) for s in services if not _is_served(s, selected))
            unserved += [] if services else [gateway.key]
    own = {g.key: proxy for g in deployed if (proxy := own_proxy(g)) is not None}
    by_key: dict[ObjectKey, Object[KubernetesGateway]] = {g.key: g for g in deployed}
    named = tuple(numbered([*selected, *own.values()]))
    return Implied(
        gateways=tuple(
            Listening(
                proxy=proxy,
                ports=_ports(proxy, by_key, declared),
                may_move=proxy.gateway is not None,
            )
            for proxy in named
        ),
        unserved=tuple(unserved),
    )


def gateway_proxies(
    gateways: Iterable[Object[Gateway]], services: Iterable[Object[Service]]
) -> tuple[GatewayProxy, ...]:
    """The gateways that Istio's Gateways select, by namespace and name.

    A proxy of a larger selector serves the Gateways of a smaller one too, so it stands for both.
    """
    oldest: dict[Labels, Object[Gateway]] = {}
    for gateway in sorted(gateways, key=lambda g: g.age):
        oldest.setdefault(labels_of(dict(gateway.spec.selector)), gateway)
    known = sorted(services, key=lambda s: s.age)
    wanted = (
        _proxy(dict(labels), gateway.namespace, known)
        for labels, gateway in oldest.items()
        if not any(set(labels) < set(other) for other in oldest)
    )
    return tuple(numbered(sorted(wanted, key=_place)))


def _proxy(
    labels: Mapping[str, str], namespace: Namespace, services: Iterable[Object[Service]]
) -> GatewayProxy:
    service = next((s for s in services if _stands_before(s, labels)), None)
    if service is not None:
        return _selected(service.namespace, service.name, {**labels, **service.spec.selector})
    home = ROOT_NAMESPACE if "istio" in labels else namespace
    return _selected(home, _name(labels), labels)


def _selected(namespace: Namespace, name: str, labels: Mapping[str, str]) -> GatewayProxy:
    return GatewayProxy(
        namespace=namespace, name=name, labels=labels_of(dict(labels)), service_account=name
    )


def _before(service: Object[Service]) -> GatewayProxy:
    """What runs where a Service selects no other gateway."""
    return _selected(service.namespace, service.name, service.spec.selector)


def _named(
    gateway: Object[KubernetesGateway], services: Iterable[Object[Service]]
) -> Iterator[Object[Service]]:
    """The Services that a Gateway's addresses name, as far as they select anything."""
    wanted = set(named_services(gateway))
    return (s for s in services if s.spec.selector and (s.namespace, s.name) in wanted)


def _is_served(service: Object[Service], proxies: Iterable[GatewayProxy]) -> bool:
    """Whether the Service selects one of the gateways that run anyway."""
    selector = service.spec.selector.items()
    return any(p.namespace == service.namespace and selector <= set(p.labels) for p in proxies)


def _ports(
    proxy: GatewayProxy,
    gateways: Mapping[ObjectKey, Object[KubernetesGateway]],
    declared: Declared,
) -> frozenset[ListenPort]:
    """Where a gateway listens: for its own Gateway, or for all that select it."""
    if proxy.gateway is not None:
        gateway = gateways[proxy.gateway]
        arrives = arrivals(gateway, declared.service)
        return listen_ports(gateway, declared.listener_sets, arrives)
    labels = set(proxy.labels)
    return frozenset(
        ListenPort(server.port.number)
        for gateway in declared.gateways
        if gateway.spec.selector.items() <= labels
        for server in gateway.spec.servers
        if server.port is not None
    )


def _stands_before(service: Object[Service], labels: Mapping[str, str]) -> bool:
    """Whether the proxy that a Gateway means is one that the Service means.

    Istio's own Service selects ``app`` and ``istio``, most Gateways only one of the two.
    """
    selector = service.spec.selector.items()
    return bool(selector and labels) and (selector <= labels.items() or labels.items() <= selector)


def _name(labels: Mapping[str, str]) -> str:
    first = (labels[label] for label in (*_NAMING_LABELS, *sorted(labels)) if label in labels)
    return _plain(next(first, "")) or _NAMELESS


def _plain(text: str) -> str:
    """``text`` as a part of a Kubernetes name."""
    return _NOT_OF_A_NAME.sub("-", text.lower()).strip("-")


def _place(proxy: GatewayProxy) -> tuple[Namespace, str, Labels]:
    return proxy.namespace, proxy.name, proxy.labels
