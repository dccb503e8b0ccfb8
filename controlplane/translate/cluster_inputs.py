"""What a cluster is made of: a port of a service, the policy for it, what the mesh says of all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from controlplane.model.cluster_name import outbound, sni_dnat_name
from controlplane.model.locality import BY_DISTANCE, Group, LocalityPolicy
from controlplane.model.service import Service, ServicePort
from controlplane.model.tls import USUAL_PARAMETERS, TlsParameters
from controlplane.model.traffic_policy import Keepalive, Passthrough, TrafficPolicy
from controlplane.translate.destination_rules import DestinationRule, Subset, effective_policy

CONNECT_TIMEOUT: Final = timedelta(seconds=10)  # Istio, MeshConfig.connectTimeout, default


DNS_REFRESH: Final = timedelta(seconds=5)  # Envoy, Cluster.dns_refresh_rate, default


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
    measures_calls: bool = False
    """Whether some proxy has Istio's metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterInputs:
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
        """Whether connections keep the client's original destination; below a port that does, so
        does every subset.
        """
        whole = effective_policy(self.rule, self.port.number, None, TrafficPolicy())
        return any(
            policy.load_balancer is not None
            and isinstance(policy.load_balancer.balancer, Passthrough)
            for policy in (self.policy, whole)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFacts:
    """What is asked of the endpoints, and only where it matters: whatever is read here makes a new
    cluster when it changes.
    """

    groups: Callable[[], tuple[Group, ...]]
    accounts: Callable[[], tuple[str, ...]]
    may_take_mutual_tls: Callable[[], bool]
    """Whether the namespace of the service does not rule it out."""
    all_take_mutual_tls: Callable[[], bool]
