"""What a client does on the way to a destination: balancing, limits, ejection, encryption.

In every value ``None`` is "not set by the user".
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from controlplane.model.locality import LocalityPolicy
from controlplane.model.routing import HashPolicy
from controlplane.model.tls_upstream import ClientTls


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
    """Probes of idle TCP connections; what is unset is the operating system's."""

    probes: int | None = None
    time: timedelta | None = None
    interval: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Keepalive:
    interval: timedelta
    timeout: timedelta


class HttpUpgrade(Enum):
    """Which HTTP version is used where the port's protocol leaves it open."""

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
    """A policy; each block is whole and none is merged with another's fields."""

    load_balancer: LoadBalancer | None = None
    pool: ConnectionPool | None = None
    outlier: OutlierDetection | None = None
    tls: ClientTls | None = None
    tunnel: Tunnel | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None


NO_POLICY: Final = TrafficPolicy()
