"""What the mesh's own TLS is to offer for requests to a destination.

Source: Istio ``pilot/pkg/xds/filters`` (``istio.alpn``), ``networking/core/cluster_tls.go``
(``alpn_override``).
"""

from controlplane.model.cluster import HttpVersion
from controlplane.model.proxy import Role
from controlplane.model.routing import Offer
from controlplane.model.service import Protocol, Service, ServicePort
from controlplane.model.tls_upstream import MeshMutual
from controlplane.model.traffic_policy import TrafficPolicy
from controlplane.translate.cluster import http_version
from controlplane.translate.cluster_inputs import MeshDefaults


def offer_of(
    service: Service, port: ServicePort, policy: TrafficPolicy, mesh: MeshDefaults, role: Role
) -> Offer | None:
    """``None`` where the cluster says it for all, or its TLS is not the mesh's: there it would be
    wrong.
    """
    is_automatic = policy.tls is None and mesh.uses_mutual_tls and not service.is_external
    if not is_automatic and not isinstance(policy.tls, MeshMutual):
        return None
    upgrade = policy.pool.upgrade if policy.pool is not None else None
    match http_version(port.protocol, upgrade, mesh, role):
        case HttpVersion.AS_CLIENT:
            return Offer.BY_REQUEST
        case HttpVersion.HTTP1:
            return Offer.HTTP1 if port.protocol is Protocol.AUTO else None
        case HttpVersion.HTTP2:
            return None
