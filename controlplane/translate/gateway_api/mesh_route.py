"""Routes of the Gateway API for calls between workloads: their parent is a Service.

Sources: https://gateway-api.sigs.k8s.io/mesh/; Istio
``pilot/pkg/config/kube/gateway/route_collections.go`` (``HTTPRouteCollection``), by which a
ServiceEntry may be the parent too.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.kinds.core.service import SERVICE, Service
from controlplane.kinds.gateway_api.common import BackendObjectReference, ParentReference
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE, GrpcRoute
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE, HttpRoute
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE, TcpRoute
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE, TlsRoute
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.object import Object, is_of
from controlplane.translate.gateway_api.backend_ref import backend_host
from controlplane.translate.gateway_api.route_rule import RouteRule, route_rules
from controlplane.translate.gateway_api.stream_route import stream_backends

MeshRoute = HttpRoute | GrpcRoute | TcpRoute | TlsRoute
ServiceKey = ObjectKey[Service | ServiceEntry]
EVERY_PORT: Final = PortNumber(0)
"""The port of a parentRef that names none."""
_PARENT_KINDS: Final = (SERVICE, SERVICE_ENTRY)


def mesh_parent(ref: ParentReference, namespace: Namespace) -> ServiceKey | None:
    """The service whose calls a route in ``namespace`` routes; ``None`` for parents of other
    kinds.
    """
    for kind in _PARENT_KINDS:
        if (ref.group, ref.kind) == (kind.group, kind.name):
            return ObjectKey(kind, Namespace(ref.namespace) or namespace, ref.name)
    return None


def parent_port(ref: ParentReference) -> PortNumber:
    """The port of the service that a parentRef is for, or ``EVERY_PORT``."""
    return PortNumber(ref.port) if ref.port is not None else EVERY_PORT


def backend_hosts(route: Object[MeshRoute]) -> Iterator[tuple[Host, PortNumber | None]]:
    """The hosts that requests and copies of them, or connections, may be sent to, with the
    ports.
    """
    for ref in _references(route):
        host = backend_host(ref, route.namespace)
        if host is not None:
            yield host, PortNumber(ref.port) if ref.port is not None else None


def _references(route: Object[MeshRoute]) -> Iterator[BackendObjectReference]:
    if is_of(route, TCP_ROUTE) or is_of(route, TLS_ROUTE):
        yield from stream_backends(route).refs
        return
    assert is_of(route, HTTP_ROUTE) or is_of(route, GRPC_ROUTE), "these are all kinds"
    for located in route_rules(route):
        yield from _backends(located)


def _backends(located: RouteRule) -> Iterator[BackendObjectReference]:
    yield from (ref for ref in located.rule.backend_refs if ref.weight)
    for each in located.rule.filters:
        if each.request_mirror is not None:
            yield each.request_mirror.backend_ref
