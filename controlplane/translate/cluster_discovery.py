"""How Envoy finds the endpoints of a cluster, and which endpoints a cluster has.

Source: Istio ``pilot/pkg/networking/core/cluster_builder.go``, ``endpoint_builder.go``.
"""

from dataclasses import replace
from typing import Final

from controlplane.base.names import PortNumber
from controlplane.model.backend import Discovered
from controlplane.model.backend import Discovery
from controlplane.model.backend import LookedUp
from controlplane.model.backend import NameOfRequest
from controlplane.model.backend import OriginalDestination
from controlplane.model.endpoint import Endpoint
from controlplane.model.endpoint import selects
from controlplane.model.proxy import IpFamily
from controlplane.model.proxy import Role
from controlplane.model.service import Protocol
from controlplane.model.service import Resolution
from controlplane.model.service import Service
from controlplane.model.service import ServicePort
from controlplane.model.tls_upstream import MeshMutual
from controlplane.translate.cluster_inputs import Knowledge
from controlplane.translate.cluster_inputs import MeshDefaults
from controlplane.translate.cluster_inputs import Part

FORWARDED: Final = frozenset({Protocol.HTTP, Protocol.HTTP2, Protocol.GRPC, Protocol.TLS})
"""The protocols that carry the name which DYNAMIC_DNS looks up (Istio's own list)."""


def discovery(
    part: Part,
    mesh: MeshDefaults,
    known: Knowledge,
    *,
    role: Role,
    families: tuple[IpFamily, ...],
) -> Discovery | None:
    service, port = part.service, part.port
    if service.resolution is Resolution.DYNAMIC_DNS:
        if part.subset is not None or port.protocol not in FORWARDED:
            return None
        return NameOfRequest(f"{service.host}_dfp_dns_cache", families)
    if is_discovered(part, role):
        return Discovered()
    if part.passes_through or service.resolution is Resolution.HEADLESS:
        return OriginalDestination()
    match service.resolution:
        case Resolution.NONE:
            return _original(port)
        case Resolution.DNS | Resolution.DNS_ROUND_ROBIN:
            return _looked_up(service, mesh, known, families)
        case _:
            return None


def is_discovered(part: Part, role: Role) -> bool:
    """Whether the proxy is sent the endpoints apart from the cluster (EDS)."""
    if part.passes_through:
        return False
    match part.service.resolution:
        case Resolution.ENDPOINTS:
            return True
        case Resolution.HEADLESS | Resolution.NONE:
            return not role.captures_connections
        case _:
            return False


def members(part: Part, endpoints: tuple[Endpoint, ...], node: str) -> tuple[Endpoint, ...]:
    """The endpoints of the subset; those not ready only where Envoy is never to panic, and those on
    other nodes than the client's ``node`` unless the service is for its own node alone. None takes
    the mesh's mutual TLS where the policy says something else.
    """
    if part.policy.tls is not None and not isinstance(part.policy.tls, MeshMutual):
        endpoints = tuple(replace(endpoint, takes_mutual_tls=False) for endpoint in endpoints)
    wanted = part.subset.labels if part.subset is not None else ()
    keeps_unready = part.policy.outlier is None or part.policy.outlier.min_health_percent == 0
    return tuple(
        endpoint
        for endpoint in endpoints
        if (not wanted or selects(wanted, endpoint.described))
        and (endpoint.is_ready or keeps_unready)
        and (endpoint.takes_mutual_tls or not part.is_sni_dnat)
        and (endpoint.node == node or not part.service.is_node_local)
    )


def _original(port: ServicePort) -> OriginalDestination:
    """A target of its own replaces the port that the client was going to."""
    if isinstance(port.target, str) or port.target == port.number:
        return OriginalDestination()
    return OriginalDestination(PortNumber(port.target))


def _looked_up(
    service: Service, mesh: MeshDefaults, known: Knowledge, families: tuple[IpFamily, ...]
) -> LookedUp | None:
    groups = tuple(group for group in known.groups() if group.endpoints)
    if not groups:
        return None
    return LookedUp(
        groups=groups,
        families=families,
        refresh=mesh.dns_refresh,
        is_logical=(
            service.resolution is Resolution.DNS_ROUND_ROBIN
            or (service.races_connections and sum(len(g.endpoints) for g in groups) == 1)
        ),
        races_connections=service.races_connections,
    )
