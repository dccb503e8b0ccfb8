"""What is to be served on a port, as one object declares it: before the servers of all objects are
merged on a proxy.
"""

from dataclasses import dataclass
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, PortNumber
from controlplane.model.gateway_api import ListenerId
from controlplane.model.plan.route_table import ServerHost
from controlplane.model.tls import ServerTls

Age = tuple[str, str, str]
"""Which server comes first on a proxy: the oldest object; where none is older, by name, then
namespace.
"""
NO_AGE: Final[Age] = ("", "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServer:
    """Requests are read and routed. With ``tls`` the server is HTTPS: TLS ends here."""

    tls: ServerTls | None = None
    accepts_grpc_web: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpServer:
    """Connections are forwarded, all to one destination; ``tls`` ends here when it is given."""

    tls: ServerTls | None = None


@dataclass(frozen=True, slots=True)
class TlsPassthrough:
    """TLS passes through untouched to the route of its SNI."""


@dataclass(frozen=True, slots=True)
class AutoPassthrough:
    """The mesh's own TLS passes through to the service that its SNI names (SNI-DNAT), without any
    route.
    """


@dataclass(frozen=True, slots=True)
class UdpServer:
    """Datagrams are forwarded, all to one destination."""


ServerProtocol = HttpServer | TcpServer | TlsPassthrough | AutoPassthrough | UdpServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """``place`` is where the server is declared; ``gateway`` is ``namespace/name`` of that object,
    or of the Gateway that Istio makes of a ``listener``.

    ``bind`` is as written: empty for every address of the proxy. ``port`` is the declared one,
    which the Service in front of the proxy may translate. ``title`` names statistics.
    ``elsewhere`` are hosts of other servers, whose requests do not belong on a connection to this
    one. A plain HTTP server may have TLS settings too (``has_tls_settings``), to redirect or empty.
    """

    place: FieldRef
    gateway: str
    port: PortNumber
    port_name: str
    hosts: tuple[ServerHost, ...]
    protocol: ServerProtocol
    bind: str = ""
    title: str = ""
    redirects_to_https: bool = False
    has_tls_settings: bool = False
    age: Age = NO_AGE
    listener: ListenerId | None = None
    elsewhere: tuple[Host, ...] = ()

    @property
    def display_name(self) -> str:
        """How messages name the server."""
        if self.listener is not None:
            return self.listener.display_name
        return f'server "{self.port_name}" of Gateway {self.gateway}'

    @property
    def tls(self) -> ServerTls | None:
        match self.protocol:
            case HttpServer(tls=tls) | TcpServer(tls=tls):
                return tls
            case _:
                return None

    @property
    def sees_tls(self) -> bool:
        """Whether clients of this server speak TLS, wherever it ends."""
        return self.tls is not None or isinstance(self.protocol, TlsPassthrough | AutoPassthrough)

    @property
    def is_udp(self) -> bool:
        return isinstance(self.protocol, UdpServer)

    @property
    def routes_plain_requests(self) -> bool:
        return isinstance(self.protocol, HttpServer) and self.protocol.tls is None

    @property
    def server_names(self) -> tuple[str, ...]:
        """The SNI this server answers to, in lower case, sorted; empty for any SNI and for none."""
        names = {server_host.host.lower() for server_host in self.hosts}
        return () if "*" in names else tuple(sorted(names))
