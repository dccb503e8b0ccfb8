"""What a proxy listens on: addresses, the chains a connection may take there, and what is done
with it.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from controlplane.base.names import PortNumber
from controlplane.model.tls import ServerTls
from controlplane.model.traffic_policy import Tunnel


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """An IP address and port, or a Unix socket (``unix://…``, port 0)."""

    host: str
    port: PortNumber

    def __str__(self) -> str:
        return f"{self.host}_{self.port}"

    @property
    def pipe(self) -> str | None:
        """The path of a Unix socket; ``@name`` is an abstract one."""
        return self.host.removeprefix("unix://") if self.host.startswith("unix://") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRequests:
    """Requests are read and routed by a route table that the proxy asks for by name."""

    route_table: str
    stat_prefix: str
    speaks_grpc_web: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A cluster and the weight of its share of the connections."""

    cluster: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardStream:
    """Bytes are forwarded as they are. ``idle_timeout`` of zero is never; unset is Envoy's own (1
    h).
    """

    stat_prefix: str
    shares: tuple[Share, ...]
    idle_timeout: timedelta | None = None
    max_connection_duration: timedelta | None = None
    hashes_source_address: bool = False
    tunnel: Tunnel | None = None


Handling = RouteRequests | ForwardStream


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A way through a listener. Without ``server_names`` it takes whatever no other chain takes.

    ``server_names`` are SNI in lower case, exact or ``*.suffix``, sorted.
    """

    handling: Handling
    server_names: tuple[str, ...] = ()
    application_protocols: tuple[str, ...] = ()
    tls: ServerTls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """``inspects_tls``: the first bytes are looked at for a ClientHello and its SNI."""

    address: Address
    chains: tuple[Chain, ...]
    inspects_tls: bool = False

    @property
    def name(self) -> str:
        return str(self.address)


class ForwardedCertificate(Enum):
    """What happens to ``x-forwarded-client-cert``. Source:
    HttpConnectionManager.ForwardClientCertDetails.
    """

    SANITIZE = 0
    FORWARD_ONLY = 1
    APPEND_FORWARD = 2
    SANITIZE_SET = 3
    ALWAYS_FORWARD_ONLY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDetails:
    """Which parts of a client's certificate the upstream is told."""

    subject: bool = True
    certificate: bool = True
    chain: bool = False
    dns: bool = True
    uri: bool = True


class UnderscoreHeaders(Enum):
    """What happens to headers with an underscore in their name."""

    ALLOW = 0
    REJECT_REQUEST = 1
    DROP_HEADER = 2


class EscapedSlashes(Enum):
    """What happens to ``%2F`` and ``%5C`` in a path."""

    KEEP_UNCHANGED = 1
    REJECT_REQUEST = 2
    UNESCAPE_AND_REDIRECT = 3
    UNESCAPE_AND_FORWARD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    normalized: bool = True
    merges_slashes: bool = False
    escaped_slashes: EscapedSlashes = EscapedSlashes.KEEP_UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long connections and requests may last; zero is never, unset is Envoy's own default."""

    idle: timedelta | None = None
    connection: timedelta | None = None
    stream: timedelta | None = None
    stream_idle: timedelta = timedelta(0)
    request: timedelta | None = None
    request_headers: timedelta | None = None
    drain: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Limits:
    concurrent_streams: int | None = None
    stream_window: int | None = None
    connection_window: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLog:
    """One line for each request or connection, in text or, when ``json`` is given, as a JSON
    object.

    Both are formats of Envoy's; an empty one is Istio's default.
    """

    path: str
    line: str = ""
    json: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """How requests are read and told on at every HTTP door of a proxy.

    ``server_name`` of ``None`` leaves the upstream's own ``server`` header.
    ``tracing_share`` is the percentage of requests sampled; ``None`` switches tracing off.
    """

    server_name: str | None = "istio-envoy"
    trusted_hops: int = 0
    forwarded_certificate: ForwardedCertificate = ForwardedCertificate.SANITIZE_SET
    certificate_details: CertificateDetails = CertificateDetails()
    paths: Paths = Paths()
    timeouts: Timeouts = Timeouts()
    http2: Http2Limits = Http2Limits()
    underscore_headers: UnderscoreHeaders | None = None
    accepts_http_10: bool = False
    keeps_header_case: bool = False
    generates_request_id: bool = True
    shows_envoy_headers: bool = True
    appends_forwarded_port: bool = False
    tracing_share: float | None = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """What holds for every listener of a proxy."""

    http: HttpSettings = HttpSettings()
    access_log: AccessLog | None = None
    logs_unmatched: bool = True
    """Whether connections that no chain takes are logged too."""
    expects_proxy_protocol: bool = False
    buffer_limit: int | None = None
    """Bytes buffered for each connection; unset is Envoy's own default (1 MiB)."""
    stream_idle_timeout: timedelta | None = None
    """For forwarded streams whose destination says nothing (node metadata ``IDLE_TIMEOUT``)."""
