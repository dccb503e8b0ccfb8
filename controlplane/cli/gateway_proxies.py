"""Which gateways a configuration implies: one for each selector of its Gateways.

The selector stands for the proxy, so its labels are the proxy's. A Service in front of that proxy
gives it name and namespace; without one, Istio's conventions do.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.names import ROOT_NAMESPACE, Namespace
from controlplane.kinds.core.service import Service
from controlplane.kinds.istio.gateway import Gateway
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels, labels_of

_NAMING_LABELS: Final = ("istio", "app")
_NAMELESS: Final = "gateway"
_NOT_OF_A_NAME: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, order=True)
class GatewayProxy:
    """A gateway to run. Its service account has its name."""

    namespace: Namespace
    name: str
    labels: Labels

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace}"


def gateway_proxies(
    gateways: Iterable[Object[Gateway]], services: Iterable[Object[Service]]
) -> tuple[GatewayProxy, ...]:
    """The gateways to run, by namespace and name.

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
    return tuple(_numbered(sorted(wanted)))


def _proxy(
    labels: Mapping[str, str], namespace: Namespace, services: Iterable[Object[Service]]
) -> GatewayProxy:
    service = next((s for s in services if _stands_before(s, labels)), None)
    if service is not None:
        together = {**labels, **service.spec.selector}
        return GatewayProxy(service.namespace, service.name, labels_of(together))
    home = ROOT_NAMESPACE if "istio" in labels else namespace
    return GatewayProxy(home, _name(labels), labels_of(dict(labels)))


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


def _numbered(proxies: Iterable[GatewayProxy]) -> Iterator[GatewayProxy]:
    """Proxies of one name and namespace get numbers, from the second on."""
    taken: set[tuple[Namespace, str]] = set()
    for proxy in proxies:
        name, number = proxy.name, 1
        while (proxy.namespace, name) in taken:
            number += 1
            name = f"{proxy.name}-{number}"
        taken.add((proxy.namespace, name))
        yield GatewayProxy(proxy.namespace, name, proxy.labels)
