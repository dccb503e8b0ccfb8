"""A server of a Gateway as its author declared it, before the servers of all Gateways are merged
on a proxy.
"""

from dataclasses import dataclass

from controlplane.base.locations import FieldRef
from controlplane.base.names import PortNumber
from controlplane.model.gateway import ServerHost
from controlplane.model.listening import Address
from controlplane.model.tls import ServerTls


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRequests:
    """HTTP, or HTTPS when ``tls`` ends here."""

    tls: ServerTls | None = None
    speaks_grpc_web: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeStreams:
    """Connections are forwarded, all to one destination; ``tls`` ends here when it is given."""

    tls: ServerTls | None = None


@dataclass(frozen=True, slots=True)
class PassTls:
    """TLS goes through untouched to the route of its SNI."""


@dataclass(frozen=True, slots=True)
class PassMeshTls:
    """The mesh's own TLS goes through to the service that its SNI spells out, without any route."""


Service = ServeRequests | ServeStreams | PassTls | PassMeshTls


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """``place`` is the server's in its Gateway; ``gateway`` is ``namespace/name`` of that.

    ``bind`` is as written: empty for every address of the proxy. ``port`` is the declared one,
    which the Service in front of the proxy may translate. ``title`` names statistics.
    ``has_tls_settings`` even a plain HTTP server may, to redirect or empty.
    """

    place: FieldRef
    gateway: str
    port: PortNumber
    port_name: str
    protocol: str
    hosts: tuple[ServerHost, ...]
    service: Service
    bind: str = ""
    title: str = ""
    redirects_to_https: bool = False
    has_tls_settings: bool = False

    @property
    def tls(self) -> ServerTls | None:
        match self.service:
            case ServeRequests(tls=tls) | ServeStreams(tls=tls):
                return tls
            case _:
                return None

    @property
    def sees_tls(self) -> bool:
        """Whether clients of this server speak TLS, wherever it ends."""
        return self.tls is not None or isinstance(self.service, PassTls | PassMeshTls)

    @property
    def routes_plain_requests(self) -> bool:
        return isinstance(self.service, ServeRequests) and self.service.tls is None

    @property
    def server_names(self) -> tuple[str, ...]:
        """The SNI this server answers to, in lower case, sorted; empty for any SNI and for none."""
        names = {server_host.host.lower() for server_host in self.hosts}
        return () if "*" in names else tuple(sorted(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The servers that share an address of a proxy, first the one that opened it."""

    address: Address
    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A server that is left out on a proxy because an earlier one holds what it claims.

    ``claim`` says what: ``host "shop.example.com" on port 8443``; ``hint`` is the way out of it.
    """

    loser: Server
    winner: Server
    claim: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What all servers come to on one sort of proxy; ``shared`` are plaintext servers beside TLS
    ones.
    """

    doors: tuple[Door, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    shared: tuple[Conflict, ...] = ()
