"""The proxy that a Gateway brings with it: its name, account and labels.

Source: Istio ``pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go``, ``gateway_utils.go``
(``IsManaged``) and the template ``files/kube-gateway.yaml``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from controlplane.base.names import CLUSTER_DOMAIN, Namespace
from controlplane.kinds.core.service import Service
from controlplane.kinds.gateway_api.gateway import (
    NAME_OVERRIDE,
    SERVICE_ACCOUNT,
    KubernetesGateway,
)
from controlplane.kinds.gateway_api.gateway_class import GatewayClass
from controlplane.kinds.gateway_api.listener import Listener
from controlplane.kinds.gateway_api.listener_set import ListenerSet
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import CLASS, CONTROLLER, ISTIO_CLASS, ISTIO_CONTROLLER
from controlplane.model.gateway_proxy import GATEWAY_NAME, GatewayProxy, ListenPort
from controlplane.model.proxy import Labels, labels_of
from controlplane.translate.gateway_api.addresses import (
    gateway_services,
    is_managed,
    own_address,
    own_name,
)

_CONTROLLERS: Final = frozenset({CONTROLLER, ISTIO_CONTROLLER})
_CLASSES: Final = frozenset({CLASS, ISTIO_CLASS})
_OWN_PREFIX: Final = "gateway.networking.k8s.io/"
_CLASS_NAME: Final = "gateway.networking.k8s.io/gateway-class-name"
_MANAGED: Final = {"gateway.istio.io/managed": "istio.io-gateway-controller"}
_CANONICAL_NAME: Final = "service.istio.io/canonical-name"
_CANONICAL_REVISION: Final = "service.istio.io/canonical-revision"
_UDP: Final = "UDP"
_AS_DECLARED: Final[Mapping[int, int]] = MappingProxyType({})


def is_deployed(
    gateway: Object[KubernetesGateway], classes: Mapping[str, Object[GatewayClass]]
) -> bool:
    """Whether the Gateway is one that is served here: a GatewayClass says whose it is, or without
    one its name does.
    """
    name = gateway.spec.gateway_class_name
    declared = classes.get(name)
    if declared is None:
        return name in _CLASSES
    return declared.spec.controller_name in _CONTROLLERS


def own_proxy(gateway: Object[KubernetesGateway]) -> GatewayProxy | None:
    """The proxy that runs for the Gateway alone; ``None`` where it names a Service instead."""
    if names_service(gateway):
        return None
    name = own_name(gateway, NAME_OVERRIDE)
    return GatewayProxy(
        namespace=gateway.namespace,
        name=name,
        labels=_labels(gateway, name),
        service_account=own_name(gateway, SERVICE_ACCOUNT),
        address=own_address(gateway),
        gateway=gateway.key,
    )


def names_service(gateway: Object[KubernetesGateway]) -> bool:
    """Whether the Gateway is served by proxies of a Service that its addresses name, or by none."""
    return not is_managed(gateway.spec)


def named_services(gateway: Object[KubernetesGateway]) -> Iterator[tuple[Namespace, str]]:
    """Namespace and name of the Services in front of the Gateway's proxies, declared or not."""
    for host in gateway_services(gateway):
        name, _, rest = host.partition(".")
        namespace, _, domain = rest.partition(".")
        if domain == f"svc.{CLUSTER_DOMAIN}":
            yield Namespace(namespace), name


def arrivals(
    gateway: Object[KubernetesGateway], declared: Callable[[Namespace, str], Service | None]
) -> Mapping[int, int]:
    """Where connections to ports of the Gateway arrive, as far as a Service says another port."""
    services = (declared(namespace, name) for namespace, name in named_services(gateway))
    return {
        port.port: port.target_port
        for service in services
        if service is not None
        for port in service.ports
        if isinstance(port.target_port, int)
    }


def listen_ports(
    gateway: Object[KubernetesGateway],
    sets: Iterable[Object[ListenerSet]],
    arrives: Mapping[int, int] = _AS_DECLARED,
) -> frozenset[ListenPort]:
    """The ports of its listeners, with those of ListenerSets that name it, where they arrive."""
    own = [*gateway.spec.listeners]
    for added in sets:
        parent = added.spec.parent_ref
        namespace = parent.namespace or added.namespace
        if (namespace, parent.name) == (gateway.namespace, gateway.name):
            own += added.spec.listeners
    return frozenset(listen_port(listener, arrives) for listener in own)


def listen_port(listener: Listener, arrives: Mapping[int, int] = _AS_DECLARED) -> ListenPort:
    return ListenPort(arrives.get(listener.port, listener.port), listener.protocol == _UDP)


def _labels(gateway: Object[KubernetesGateway], proxy: str) -> Labels:
    """Those of Istio's Pods: ``infrastructure.labels``, or without any the Gateway's own, never
    replace the names of Gateway and class.
    """
    infrastructure = gateway.spec.infrastructure
    copied = infrastructure.labels if infrastructure is not None else {}
    further = {k: v for k, v in copied.items() if not k.startswith(_OWN_PREFIX)}
    return labels_of(
        {
            _CANONICAL_NAME: proxy,
            _CANONICAL_REVISION: "latest",
            **(further if copied else gateway.labels),
            GATEWAY_NAME: gateway.name,
            _CLASS_NAME: gateway.spec.gateway_class_name,
            **_MANAGED,
        }
    )
