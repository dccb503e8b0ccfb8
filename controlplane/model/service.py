"""A service: a host that clients name, its ports, and how its endpoints are found."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.model.proxy import Labels
from controlplane.model.visibility import EVERYONE, Visibility


class Protocol(Enum):
    """What is spoken on a port. ``AUTO``: none that is known was declared."""

    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    HTTP_PROXY = "HTTP_PROXY"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-WEB"
    HTTPS = "HTTPS"
    TLS = "TLS"
    TCP = "TCP"
    MONGO = "MONGO"
    REDIS = "REDIS"
    MYSQL = "MYSQL"
    UDP = "UDP"
    AUTO = ""

    @property
    def is_http(self) -> bool:
        return self in _HTTP

    @property
    def is_http2(self) -> bool:
        return self in _HTTP2

    @property
    def is_tls(self) -> bool:
        """Whether connections are TLS of the application's own, chosen by SNI."""
        return self in (Protocol.HTTPS, Protocol.TLS)


_HTTP2: Final = frozenset({Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB})
_HTTP: Final = _HTTP2 | {Protocol.HTTP, Protocol.HTTP_PROXY}


class Resolution(Enum):
    """How the endpoints of a service are found."""

    ENDPOINTS = auto()
    """They are known: a Service with a cluster address, a ServiceEntry with STATIC."""
    HEADLESS = auto()
    """A Service without a cluster address: clients name its endpoints themselves."""
    NONE = auto()
    """Wherever the client was going."""
    DNS = auto()
    DNS_ROUND_ROBIN = auto()
    DYNAMIC_DNS = auto()
    """The name in each request is looked up."""
    ALIAS = auto()
    """An alias of another host (ExternalName)."""

    @property
    def uses_dns(self) -> bool:
        """Whether Envoy looks names up, so that endpoints are in the cluster itself."""
        return self in (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


class Origin(Enum):
    KUBERNETES = auto()
    ENTRY = auto()


class TrafficDistribution(Enum):
    """``trafficDistribution``: endpoints near the client come first, however healthy the others
    are.
    """

    ZONE = auto()
    NODE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """``target`` is where the endpoints listen: a number, or the name of a container port."""

    number: PortNumber
    name: str
    protocol: Protocol
    target: int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service as its declarations of one namespace say; ``declared_by`` has the defining one
    first.

    ``addresses`` are virtual ones. ``created`` is the age of the first declaration. ``selector`` is
    ``None`` where endpoints are listed and not selected. ``labels`` are those of a ServiceEntry.
    """

    host: Host
    namespace: Namespace
    name: str
    origin: Origin
    declared_by: tuple[ObjectKey, ...]
    ports: tuple[ServicePort, ...]
    resolution: Resolution
    is_external: bool = False
    visibility: Visibility = EVERYONE
    addresses: tuple[str, ...] = ()
    alias: Host | None = None
    selector: Labels | None = None
    subject_alt_names: tuple[str, ...] = ()
    traffic_distribution: TrafficDistribution | None = None
    first_connect_wins: bool = False
    """The first of a name's addresses that answers is used (``istio.io/connect-strategy``)."""
    publishes_unready: bool = False
    is_node_local: bool = False
    """Only endpoints on the client's own node are used (``internalTrafficPolicy: Local``)."""
    labels: Labels = ()
    created: str = ""

    def port(self, number: int) -> ServicePort | None:
        """The port of that number; one for UDP only where no other has it."""
        found = (port for port in self.ports if port.number == number)
        return min(found, key=lambda port: port.protocol is Protocol.UDP, default=None)
