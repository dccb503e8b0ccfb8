"""What one Envoy cluster is made of, with every decision made."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.model.locality import Group
from controlplane.model.proxy import IpFamily
from controlplane.model.tls import USUAL_PARAMETERS, TlsParameters
from controlplane.model.tls_upstream import UpstreamTls
from controlplane.model.traffic_policy import (
    Balancer,
    ConnectionPool,
    OutlierDetection,
    ProxyProtocol,
    RetryBudget,
)


@dataclass(frozen=True, slots=True)
class Eds:
    """Endpoints come by EDS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """Endpoints are names (and addresses among them) that Envoy looks up every ``refresh``.

    ``is_logical`` uses one address of one name, and keeps connections when it changes.
    """

    groups: tuple[Group, ...]
    families: tuple[IpFamily, ...]
    refresh: timedelta
    is_logical: bool = False
    first_connect_wins: bool = False


@dataclass(frozen=True, slots=True)
class OriginalDestination:
    """Where the client was going; ``port`` replaces its port. ``is_kept``: one that is not used is
    never forgotten.
    """

    port: PortNumber | None = None
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Fixed:
    """One address, which does not change; ``unix://`` and a path, with port 0, is a socket."""

    address: str
    port: PortNumber


@dataclass(frozen=True, slots=True)
class DynamicForwardProxy:
    """The host of each request is looked up. ``cache`` names the addresses found."""

    cache: str
    families: tuple[IpFamily, ...]


Discovery = Eds | Dns | Fixed | OriginalDestination | DynamicForwardProxy


class HttpVersion(Enum):
    HTTP1 = auto()
    HTTP2 = auto()
    AS_CLIENT = auto()


class LocalityWeighting(Enum):
    """Whether Envoy uses the weights of localities."""

    NONE = auto()
    BY_WEIGHT = auto()


@dataclass(frozen=True, slots=True)
class ZoneAwareness:
    is_enabled: bool = True
    min_cluster_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a cluster comes from, for readers of a configuration dump."""

    host: Host
    name: str
    namespace: Namespace
    subset: str | None = None
    rule: ObjectKey | None = None
    """The object that its policy is of."""
    is_external: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """``balancer`` is used only where there are endpoints to choose from; ``speaks_http`` says that
    the port does. ``keeps_header_case``: HTTP/1.1 headers go out as the client spelled them.
    ``is_measured``: metrics say of calls which service and workload they were for.
    ``sources`` are the addresses, one of a family, that connections come from; without any the
    system chooses. ``origin`` is ``None`` where no service is behind it.
    """

    name: str
    origin: Origin | None
    discovery: Discovery
    balancer: Balancer
    pool: ConnectionPool
    connect_timeout: timedelta
    http_version: HttpVersion = HttpVersion.HTTP1
    speaks_http: bool = True
    keeps_header_case: bool = False
    outlier: OutlierDetection | None = None
    retry_budget: RetryBudget | None = None
    proxy_protocol: ProxyProtocol | None = None
    tls: UpstreamTls | None = None
    tls_parameters: TlsParameters = USUAL_PARAMETERS
    """Ciphers and curves of TLS that is the user's own."""
    weighting: LocalityWeighting | ZoneAwareness = LocalityWeighting.NONE
    sources: tuple[str, ...] = ()
    is_measured: bool = False
