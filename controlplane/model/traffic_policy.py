"""What a client does on the way to a destination: balancing, limits, ejection, encryption.

In every value ``None`` is "the user did not say".
Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from enum import auto

from controlplane.base.names import Host
from controlplane.base.names import Namespace
from controlplane.base.names import ObjectKey
from controlplane.model.locality import LocalityPolicy
from controlplane.model.proxy import Labels
from controlplane.model.routing import HashPolicy
from controlplane.model.routing import SourceIpHash
from controlplane.model.tls_upstream import ClientTls
from controlplane.model.visibility import EVERYONE
from controlplane.model.visibility import Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmup:
    """A new endpoint gets its full share only after ``window``; it starts at ``minimum_percent`` of
    it.
    """

    window: timedelta
    minimum_percent: float | None = None
    aggression: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastRequest:
    warmup: Warmup | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRobin:
    warmup: Warmup | None = None


@dataclass(frozen=True, slots=True)
class Random:
    """Any endpoint."""


@dataclass(frozen=True, slots=True)
class Passthrough:
    """The address that the client was going to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RingHash:
    """``minimum_size`` of ``None`` is Envoy's own."""

    minimum_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Maglev:
    table_size: int | None = None


Balancer = LeastRequest | RoundRobin | Random | Passthrough | RingHash | Maglev


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancer:
    """``hash_policies`` is not empty exactly where the user asked for consistent hashing."""

    balancer: Balancer = LeastRequest()
    hash_policies: tuple[HashPolicy, ...] = ()
    locality: LocalityPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepalive:
    """Probes of idle TCP connections; what is not said is the operating system's."""

    probes: int | None = None
    time: timedelta | None = None
    interval: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Keepalive:
    interval: timedelta
    timeout: timedelta


class HttpUpgrade(Enum):
    """Which HTTP version is spoken where the port's protocol does not say."""

    ALWAYS = auto()
    NEVER = auto()
    AS_CLIENT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPool:
    """``tcp_idle_timeout`` and ``http_idle_timeout`` of zero are none at all."""

    max_connections: int | None = None
    connect_timeout: timedelta | None = None
    keepalive: Keepalive | None = None
    max_connection_duration: timedelta | None = None
    tcp_idle_timeout: timedelta | None = None
    max_pending_requests: int | None = None
    max_requests: int | None = None
    max_requests_per_connection: int | None = None
    max_retries: int | None = None
    http_idle_timeout: timedelta | None = None
    upgrade: HttpUpgrade | None = None
    max_concurrent_streams: int | None = None
    http2_keepalive: Http2Keepalive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierDetection:
    """When an endpoint is left out for a while. A count of zero switches that reason off."""

    consecutive_5xx: int | None = None
    consecutive_gateway_errors: int | None = None
    consecutive_local_origin_failures: int | None = None
    splits_local_origin_errors: bool = False
    interval: timedelta | None = None
    base_ejection_time: timedelta | None = None
    max_ejection_percent: int | None = None
    min_health_percent: int = 0
    error_statuses: tuple[int, ...] = ()


