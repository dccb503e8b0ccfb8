"""How Envoy finds the endpoints of a cluster, and which endpoints a cluster has.

Source: Istio ``pilot/pkg/networking/core/cluster_builder.go``, ``endpoint_builder.go``.
"""

from dataclasses import replace
from typing import Final

from controlplane.base.names import PortNumber
from controlplane.model.cluster import Discovery, Dns, DynamicForwardProxy, Eds, OriginalDestination
from controlplane.model.endpoint import Endpoint, selects
from controlplane.model.proxy import IpFamily, Role
from controlplane.model.service import Protocol, Resolution, Service, ServicePort
from controlplane.model.tls_upstream import MeshMutual
from controlplane.translate.cluster_inputs import ClusterInputs, EndpointFacts, MeshDefaults

FORWARDED: Final = frozenset({Protocol.HTTP, Protocol.HTTP2, Protocol.GRPC, Protocol.TLS})
"""The protocols that carry the name which DYNAMIC_DNS looks up (Istio's own list)."""


def discovery(
    inputs: ClusterInputs,
    mesh: MeshDefaults,
    facts: EndpointFacts,
    *,
    role: Role,
    families: tuple[IpFamily, ...],
) -> Discovery | None:
    service, port = inputs.service, inputs.port
    if service.resolution is Resolution.DYNAMIC_DNS:
        if inputs.subset is not None or port.protocol not in FORWARDED:
            return None
        return DynamicForwardProxy(f"{service.host}_dfp_dns_cache", families)
    if is_discovered(inputs, role):
        return Eds()
    if inputs.passes_through or service.resolution is Resolution.HEADLESS:
        return OriginalDestination()
    match service.resolution:
        case Resolution.NONE:
            return _original(port)
        case Resolution.DNS | Resolution.DNS_ROUND_ROBIN:
            return _looked_up(service, mesh, facts, families)
        case _:
            return None


def is_discovered(inputs: ClusterInputs, role: Role) -> bool:
    """Whether the proxy is sent the endpoints apart from the cluster (EDS)."""
    if inputs.passes_through:
        return False
    match inputs.service.resolution:
        case Resolution.ENDPOINTS:
            return True
        case Resolution.HEADLESS | Resolution.NONE:
            return not role.captures_connections
        case _:
            return False


def members(
    inputs: ClusterInputs, endpoints: tuple[Endpoint, ...], node: str
) -> tuple[Endpoint, ...]:
    """The endpoints of the subset; those not ready only where Envoy is never to panic, and those on
    other nodes than the client's ``node`` unless the service is for its own node alone. None
    accepts the mesh's mutual TLS where the policy says otherwise.
    """
    if inputs.policy.tls is not None and not isinstance(inputs.policy.tls, MeshMutual):
        endpoints = tuple(replace(endpoint, takes_mutual_tls=False) for endpoint in endpoints)
    wanted = inputs.subset.labels if inputs.subset is not None else ()
    keeps_unready = inputs.policy.outlier is None or inputs.policy.outlier.min_health_percent == 0
    return tuple(
        endpoint
        for endpoint in endpoints
        if (not wanted or selects(wanted, endpoint.described))
        and (endpoint.is_ready or keeps_unready)
        and (endpoint.takes_mutual_tls or not inputs.is_sni_dnat)
        and (endpoint.node == node or not inputs.service.is_node_local)
    )


def _original(port: ServicePort) -> OriginalDestination:
    """A target of its own replaces the port that the client was going to."""
    if isinstance(port.target, str) or port.target == port.number:
        return OriginalDestination()
    return OriginalDestination(PortNumber(port.target))


def _looked_up(
    service: Service, mesh: MeshDefaults, facts: EndpointFacts, families: tuple[IpFamily, ...]
) -> Dns | None:
    groups = tuple(group for group in facts.groups() if group.endpoints)
    if not groups:
        return None
    return Dns(
        groups=groups,
        families=families,
        refresh=mesh.dns_refresh,
        is_logical=(
            service.resolution is Resolution.DNS_ROUND_ROBIN
            or (service.first_connect_wins and sum(len(g.endpoints) for g in groups) == 1)
        ),
        first_connect_wins=service.first_connect_wins,
    )
