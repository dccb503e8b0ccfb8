"""Which Gateways of the Gateway API a proxy serves, and where the ports of their listeners arrive.

A Gateway is served by the proxies of its namespace that are labelled with its name, or that its own
Service selects (``GATEWAY-CLASS``, which Istio would make); one whose address is the hostname of a
Service by the proxies that this one selects.
Source: Istio ``pilot/pkg/config/kube/gateway/conversion.go`` (``extractGatewayServices``),
``pilot/pkg/model/gateway.go`` (``resolvePorts``).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.gateway import (
    KUBERNETES_GATEWAY,
    KubernetesGateway,
    KubernetesGatewayKey,
)
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels, ResolvedProxy, Target
from controlplane.model.proxy_view import BoundGateway
from controlplane.queries.gateway_api.classes import gateway_conformance
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.gateway_api.addresses import gateway_services, is_managed

GATEWAY_NAME_LABEL: Final = "gateway.networking.k8s.io/gateway-name"


@index(KUBERNETES_GATEWAY)
def gateways_by_service(
    gateway: Object[KubernetesGateway],
) -> Iterator[tuple[tuple[Namespace, Host], KubernetesGatewayKey]]:
    """The Gateways of a namespace by the Services in front of their proxies."""
    for host in gateway_services(gateway):
        yield (gateway.namespace, host), gateway.key


def bound_gateways(graph: Graph, proxy: ResolvedProxy) -> tuple[BoundGateway, ...]:
    """The Gateways that a proxy serves, with the ports of those that a Service binds."""
    targets = (*proxy.targets, *proxy.untranslated)
    name = dict(proxy.labels).get(GATEWAY_NAME_LABEL, "")
    return _bound(graph, proxy.namespace, name, targets)


@derived
def _bound(
    graph: Graph, namespace: Namespace, label: str, targets: tuple[Target, ...]
) -> tuple[BoundGateway, ...]:
    """Runs again when a Gateway of the namespace that names one of the Services, or has the label's
    name, comes, goes or changes its class or addresses.
    """
    labelled = ObjectKey(KUBERNETES_GATEWAY, namespace, label)
    by_service = {
        key
        for host in {target.host for target in targets}
        for key in gateways_by_service(graph, (namespace, Host(host)))
    }
    found = (_binding(graph, key, targets, labelled) for key in sorted({labelled, *by_service}))
    return tuple(bound for bound in found if bound is not None)


def _binding(
    graph: Graph,
    key: KubernetesGatewayKey,
    targets: tuple[Target, ...],
    labelled: KubernetesGatewayKey,
) -> BoundGateway | None:
    gateway = object_of(graph, key)
    if gateway is None or gateway_conformance(graph, key) is None:
        return None
    hosts = gateway_services(gateway)
    own = [target for target in targets if target.host in hosts]
    by_label = key == labelled and is_managed(gateway.spec)
    if not own and not by_label:
        return None
    return BoundGateway(
        gateway=key,
        ports=_ports(target for target in own if not target.is_udp),
        udp_ports=_ports(target for target in own if target.is_udp),
        opens_other_ports=by_label,
    )


def _ports(targets: Iterable[Target]) -> tuple[tuple[PortNumber, PortNumber], ...]:
    return tuple(sorted({(PortNumber(t.port), PortNumber(t.target)) for t in targets}))


def gateway_labels(key: KubernetesGatewayKey) -> Labels:
    """The label of the proxies of a Gateway."""
    return ((GATEWAY_NAME_LABEL, key.name),)
