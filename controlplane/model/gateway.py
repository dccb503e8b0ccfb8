"""How the servers of all Gateways that select one proxy are merged: the outline that routes are
filled into.
"""

from dataclasses import dataclass

from controlplane.base.names import Host
from controlplane.base.names import Namespace
from controlplane.base.names import PortNumber


@dataclass(frozen=True, slots=True, order=True)
class ServerHost:
    """A host of a server. ``namespace`` admits only VirtualServices of that one; ``None`` admits
    all.
    """

    host: Host
    namespace: Namespace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServer:
    """A server whose requests are routed. ``gateway`` is ``namespace/name``; ``port`` is the
    declared one.
    """

    gateway: str
    hosts: tuple[ServerHost, ...]
    port: PortNumber
    redirects_to_https: bool = False
    has_tls_settings: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTableOutline:
    """A route table (Envoy: RouteConfiguration) and the servers that share it, in Gateway and
    server order.

    ``port`` is the one the listener is bound to.
    """

    name: str
    port: PortNumber
    servers: tuple[HttpServer, ...]