class ProxyProtocol(Enum):
    V1 = 1
    V2 = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    percent: float | None = None
    min_concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """TCP streams go through a proxy at the endpoint, which is asked (CONNECT or POST) for
    ``authority``.
    """

    authority: str
    uses_post: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPolicy:
    """A policy; each block stands alone and none is merged with another's fields."""

    load_balancer: LoadBalancer | None = None
    pool: ConnectionPool | None = None
    outlier: OutlierDetection | None = None
    tls: ClientTls | None = None
    tunnel: Tunnel | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyByPort:
    """A policy, and the ports that have one of their own (which inherits nothing)."""

    policy: TrafficPolicy = TrafficPolicy()
    ports: tuple[tuple[int, TrafficPolicy], ...] = ()

    def of_port(self, number: int) -> TrafficPolicy | None:
        return next((policy for port, policy in self.ports if port == number), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    name: str
    labels: Labels = ()
    policy: PolicyByPort | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRule:
    """A rule for a host. ``selector`` of ``None`` is every client that sees it; else it is one
    namespace's.

    ``policy`` of ``None`` means that the rule has only subsets. ``export_to`` holds the namespaces
    that the user wrote (``*`` among them), and is empty where the mesh's default decides.
    """

    key: ObjectKey
    host: Host
    policy: PolicyByPort | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: frozenset[str] = frozenset()
    visibility: Visibility = EVERYONE
    selector: Labels | None = None
    created: str = ""

    @property
    def namespace(self) -> Namespace:
        return self.key.namespace

    @property
    def is_private(self) -> bool:
        """Whether its own namespace alone sees it."""
        return not self.visibility.is_public and self.visibility.namespaces <= {self.namespace}

    def subset(self, name: str) -> Subset | None:
        return next((subset for subset in self.subsets if subset.name == name), None)


def effective_policy(
    rule: DestinationRule | None, port: int, subset: Subset | None, defaults: TrafficPolicy
) -> TrafficPolicy:
    """The policy for one port of a destination.

    A port's own policy stands in for the rule's; a subset then replaces the blocks that it sets,
    and a subset's policy for the port replaces four blocks, set or not. ``defaults`` (the mesh's)
    fill pool and outlier detection at last. Source: Istio ``MergeTrafficPolicy``.
    """
    base = TrafficPolicy()
    if rule is not None and rule.policy is not None:
        base = rule.policy.of_port(port) or rule.policy.policy
    if subset is not None and subset.policy is not None:
        base = _overridden(base, subset.policy, port)
    return replace(
        base,
        pool=base.pool or defaults.pool,
        outlier=base.outlier or defaults.outlier,
    )


def _overridden(base: TrafficPolicy, subset: PolicyByPort, port: int) -> TrafficPolicy:
    own = subset.policy
    merged = TrafficPolicy(
        load_balancer=own.load_balancer or base.load_balancer,
        pool=own.pool or base.pool,
        outlier=own.outlier or base.outlier,
        tls=own.tls or base.tls,
        tunnel=own.tunnel or base.tunnel,
        proxy_protocol=own.proxy_protocol or base.proxy_protocol,
        retry_budget=own.retry_budget or base.retry_budget,
    )
    of_port = subset.of_port(port)
    if of_port is None:
        return merged
    return replace(
        merged,
        load_balancer=of_port.load_balancer,
        pool=of_port.pool,
        outlier=of_port.outlier,
        tls=of_port.tls,
    )


def hash_policies_of(
    rule: DestinationRule, port: int | None, subset: Subset | None
) -> tuple[HashPolicy, ...]:
    """What requests are hashed by: the narrowest policy that asks for hashing, even where the
    subset does not.

    Source: Istio ``hashForHTTPDestination``: subset and port, subset, port, rule.
    """
    narrow = subset.policy if subset is not None else None
    wide = rule.policy
    candidates = (
        narrow.of_port(port) if narrow is not None and port is not None else None,
        narrow.policy if narrow is not None else None,
        wide.of_port(port) if wide is not None and port is not None else None,
        wide.policy if wide is not None else None,
    )
    for policy in candidates:
        balancer = policy.load_balancer if policy is not None else None
        if balancer is not None and balancer.hash_policies:
            return balancer.hash_policies
    return ()


def hashes_source_address(rule: DestinationRule, subset: Subset | None) -> bool:
    """Whether connections are hashed by where they come from: as the subset's balancer says where
    it has one, else as the rule's does; those of ports do not count.

    Source: Istio ``maybeSetHashPolicy``.
    """
    held = (subset.policy if subset is not None else None, rule.policy)
    balancers = (h.policy.load_balancer for h in held if h is not None)
    decisive = next((balancer for balancer in balancers if balancer is not None), LoadBalancer())
    return any(isinstance(policy, SourceIpHash) for policy in decisive.hash_policies)


def merged_rules(rules: tuple[DestinationRule, ...]) -> DestinationRule:
    """Several rules for one host as one: the first decides, later ones add subsets, or a policy
    where it has none.
    """
    first = rules[0]
    subsets: Mapping[str, Subset] = {
        subset.name: subset for rule in reversed(rules) for subset in reversed(rule.subsets)
    }
    return replace(
        first,
        policy=next((rule.policy for rule in rules if rule.policy is not None), None),
        subsets=tuple(
            subsets[name]
            for name in dict.fromkeys(subset.name for rule in rules for subset in rule.subsets)
        ),
    )
