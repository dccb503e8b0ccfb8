"""What a chain does with its connections: the filters they go through."""

from dataclasses import dataclass
from datetime import timedelta

from controlplane.base.names import PortNumber
from controlplane.model.access_log import AccessLog
from controlplane.model.authorization import Authorization
from controlplane.model.extension import LuaFilter, WasmFilter
from controlplane.model.external_authorization import CustomRules, ExternalCheck, Provider
from controlplane.model.http_settings import HttpSettings
from controlplane.model.metrics import Metrics
from controlplane.model.proxy import IpFamily
from controlplane.model.routing import Route
from controlplane.model.tokens import JwtAuthentication
from controlplane.model.traffic_policy import Tunnel


@dataclass(frozen=True, slots=True)
class GrpcWeb:
    """gRPC-Web of browsers becomes gRPC."""


@dataclass(frozen=True, slots=True)
class GrpcStats:
    """Messages of gRPC calls are counted."""


@dataclass(frozen=True, slots=True)
class OfferedProtocols:
    """The mesh's own TLS offers the protocol of the request, where a route asks for it."""


@dataclass(frozen=True, slots=True)
class FaultInjection:
    """Delays and aborts, where a route asks for them."""


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """Preflights of other origins are answered, where a route asks for it."""


@dataclass(frozen=True, slots=True)
class KeptSessions:
    """Requests of a session go to one endpoint, where a route asks for it."""


@dataclass(frozen=True, slots=True)
class RouteCheck:
    """A service decides requests, where a route asks for it by the provider's name."""

    provider: Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Forwards the request. ``shows_envoy_headers``: whether upstreams and clients see Envoy's own
    ``x-envoy-…`` headers.
    """

    shows_envoy_headers: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicForwardProxyHttp:
    """The host of a request is looked up, where its route leads to a cluster with ``cache``."""

    cache: str
    families: tuple[IpFamily, ...]


PolicyFilter = Authorization | CustomRules | ExternalCheck
"""What policies put into chains of HTTP and TCP alike."""
PolicyHttpFilter = PolicyFilter | JwtAuthentication
"""What policies put into chains; encoded once for all chains that have it."""
HttpFilter = (
    PolicyHttpFilter
    | WasmFilter
    | LuaFilter
    | GrpcWeb
    | GrpcStats
    | OfferedProtocols
    | FaultInjection
    | CrossOrigin
    | KeptSessions
    | RouteCheck
    | DynamicForwardProxyHttp
    | Router
)


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A route table that the proxy asks for by name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineTable:
    """A route table of one virtual host for every domain with one route, in the chain itself.
    ``tells_attempt``: the upstream learns which try it sees.
    """

    name: str
    virtual_host: str
    route: Route
    tells_attempt: bool = False


RouteSource = NamedTable | InlineTable


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConnectionManager:
    """Connections are read as HTTP, requests go through ``filters`` and are routed by a table.

    The order of ``filters`` matters only among those of one slot.
    """

    routes: RouteSource
    stat_prefix: str
    filters: tuple[HttpFilter, ...]
    settings: HttpSettings
    access_logs: tuple[AccessLog, ...] = ()
    metrics: Metrics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWeight:
    """A cluster and the weight of its share of the connections."""

    cluster: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpProxy:
    """Bytes are forwarded as they are. ``idle_timeout`` of zero is never; unset is Envoy's own (1
    h).
    """

    stat_prefix: str
    clusters: tuple[ClusterWeight, ...]
    idle_timeout: timedelta | None = None
    max_connection_duration: timedelta | None = None
    hashes_source_address: bool = False
    tunnel: Tunnel | None = None
    access_logs: tuple[AccessLog, ...] = ()
    metrics: Metrics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoProxy:
    """What is read of MongoDB's protocol is counted."""

    stat_prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicForwardProxySni:
    """The SNI of a connection is looked up, and ``port`` of it connected to."""

    cache: str
    families: tuple[IpFamily, ...]
    port: PortNumber


NetworkFilter = (
    PolicyFilter
    | WasmFilter
    | HttpConnectionManager
    | TcpProxy
    | MongoProxy
    | DynamicForwardProxySni
)
