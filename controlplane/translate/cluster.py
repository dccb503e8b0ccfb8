"""A port of a service, and the policy for it, become a cluster: every decision that is not left to
Envoy.

Source: Istio ``pilot/pkg/networking/core/cluster_builder.go``, ``cluster_traffic_policy.go``.
"""

from dataclasses import replace

from controlplane.model.cluster import Cluster, HttpVersion, Origin
from controlplane.model.proxy import IpFamily, Role
from controlplane.model.service import Protocol
from controlplane.model.traffic_policy import ConnectionPool, HttpUpgrade, Keepalive, LoadBalancer
from controlplane.translate.cluster_discovery import discovery
from controlplane.translate.cluster_inputs import ClusterInputs, EndpointFacts, MeshDefaults
from controlplane.translate.cluster_locality import weighting
from controlplane.translate.cluster_tls import upstream_tls


def cluster(
    inputs: ClusterInputs,
    mesh: MeshDefaults,
    facts: EndpointFacts,
    *,
    role: Role,
    families: tuple[IpFamily, ...],
) -> Cluster | None:
    """The cluster; ``None`` where there is none: a name for DNS without endpoints, a subset of
    DYNAMIC_DNS.
    """
    port, policy = inputs.port, inputs.policy
    where = discovery(inputs, mesh, facts, role=role, families=families)
    if where is None:
        return None
    pool = policy.pool or ConnectionPool()
    return Cluster(
        name=inputs.name,
        origin=_origin(inputs),
        discovery=where,
        balancer=(policy.load_balancer or LoadBalancer()).balancer,
        pool=replace(pool, keepalive=keepalive_of(pool.keepalive, mesh.keepalive)),
        connect_timeout=pool.connect_timeout or mesh.connect_timeout,
        http_version=http_version(port.protocol, pool.upgrade, mesh, role),
        speaks_http=port.protocol.is_http,
        keeps_header_case=mesh.keeps_header_case,
        outlier=policy.outlier,
        retry_budget=policy.retry_budget,
        proxy_protocol=policy.proxy_protocol,
        tls=upstream_tls(inputs, where, mesh, facts, role),
        weighting=weighting(inputs, mesh),
        tls_parameters=mesh.tls_parameters,
        is_measured=mesh.measures_calls,
    )


def http_version(
    protocol: Protocol, upgrade: HttpUpgrade | None, mesh: MeshDefaults, role: Role
) -> HttpVersion:
    """What is spoken to endpoints; an HTTP/2 port stays one whatever the upgrade policy says."""
    if upgrade is HttpUpgrade.AS_CLIENT:
        return HttpVersion.AS_CLIENT
    if protocol.is_http2 or upgrade is HttpUpgrade.ALWAYS:
        return HttpVersion.HTTP2
    if mesh.upgrades_http and protocol.is_http and upgrade is not HttpUpgrade.NEVER:
        return HttpVersion.HTTP2
    if protocol is Protocol.AUTO and role.captures_connections:
        return HttpVersion.AS_CLIENT
    return HttpVersion.HTTP1


def keepalive_of(own: Keepalive | None, of_mesh: Keepalive | None) -> Keepalive | None:
    """Field by field, the mesh's where the destination says nothing."""
    if own is None or of_mesh is None:
        return own or of_mesh
    return Keepalive(
        probes=own.probes if own.probes is not None else of_mesh.probes,
        time=own.time if own.time is not None else of_mesh.time,
        interval=own.interval if own.interval is not None else of_mesh.interval,
    )


def _origin(inputs: ClusterInputs) -> Origin:
    return Origin(
        host=inputs.service.host,
        name=inputs.service.name,
        namespace=inputs.service.namespace,
        subset=inputs.subset.name if inputs.subset is not None else None,
        rule=inputs.rule.key if inputs.rule is not None else None,
        is_external=inputs.service.is_external,
    )
