"""The proxy that a Gateway brings with it: its name, account and labels.

Source: Istio ``pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go``, ``gateway_utils.go``
(``IsManaged``) and the template ``files/kube-gateway.yaml``.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from controlplane.base.hosts import is_unscoped_ip
from controlplane.base.names import CLUSTER_DOMAIN, Namespace
from controlplane.kinds.gateway_api.gateway import KubernetesGateway
from controlplane.kinds.gateway_api.gateway_class import GatewayClass
from controlplane.kinds.gateway_api.listener import Listener
from controlplane.kinds.gateway_api.listener_set import ListenerSet
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import CLASS, CONTROLLER, ISTIO_CLASS, ISTIO_CONTROLLER
from controlplane.model.gateway_proxy import GATEWAY_NAME, GatewayProxy, ListenPort
from controlplane.model.proxy import Labels, labels_of

_CONTROLLERS: Final = frozenset({CONTROLLER, ISTIO_CONTROLLER})
_CLASSES: Final = frozenset({CLASS, ISTIO_CLASS})
_OWN_PREFIX: Final = "gateway.networking.k8s.io/"
_CLASS_NAME: Final = "gateway.networking.k8s.io/gateway-class-name"
_MANAGED: Final = {"gateway.istio.io/managed": "istio.io-gateway-controller"}
_CANONICAL_NAME: Final = "service.istio.io/canonical-name"
_CANONICAL_REVISION: Final = "service.istio.io/canonical-revision"
_NAME_OVERRIDE: Final = "gateway.istio.io/name-override"
_SERVICE_ACCOUNT: Final = "gateway.istio.io/service-account"
_IP: Final = "IPAddress"
_HOSTNAME: Final = "Hostname"
_UDP: Final = "UDP"


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
    default = f"{gateway.name}-{gateway.spec.gateway_class_name}"
    name = gateway.annotations.get(_NAME_OVERRIDE) or default
    return GatewayProxy(
        namespace=gateway.namespace,
        name=name,
        labels=_labels(gateway, name),
        service_account=gateway.annotations.get(_SERVICE_ACCOUNT) or default,
        address=next(_ip_addresses(gateway), None),
        gateway=gateway.key,
    )


def names_service(gateway: Object[KubernetesGateway]) -> bool:
    """Whether the Gateway is served by proxies of a Service that its addresses name."""
    return any(address.type == _HOSTNAME and address.value for address in gateway.spec.addresses)


def named_services(gateway: Object[KubernetesGateway]) -> Iterator[tuple[Namespace, str]]:
    """Namespace and name of the Services that its addresses name: ``edge`` in its own namespace,
    ``edge.shop.svc.cluster.local``.
    """
    for address in gateway.spec.addresses:
        if address.type != _HOSTNAME or not address.value:
            continue
        name, _, rest = address.value.partition(".")
        namespace, _, domain = rest.partition(".")
        if not rest:
            yield gateway.namespace, name
        elif domain == f"svc.{CLUSTER_DOMAIN}":
            yield Namespace(namespace), name


def listen_ports(
    gateway: Object[KubernetesGateway], sets: Iterable[Object[ListenerSet]]
) -> frozenset[ListenPort]:
    """The ports of its listeners, with those of ListenerSets that name it."""
    own = [*gateway.spec.listeners]
    for added in sets:
        parent = added.spec.parent_ref
        namespace = parent.namespace or added.namespace
        if (namespace, parent.name) == (gateway.namespace, gateway.name):
            own += added.spec.listeners
    return frozenset(map(listen_port, own))


def listen_port(listener: Listener) -> ListenPort:
    return ListenPort(listener.port, listener.protocol == _UDP)


def _ip_addresses(gateway: Object[KubernetesGateway]) -> Iterator[str]:
    for address in gateway.spec.addresses:
        if address.type == _IP and address.value and is_unscoped_ip(address.value):
            yield address.value


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
