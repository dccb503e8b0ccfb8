"""Through which Gateways requests reach a backend: the ancestors of the policies for it.

Source: Istio ``pilot/pkg/config/kube/gateway/route_collections.go`` (``extractAncestorBackends``).
"""

from collections.abc import Iterator

from controlplane.base.names import Kind, Namespace, ObjectKey, key_is_of
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY, KubernetesGatewayKey
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Conformance
from controlplane.queries.gateway_api.attachment import AnyRoute, parent_key
from controlplane.queries.gateway_api.classes import gateway_conformance
from controlplane.queries.gateway_api.listeners import gateway_of
from controlplane.queries.inputs.objects import index


@index(HTTP_ROUTE, GRPC_ROUTE, TLS_ROUTE, TCP_ROUTE, UDP_ROUTE)
def parents_of_backend(route: Object[AnyRoute]) -> Iterator[tuple[ObjectKey, ObjectKey]]:
    """The parents of the routes that name a backend."""
    refs = (parent_key(ref, route.namespace) for ref in route.spec.parent_refs)
    parents = tuple(dict.fromkeys(key for key in refs if key is not None))
    for rule in route.spec.rules:
        for ref in rule.backend_refs:
            namespace = Namespace(ref.namespace) or route.namespace
            for parent in parents:
                yield ObjectKey(Kind(ref.group, ref.kind), namespace, ref.name), parent


@derived
def gateways_of_backend(graph: Graph, backend: ObjectKey) -> tuple[KubernetesGatewayKey, ...]:
    """The Gateways that are served here and whose routes name a backend, in order. Istio's leave
    out those whose routes are attached to a ListenerSet.
    """
    found: set[KubernetesGatewayKey] = set()
    for parent in parents_of_backend(graph, backend):
        gateway = gateway_of(graph, parent)
        conformance = gateway_conformance(graph, gateway) if gateway is not None else None
        is_own = key_is_of(parent, KUBERNETES_GATEWAY)
        if gateway is not None and (is_own or conformance is Conformance.SPECIFICATION):
            found.add(gateway)
    return tuple(sorted(found))
