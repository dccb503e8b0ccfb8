"""A port of a service, and the policy for it, become a backend: every decision that Envoy is not
left with.

Source: Istio ``pilot/pkg/networking/core/cluster_builder.go``, ``cluster_traffic_policy.go``,
``cluster_tls.go``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from datetime import timedelta
from typing import Final

from controlplane.base.names import PortNumber
from controlplane.model.backend import Backend
from controlplane.model.backend import Discovered
from controlplane.model.backend import Discovery
from controlplane.model.backend import HttpVersion
from controlplane.model.backend import LocalityWeighting
from controlplane.model.backend import LookedUp
from controlplane.model.backend import NameOfRequest
from controlplane.model.backend import Origin
from controlplane.model.backend import OriginalDestination
from controlplane.model.backend import ZoneAwareness
from controlplane.model.cluster_name import outbound
from controlplane.model.cluster_name import sni_dnat_name
from controlplane.model.endpoint import Endpoint
from controlplane.model.endpoint import selects
from controlplane.model.locality import BY_DISTANCE
from controlplane.model.locality import NEAR_NODE
from controlplane.model.locality import NEAR_ZONE
from controlplane.model.locality import Distribute
from controlplane.model.locality import Failover
from controlplane.model.locality import Group
from controlplane.model.locality import LocalityPolicy
from controlplane.model.locality import NoPreference
from controlplane.model.locality import ZoneAware
from controlplane.model.proxy import IpFamily
from controlplane.model.proxy import Role
from controlplane.model.service import Nearness
from controlplane.model.service import Origin as Declared
from controlplane.model.service import Protocol
from controlplane.model.service import Resolution
from controlplane.model.service import Service
from controlplane.model.service import ServicePort
from controlplane.model.tls import USUAL_PARAMETERS
from controlplane.model.tls import TlsParameters
from controlplane.model.tls_upstream import LONGEST_SNI
from controlplane.model.tls_upstream import MeshMutual
from controlplane.model.tls_upstream import OnCapableEndpoints
from controlplane.model.tls_upstream import OnEveryEndpoint
from controlplane.model.tls_upstream import Originate
from controlplane.model.tls_upstream import Plaintext
from controlplane.model.tls_upstream import TrustAnything
from controlplane.model.tls_upstream import UpstreamTls
from controlplane.model.tls_upstream import secrets_named
from controlplane.model.traffic_policy import ConnectionPool
from controlplane.model.traffic_policy import HttpUpgrade
from controlplane.model.traffic_policy import Keepalive
from controlplane.model.traffic_policy import LoadBalancer
from controlplane.model.traffic_policy import Passthrough
from controlplane.model.traffic_policy import TrafficPolicy
from controlplane.translate.destination_rules import DestinationRule
from controlplane.translate.destination_rules import Subset
from controlplane.translate.destination_rules import effective_policy

CONNECT_TIMEOUT: Final = timedelta(seconds=10)  # Istio, MeshConfig.connectTimeout, default
DNS_REFRESH: Final = timedelta(seconds=5)  # Envoy, Cluster.dns_refresh_rate, default
FORWARDED: Final = frozenset({Protocol.HTTP, Protocol.HTTP2, Protocol.GRPC, Protocol.TLS})
"""The protocols that carry the name which DYNAMIC_DNS looks up (Istio's own list)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshDefaults:
    """What the mesh says about every destination."""

    connect_timeout: timedelta = CONNECT_TIMEOUT
    keepalive: Keepalive | None = None
    upgrades_http: bool = False
    keeps_header_case: bool = False
    dns_refresh: timedelta = DNS_REFRESH
    uses_mutual_tls: bool = True
    trust_domains: tuple[str, ...] = ("cluster.local",)
    locality: LocalityPolicy | None = BY_DISTANCE
    tls_parameters: TlsParameters = USUAL_PARAMETERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One cluster's share of a service: a port, perhaps a subset, and the policy for them.

    ``is_sni_dnat``: it is chosen by SNI, and the mesh's own TLS passes through it as it is.
    """

    service: Service
    port: ServicePort
    subset: Subset | None
    rule: DestinationRule | None
    policy: TrafficPolicy
    is_sni_dnat: bool = False

    @property
    def name(self) -> str:
        """The name of the cluster."""
        subset = self.subset.name if self.subset is not None else None
        spell = sni_dnat_name if self.is_sni_dnat else outbound
        return spell(self.port.number, subset, self.service.host)

    @property
    def passes_through(self) -> bool:
        """Whether connections go where the client was going; below a port that does, no subset is
        otherwise.
        """
        whole = effective_policy(self.rule, self.port.number, None, TrafficPolicy())
        return any(
            policy.load_balancer is not None
            and isinstance(policy.load_balancer.balancer, Passthrough)
            for policy in (self.policy, whole)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What is asked of the endpoints, and only where it matters: reading it costs a new cluster for
    each change.
    """

    groups: Callable[[], tuple[Group, ...]]
    accounts: Callable[[], tuple[str, ...]]
    all_take_mutual_tls: Callable[[], bool]


def backend(
    part: Part,
    mesh: MeshDefaults,
    known: Knowledge,
    *,
    role: Role,
    families: tuple[IpFamily, ...],
) -> Backend | None:
    """The backend; ``None`` where there is none: a name for DNS without endpoints, a subset of
    DYNAMIC_DNS.
    """
    port, policy = part.port, part.policy
    where = discovery(part, mesh, known, role=role, families=families)
    if where is None:
        return None
    pool = policy.pool or ConnectionPool()
    return Backend(
        name=part.name,
        origin=_origin(part),
        discovery=where,
        balancer=(policy.load_balancer or LoadBalancer()).balancer,
        pool=replace(pool, keepalive=_keepalive(pool.keepalive, mesh.keepalive)),
        connect_timeout=pool.connect_timeout or mesh.connect_timeout,
        http_version=http_version(port.protocol, pool.upgrade, mesh, role),
        speaks_http=port.protocol.is_http,
        keeps_header_case=mesh.keeps_header_case,
        outlier=policy.outlier,
        retry_budget=policy.retry_budget,
        proxy_protocol=policy.proxy_protocol,
        tls=_upstream_tls(part, where, mesh, known, role),
        weighting=_weighting(part, mesh),
        tls_parameters=mesh.tls_parameters,
    )


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


def locality_policy(part: Part, mesh: MeshDefaults) -> LocalityPolicy | None:
    """The policy by which endpoints are ranked or weighted; ``None`` where localities mean nothing.

    Without outlier detection Envoy would never turn to the next priority, so there are none.
    """
    said = _locality_said(part, mesh)
    match said:
        case None | NoPreference():
            return None
        case Distribute():
            return said
        case Failover(is_forced=True):
            return said
        case Failover() | ZoneAware():
            return said if part.policy.outlier is not None else None


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


def _locality_said(part: Part, mesh: MeshDefaults) -> LocalityPolicy | None:
    balancer = part.policy.load_balancer
    if balancer is not None and balancer.locality is not None:
        return balancer.locality
    match part.service.nearness:
        case Nearness.ZONE:
            return NEAR_ZONE
        case Nearness.NODE:
            return NEAR_NODE
        case None:
            return mesh.locality


def _weighting(part: Part, mesh: MeshDefaults) -> LocalityWeighting | ZoneAwareness:
    said = _locality_said(part, mesh)
    if isinstance(said, ZoneAware):
        return ZoneAwareness(said.is_enabled, said.min_cluster_size)
    policy = locality_policy(part, mesh)
    is_ranked = isinstance(policy, Failover) and bool(policy.regions or policy.labels)
    if isinstance(policy, Distribute) or is_ranked:
        return LocalityWeighting.BY_WEIGHT
    return LocalityWeighting.NONE


def _keepalive(own: Keepalive | None, of_mesh: Keepalive | None) -> Keepalive | None:
    """Field by field, the mesh's where the destination says nothing."""
    if own is None or of_mesh is None:
        return own or of_mesh
    return Keepalive(
        probes=own.probes if own.probes is not None else of_mesh.probes,
        time=own.time if own.time is not None else of_mesh.time,
        interval=own.interval if own.interval is not None else of_mesh.interval,
    )


def _origin(part: Part) -> Origin:
    return Origin(
        host=part.service.host,
        name=part.service.name,
        namespace=part.service.namespace,
        subset=part.subset.name if part.subset is not None else None,
        rule=part.rule.key if part.rule is not None else None,
        is_external=part.service.is_external,
    )


def _upstream_tls(
    part: Part, where: Discovery, mesh: MeshDefaults, known: Knowledge, role: Role
) -> UpstreamTls | None:
    """What the rule says; where it says nothing, mutual TLS with what takes it, if that is in the
    mesh.
    """
    if part.is_sni_dnat:
        return None
    match part.policy.tls:
        case Plaintext():
            return None
        case MeshMutual() as tls:
            return OnEveryEndpoint(_mesh_mutual(part, tls, mesh, known))
        case Originate() as tls:
            if _is_withheld(part, tls, role):
                return None
            return OnEveryEndpoint(_named(part, tls, mesh, known))
        case None:
            return _automatic(part, where, mesh, known)


def _automatic(
    part: Part, where: Discovery, mesh: MeshDefaults, known: Knowledge
) -> UpstreamTls | None:
    if not mesh.uses_mutual_tls or part.service.is_external or isinstance(where, NameOfRequest):
        return None
    is_direct = part.service.resolution is Resolution.HEADLESS or part.passes_through
    if is_direct and not known.all_take_mutual_tls():
        return None
    mutual = _mesh_mutual(part, MeshMutual(), mesh, known)
    if isinstance(where, OriginalDestination):
        return OnEveryEndpoint(mutual)
    return OnCapableEndpoints(mutual)


def _mesh_mutual(part: Part, tls: MeshMutual, mesh: MeshDefaults, known: Knowledge) -> MeshMutual:
    subset = part.subset.name if part.subset is not None else None
    sni = tls.sni or sni_dnat_name(part.port.number, subset, part.service.host)
    return MeshMutual(
        sni=sni if len(sni.encode()) <= LONGEST_SNI else None,
        names=tls.names or _identities(part, mesh, known),
    )


def _identities(part: Part, mesh: MeshDefaults, known: Knowledge) -> tuple[str, ...]:
    """What the endpoints may prove to be: their service accounts, and the names of the service."""
    accounts = (
        f"spiffe://{domain}/ns/{namespace}/sa/{account}"
        for namespace, _, account in (found.partition("/") for found in known.accounts())
        for domain in mesh.trust_domains
    )
    return tuple(sorted({*accounts, *part.service.subject_alt_names}))


def _named(part: Part, tls: Originate, mesh: MeshDefaults, known: Knowledge) -> Originate:
    """The names of a ServiceEntry, and the accounts of its endpoints, are demanded where the rule
    names none.
    """
    verifies = not isinstance(tls.trust, TrustAnything)
    if tls.names or not verifies or part.service.origin is not Declared.ENTRY:
        return tls
    return replace(tls, names=_identities(part, mesh, known))


def _is_withheld(part: Part, tls: Originate, role: Role) -> bool:
    """Secrets of a sidecar's namespace are not given to each of its workloads: Istio sends
    plaintext then.
    """
    asks = any(name.startswith("kubernetes:") for _, name in secrets_named(tls))
    selected = part.rule is not None and part.rule.selector is not None
    return not role.may_use_every_secret and asks and not selected
